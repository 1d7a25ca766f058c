"""From choices, or from an interrupted run, to measurements in a journal."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console

from bench.cli.output import say
from bench.cli.planning import Choices, build_plan, examples_wanted, new_document
from bench.cli.progress import RunProgress, duration
from bench.cli.reading import read_data
from bench.documents import journal as journals
from bench.documents.orders import Arrays
from bench.measuring.timing import Clock
from bench.planning.plan import Plan, jobs, most_threads
from bench.running.forecast import Forecast, floor_epochs
from bench.running.pacing import FEWEST_SWEEPS
from bench.running.resume import require_unchanged
from bench.running.runner import Runner
from bench.running.workers import LocalLauncher
from impls import registry
from impls.data import TrainingData
from impls.errors import UsageError
from impls.row import Row
from reports import format as text


@dataclass(frozen=True)
class Prepared:
    """A plan that nothing speaks against, with its data: nothing is measured or written yet."""

    plan: Plan
    rows: tuple[Row, ...]
    data: TrainingData


@dataclass(frozen=True)
class Started:
    """A run whose plan stands: what to measure, on which examples and targets, and where to."""

    plan: Plan
    rows: tuple[Row, ...]
    arrays: Arrays
    journal: journals.Journal
    folder: Path
    forecast: Forecast


def prepare(console: Console, choices: Choices) -> Prepared:
    """Plan a new run."""
    data = read_data(console, choices.source, choices.normalisation, choices.label)
    data = data.take(examples_wanted(choices, len(data.X)))
    return Prepared(build_plan(choices, data), choices.rows, data)


def begin(console: Console, prepared: Prepared, folder: Path) -> Started:
    """Start the journal of a new run and announce it.

    What cannot run here takes no time and has no part in the announcement.

    Raises:
        UsageError: the budget is less than one block takes.
    """
    plan, rows, data = prepared.plan, prepared.rows, prepared.data
    arrays = _arrays(plan, data)
    forecast = _forecast(plan, rows, arrays)
    _require_enough(plan, forecast)
    journal = journals.Journal(folder, new_document(plan, rows, data))
    _announce(console, plan, rows, data, forecast)
    return Started(plan, rows, arrays, journal, folder, forecast)


def _forecast(plan: Plan, rows: Sequence[Row], arrays: Arrays) -> Forecast:
    """Return what the run will take, of the rows that can run here."""
    absent = _absent(rows)
    present = [row for row in rows if row.name not in absent]
    clock = Clock()
    return Forecast(plan, present, floor_epochs(plan, (arrays.X, arrays.Y), clock), clock)


def _require_enough(plan: Plan, forecast: Forecast) -> None:
    """Refuse a budget that starting and checking the workers uses up alone."""
    one = msgspec.structs.replace(plan.effort, blocks=1, sweeps=FEWEST_SWEEPS, cell_seconds=0.0)
    least = forecast.total(one)
    if plan.budget_seconds is not None and forecast.jobs and plan.budget_seconds < least / 2:
        raise UsageError(
            f"--budget of {plan.budget_seconds:.0f} s is less than one block of this grid, about "
            f"{least:.0f} s: give more, or fewer implementations, batch sizes or thread counts"
        )


def has_ended(folder: Path) -> bool:
    """Return whether the run in ``folder`` came to its end and no cell is to be measured again.

    Raises:
        ResultsError: there is none, or its journal is damaged.
    """
    return journals.has_ended(folder / journals.NAME)


def prepare_again(console: Console, folder: Path) -> Prepared:
    """Return the plan and the data of the interrupted run in ``folder``.

    Raises:
        ResultsError: there is none, or machine, code or data are not the same.
    """
    header = journals.read(folder / journals.NAME)
    plan = header.plan
    normalisation = header.dataset.normalisation
    data = read_data(console, plan.source, normalisation, plan.label).take(plan.examples)
    require_unchanged(header, new_document(plan, header.rows, data))
    return Prepared(plan, header.rows, data)


def go_on(console: Console, prepared: Prepared, folder: Path) -> Started:
    """Take up the journal in ``folder``.

    Raises:
        ResultsError: its run has ended, or it cannot be written.
    """
    plan, rows = prepared.plan, prepared.rows
    arrays = _arrays(plan, prepared.data)
    journal = journals.Journal.resume(folder)
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
    return Started(plan, rows, arrays, journal, folder, _forecast(plan, rows, arrays))


def measure(console: Console, started: Started, timeout: float) -> bool:
    """Run the plan; return whether it came to its end.  Ctrl-C keeps what was measured."""
    missing = _absent(started.rows)
    for reason in dict.fromkeys(missing.values()):
        names = [name for name in missing if missing[name] == reason]
        verb = "is" if len(names) == 1 else "are"
        say(console, f"{text.listing(names)} {verb} unavailable: {reason}.")
    with RunProgress(console, started.plan, started.rows, missing, started.forecast) as progress:
        try:
            runner = Runner(
                started.plan,
                started.rows,
                LocalLauncher(started.plan.cpus),
                started.journal,
                environment=os.environ,
                timeout=timeout,
                on_progress=progress.show,
            )
            runner.run(*started.arrays)
        except KeyboardInterrupt:
            say(console, "interrupted: writing what was measured", style="yellow")
            return False
        finally:
            if started.journal.close():
                say(console, f"{started.folder} had been removed: written again", style="yellow")
    return True


def _absent(rows: Sequence[Row]) -> dict[str, str]:
    """Return those of ``rows`` that cannot run here, by name, with reasons."""
    reasons = {row.name: registry.absent(row) for row in rows}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _arrays(plan: Plan, data: TrainingData) -> Arrays:
    """Return what the workers need of the data."""
    if plan.target is None:
        return Arrays(data.X, data.one_hot())
    return Arrays(data.X, data.one_hot(), data.X_test, data.labels_test)


def _announce(
    console: Console, plan: Plan, rows: Sequence[Row], data: TrainingData, forecast: Forecast
) -> None:
    """What is about to happen, and for how long."""
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
        one = msgspec.structs.replace(plan.effort, blocks=1)
        return (
            f"blocks of {workers}, about {duration(forecast.total(one))} each, until every ratio "
            f"is within {plan.precision:.1%}"
        )
    # How soon a target is held nobody knows; no training goes on beyond the last epoch.
    about = "about" if plan.target is None else "at most about"
    blocks = text.count(plan.effort.blocks, "block")
    return f"{blocks} of {workers} that take turns: {about} {duration(forecast.total())}"
