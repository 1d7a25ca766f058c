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
from bench.planning.plan import Plan, jobs, most_threads, without
from bench.running import budget
from bench.running.estimate import Pace, block_seconds, may_compile, pace, run_seconds
from bench.running.executor import LocalExecutor
from bench.running.resume import require_unchanged
from bench.running.runner import Runner
from impls import registry
from impls.data import TrainingData
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


def prepare(console: Console, choices: Choices) -> Prepared:
    """Plan a new run."""
    data = read_data(console, choices.source, choices.normalisation)
    data = data.take(examples_wanted(choices, len(data.X)))
    return Prepared(build_plan(choices, data), choices.rows, data)


def begin(
    console: Console, prepared: Prepared, budget_seconds: float | None, folder: Path
) -> Started:
    """Fit a new run to its budget, start its journal and announce it.

    What cannot run here takes no time and has no part in either.
    """
    plan, rows, data = prepared.plan, prepared.rows, prepared.data
    at = pace(plan, (data.X, data.one_hot()), Clock())
    left = without(plan, _absent(rows))
    if budget_seconds is not None and left is not None:
        left = budget.fit(left, at, budget_seconds)
        plan = msgspec.structs.replace(left, implementations=plan.implementations)
    journal = journals.Journal(folder, new_document(plan, rows, data))
    present = [row for row in rows if left is not None and row.name in left.implementations]
    _announce(console, left or plan, present, data, at)
    return Started(plan, rows, _arrays(plan, data), journal, folder)


def has_ended(folder: Path) -> bool:
    """Whether the run in ``folder`` came to its end.

    Raises:
        ResultsError: there is none, or its journal is damaged.
    """
    return journals.read(folder / journals.NAME).complete


def prepare_again(console: Console, folder: Path) -> Prepared:
    """The plan and the data of the interrupted run in ``folder``.

    Raises:
        ResultsError: there is none, or machine, code or data are not the same.
    """
    header = journals.read(folder / journals.NAME)
    plan = header.plan
    data = read_data(console, plan.source, header.dataset.normalisation).take(plan.examples)
    require_unchanged(header, new_document(plan, header.rows, data))
    return Prepared(plan, header.rows, data)


def go_on(console: Console, prepared: Prepared, folder: Path) -> Started:
    """Take up the journal in ``folder``.

    Raises:
        ResultsError: its run has ended, or it cannot be written.
    """
    plan, rows = prepared.plan, prepared.rows
    journal = journals.Journal.resume(folder)
    ordered, missing = jobs(plan), _absent(rows)
    over = sum(ordered[entry.job].implementation not in missing for entry in journal.done)
    total = sum(job.implementation not in missing for job in ordered)
    say(console, f"Going on after {over} of {total} worker processes.")
    return Started(plan, rows, _arrays(plan, prepared.data), journal, folder)


def measure(console: Console, started: Started, timeout: float) -> bool:
    """Run the plan; return whether it came to its end.  Ctrl-C keeps what was measured."""
    missing = _absent(started.rows)
    for reason in dict.fromkeys(missing.values()):
        names = [name for name in missing if missing[name] == reason]
        verb = "is" if len(names) == 1 else "are"
        say(console, f"{text.listing(names)} {verb} unavailable: {reason}.")
    compiling = may_compile(started.rows)
    controls = {row.name: row.repeats for row in started.rows if row.role == "control"}
    with RunProgress(console, started.plan, compiling, missing, controls) as progress:
        runner = Runner(
            started.plan,
            started.rows,
            LocalExecutor(started.plan.cpus),
            started.journal,
            environment=os.environ,
            timeout=timeout,
            on_progress=progress.show,
        )
        try:
            runner.run(*started.arrays)
        except KeyboardInterrupt:
            say(console, "interrupted: writing what was measured", style="yellow")
            return False
        finally:
            started.journal.close()
    return True


def _absent(rows: Sequence[Row]) -> dict[str, str]:
    """Those of ``rows`` that cannot run here, by name, with reasons."""
    reasons = {row.name: registry.absent(row) for row in rows}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _arrays(plan: Plan, data: TrainingData) -> Arrays:
    """What the workers need of the data."""
    if plan.target is None:
        return Arrays(data.X, data.one_hot())
    return Arrays(data.X, data.one_hot(), data.X_test, data.labels_test)


def _announce(
    console: Console, plan: Plan, rows: Sequence[Row], data: TrainingData, at: Pace
) -> None:
    """What is about to happen, for how long, and how precise it can be.

    ``rows`` are those of the plan that may run here.
    """
    extent = (
        _extent(plan, at, compiling=bool(may_compile(rows)))
        if rows
        else "and no worker process, since none of the implementations can run here"
    )
    say(
        console,
        f"{plan.examples} examples of {data.name} ({data.source}), normalisation "
        f"{data.normaliser.name}, network {plan.network.name}, {extent}.",
    )
    on_devices = [row.name for row in rows if row.name in plan.on_devices]
    if on_devices and len(plan.threads) > 1:
        names = ", ".join(on_devices)
        words = text.threads(most_threads(plan.threads))
        say(console, f"What runs on a GPU ({names}) is measured with {words} alone.")


def _extent(plan: Plan, at: Pace, *, compiling: bool) -> str:
    """How many processes, and how long; with a budget, how far it reaches."""
    per_block = len(jobs(plan)) // plan.effort.blocks
    processes = text.count(per_block, "worker process", "worker processes")
    more = ", plus compilation" if compiling else ""
    if plan.budget_seconds is not None:
        blocks = budget.fitting(plan, at, plan.effort, plan.budget_seconds)
        expected = budget.expected_half_width(blocks, at.scatter)
        precise = (
            f"ratios within about {expected:.1%}, if processes differ as little as the "
            f"{at.scatter:.1%} between moments of this one"
            if expected is not None
            else "too few for intervals"
        )
        fewer = ", fewer where they compile for long" if compiling else ""
        reach = f"about {text.count(blocks, 'block')} of {processes}{fewer}"
        return f"{duration(plan.budget_seconds)}: {reach}; {precise}"
    # How soon a target is held nobody knows; no training goes on beyond the last epoch.
    about = "about" if plan.target is None else "at most about"
    if plan.precision is not None:
        block = duration(block_seconds(plan, at, plan.effort)) + more
        return (
            f"blocks of {processes}, each {about} {block}, until every ratio is "
            f"within {plan.precision:.1%}"
        )
    number = text.count(len(jobs(plan)), "worker process", "worker processes one after another")
    return f"{number}: {about} {duration(run_seconds(plan, at))}{more}"
