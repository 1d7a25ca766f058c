"""``mlpbench selfcheck``: whether the measuring keeps what its reports promise."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import click
from rich.console import Console

from bench import exits
from bench.cli.options import Whole
from bench.cli.output import facts_table, say
from bench.selfcheck import CHECKS, Options, Report, run
from reports.tables import TableCell


def command_of(name: str, checks: Mapping[str, str], package: str) -> click.Command:
    """Return the command ``name``, which runs one of the ``checks`` in modules of ``package``."""
    names = "\n\n".join(f"\b\n{check}\n    {summary}" for check, summary in checks.items())

    @click.command(name, epilog=f"Checks:\n\n{names}")
    @click.argument("name", type=click.Choice(list(checks)), metavar="NAME")
    @click.option("--trials", type=Whole(min=1), help="How often each case is repeated.")
    @click.option("--seed", type=Whole(min=0), default=1, show_default=True)
    def command(name: str, trials: int | None, seed: int) -> int:
        """Check the measuring itself.

        Exit code 0: every target is kept. 1: a target is missed. 2: a target could not be tested
        on this machine.
        """
        progress = Console(stderr=True)
        options = Options(trials=trials, seed=seed, say=partial(say, progress))
        report = run(name, options, package)
        _show(report, Console())
        if report.missed:
            return exits.MISSED
        return exits.FINE if report.passed else exits.NOT_JUDGED

    return command


selfcheck_command = command_of("selfcheck", CHECKS, "bench.selfcheck")


def _show(report: Report, console: Console) -> None:
    """Print every finding beside its target, then the notes, and the outcome last."""
    words = {
        True: TableCell("kept"),
        False: TableCell("MISSED", colour="bold red"),
        None: TableCell("not judged"),
    }
    rows = [
        (finding.what, finding.found, finding.target, words[finding.passed])
        for finding in report.findings
    ]
    console.print(facts_table(report.title, ("check", "found", "target", ""), rows))
    for note in report.notes:
        say(console, note)
    number = sum(bool(finding.passed) for finding in report.findings)
    say(console, f"{number} of {len(report.findings)} targets kept")
