"""From a plan to measurements in a journal: announced, measured and resumed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from bench.cli.output import say
from bench.cli.progress import RunProgress, duration
from bench.cli.run_plan import new_document
from bench.documents import journal as journals
from bench.documents.assignment import Arrays
from bench.measuring.clock import Clock
from bench.planning.plan import Plan, jobs, most_threads
from bench.running.forecast import Forecast, floor_epochs
from bench.running.pacing import FEWEST_SWEEPS
from bench.running.processes import Launcher
from bench.running.runner import Runner
from impls import registry
from impls.data import TrainingData
from impls.errors import UsageError
from impls.row import Row
from reports import format as text


def measure(
    console: Console,
    plan: Plan,
    rows: Sequence[Row],
    data: TrainingData,
    folder: Path,
    timeout: float,
    *,
    is_resumed: bool,
) -> bool:
    """Run the plan, or what is left of it; return whether it came to its end.

    Ctrl-C keeps what was measured.  What cannot run here takes no time and has no part in the
    announcement.

    Raises:
        UsageError: the budget is less than one block takes.
        ResultsError: the journal cannot be written, or the run to resume has ended.
    """
    absent = {row.name: reason for row in rows if (reason := registry.absent(row)) is not None}
    tested = () if plan.target is None else (data.X_test, data.labels_test)
    arrays = Arrays(data.X, data.one_hot(), *tested)
    clock = Clock()
    present = [row for row in rows if row.name not in absent]
    forecast = Forecast(plan, present, floor_epochs(plan, (arrays.X, arrays.Y), clock), clock)
    if is_resumed:
        journal = journals.Journal.resume(folder)
        _announce_rest(console, plan, journal)
    else:
        _require_enough(plan, forecast)
        journal = journals.Journal(folder, new_document(plan, rows, data))
        _announce(console, plan, rows, data, forecast)
    for reason in dict.fromkeys(absent.values()):
        names = [name for name in absent if absent[name] == reason]
        verb = "is" if len(names) == 1 else "are"
        say(console, f"{text.listing(names)} {verb} unavailable: {reason}.")
    with RunProgress(console, plan, rows, absent, forecast) as progress:
        try:
            runner = Runner(
                plan,
                rows,
                Launcher(plan.cpus),
                journal,
                environment=os.environ,
                timeout=timeout,
                on_progress=progress.show,
            )
            runner.run(arrays)
        except KeyboardInterrupt:
            say(console, "interrupted: writing what was measured", style="yellow")
            return False
        finally:
            if journal.close():
                say(console, f"{folder} had been removed: written again", style="yellow")
    return True


def _require_enough(plan: Plan, forecast: Forecast) -> None:
    """Refuse a budget that starting and checking the workers uses up alone."""
    one_block = replace(plan.effort, blocks=1, sweeps=FEWEST_SWEEPS, cell_seconds=0.0)
    least = forecast.total(one_block)
    if plan.budget_seconds is not None and forecast.jobs and plan.budget_seconds < least / 2:
        raise UsageError(
            f"--budget of {plan.budget_seconds:.0f} s is less than one block of this grid, about "
            f"{least:.0f} s: give more, or fewer implementations, batch sizes or thread counts"
        )


def _announce_rest(console: Console, plan: Plan, journal: journals.Journal) -> None:
    """Print how much of the run is done, and what of it is measured again."""
    stages, sweeps = len(journal.of(journals.Stage)), len(journal.of(journals.Sweep))
    say(
        console,
        f"Resuming: {text.count(sweeps, 'sweep')} and {text.count(stages, 'finished batch size')} "
        "are in the journal.",
    )
    again = journal.lines[-1] if journal.lines else None
    if isinstance(again, journals.Again):
        by_index = {job.index: job.implementation for job in jobs(plan)}
        failed = text.count(len({cell[1:] for cell in again.cells}), "cell")
        names = text.listing(sorted({by_index[job] for _, job, _ in again.cells}))
        say(console, f"Measuring {failed} of {names} again, once: no valid number so far.")


def _announce(
    console: Console, plan: Plan, rows: Sequence[Row], data: TrainingData, forecast: Forecast
) -> None:
    """Print what is about to happen, and for how long."""
    say(
        console,
        f"{plan.examples} examples of {data.name} ({data.source}), normalisation "
        f"{data.normaliser.name}, network {plan.network.name}, {_extent(plan, forecast)}.",
    )
    on_devices = [row.name for row in rows if row.name in plan.on_devices]
    if on_devices and len(plan.threads) > 1:
        names = ", ".join(on_devices)
        words = text.threads(most_threads(plan.threads))
        say(console, f"Rows on a GPU ({names}) are measured with {words} only.")


def _extent(plan: Plan, forecast: Forecast) -> str:
    """Return how many processes, and how long."""
    if not forecast.jobs:
        return "and no worker process, since none of the implementations can run here"
    workers = text.count(len(forecast.jobs), "worker process", "worker processes")
    if plan.budget_seconds is not None:
        return f"blocks of {workers} for {duration(plan.budget_seconds)}"
    if plan.precision is not None:
        seconds = forecast.total(replace(plan.effort, blocks=1))
        return (
            f"blocks of {workers}, about {duration(seconds)} each, until every ratio "
            f"is within {plan.precision:.1%}"
        )
    # How soon a target is held is unknown; no training goes on beyond the last epoch.
    about = "about" if plan.target is None else "at most about"
    blocks = text.count(plan.effort.blocks, "block")
    return f"{blocks} of {workers} that take turns: {about} {duration(forecast.total())}"
