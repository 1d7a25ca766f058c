"""``mlpbench selfcheck``: whether the measuring keeps what its reports promise."""

from __future__ import annotations

from functools import partial

import click
from rich.console import Console
from rich.text import Text

from bench.cli import exits
from bench.cli.options import Whole
from bench.cli.output import facts_table, say
from bench.selfcheck import CHECKS, Options, Report, run

_NAMES = "\n\n".join(f"\b\n{name}\n    {summary}" for name, summary in CHECKS.items())


@click.command("selfcheck", epilog=f"Checks:\n\n{_NAMES}")
@click.argument("name", type=click.Choice(list(CHECKS)), metavar="NAME")
@click.option("--trials", type=Whole(min=1), help="How often each case is repeated.")
@click.option("--seed", type=Whole(min=0), default=1, show_default=True)
def selfcheck_command(name: str, trials: int | None, seed: int) -> int:
    """Check the measuring itself.

    Exit code 0: every target is kept. 1: a target is missed. 2: a target could not be tested on
    this machine.
    """
    progress = Console(stderr=True)
    report = run(name, Options(trials=trials, seed=seed, say=partial(say, progress)))
    _show(report, Console())
    if report.missed:
        return exits.MISSED
    return exits.FINE if report.passed else exits.NOT_JUDGED


def _show(report: Report, console: Console) -> None:
    """Every finding beside its target, then the notes, and the outcome last."""
    words = {True: Text("kept"), False: Text("MISSED", style="bold red"), None: Text("not judged")}
    rows = [
        (finding.what, finding.found, finding.target, words[finding.passed])
        for finding in report.findings
    ]
    console.print(facts_table(report.title, ("check", "found", "target", ""), rows))
    for note in report.notes:
        say(console, note)
    number = sum(bool(finding.passed) for finding in report.findings)
    say(console, f"{number} of {len(report.findings)} targets kept")
