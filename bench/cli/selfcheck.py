"""``mlpbench selfcheck``: whether the measuring keeps what its reports promise."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.selfcheck import CHECKS, Options, Report, run

_NAMES = "\n\n".join(f"\b\n{name}\n    {summary}" for name, summary in CHECKS.items())


@click.command("selfcheck", epilog=f"Checks:\n\n{_NAMES}")
@click.argument("name", type=click.Choice(list(CHECKS)), metavar="NAME")
@click.option("--trials", type=click.IntRange(min=1), help="How often each case is repeated.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
def selfcheck_command(name: str, trials: int | None, seed: int) -> int:
    """Check the measuring itself and exit with 1 where a promise is not kept."""
    progress = Console(stderr=True)

    def say(line: str) -> None:
        progress.print(line, markup=False, highlight=False, soft_wrap=True)

    report = run(name, Options(trials=trials, seed=seed, say=say))
    _show(report, Console())
    return 0 if report.passed else 1


def _show(report: Report, console: Console) -> None:
    """Every finding beside its target, then the notes, and the outcome last."""
    table = Table(title=Text(report.title), title_justify="left")
    for title in ("check", "found", "target", ""):
        table.add_column(title, overflow="fold")
    for one in report.findings:
        word = Text("kept") if one.passed else Text("MISSED", style="bold red")
        table.add_row(Text(one.what), Text(one.found), Text(one.target), word)
    console.print(table)
    for note in report.notes:
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    missed = sum(not one.passed for one in report.findings)
    console.print(
        f"{len(report.findings) - missed} of {len(report.findings)} targets kept",
        highlight=False,
    )
