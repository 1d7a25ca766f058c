"""From choices, or from an interrupted run, to measurements in a journal."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from bench.cli.output import say
from bench.cli.planning import Choices, build_plan, examples_wanted, new_document
from bench.cli.progress import RunProgress, duration
from bench.cli.reading import read_data
from bench.documents import journal as journals
from bench.documents.orders import Arrays
from bench.measuring.timing import Clock
from bench.planning.plan import Plan, jobs, most_threads
from bench.running import budget
from bench.running.estimate import Pace, block_seconds, may_compile, pace, run_seconds
from bench.running.executor import LocalExecutor
from bench.running.resume import require_unchanged
from bench.running.runner import Runner
from impls import registry
from impls.data import TrainingData
from impls.row import Row
from reports.format import threads


@dataclass(frozen=True)
class Started:
    """A run whose plan stands: what to measure, on which examples and targets, and where to."""

    plan: Plan
    rows: tuple[Row, ...]
    arrays: Arrays
    journal: journals.Journal
    folder: Path


def begin(
    console: Console, choices: Choices, budget_seconds: float | None, folder: Path
) -> Started:
    """Plan a new run and announce it."""
    data = read_data(console, choices.source, choices.normalisation)
    data = data.take(examples_wanted(choices, len(data.X)))
    plan = build_plan(choices, data)
    at = pace(plan, (data.X, data.one_hot()), Clock())
    if budget_seconds is not None:
        plan = budget.fit(plan, at, budget_seconds)
    journal = journals.Journal(folder, new_document(plan, choices.rows, data))
    present = (row for row in choices.rows if registry.missing(row) is None)
    _announce(console, plan, data, at, compiling=bool(may_compile(present)))
    return Started(plan, choices.rows, _arrays(plan, data), journal, folder)


def has_ended(folder: Path) -> bool:
    """Whether the run in ``folder`` came to its end.

    Raises:
        ResultsError: there is none, or its journal is damaged.
    """
    return journals.read(folder / journals.NAME).complete


def go_on(console: Console, folder: Path) -> Started:
    """Take up the interrupted run in ``folder``.

    Raises:
        ResultsError: there is none, it has ended, or machine, code or data are not the same.
    """
    header = journals.read(folder / journals.NAME)
    plan = header.plan
    data = read_data(console, plan.source, header.dataset.normalisation).take(plan.examples)
    require_unchanged(header, new_document(plan, header.rows, data))
    journal = journals.Journal.resume(folder)
    say(console, f"Going on after {len(journal.done)} of {len(jobs(plan))} worker processes.")
    return Started(plan, header.rows, _arrays(plan, data), journal, folder)


def measure(console: Console, started: Started, timeout: float) -> bool:
    """Run the plan; return whether it came to its end.  Ctrl-C keeps what was measured."""
    with RunProgress(console, started.plan, may_compile(started.rows)) as progress:
        runner = Runner(
            started.plan,
            started.rows,
            LocalExecutor(),
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


def _arrays(plan: Plan, data: TrainingData) -> Arrays:
    """What the workers need of the data."""
    if plan.target is None:
        return Arrays(data.X, data.one_hot())
    return Arrays(data.X, data.one_hot(), data.X_test, data.labels_test)


def _announce(
    console: Console, plan: Plan, data: TrainingData, at: Pace, *, compiling: bool
) -> None:
    """What is about to happen, for how long, and how precise it can be."""
    say(
        console,
        f"{plan.examples} examples of {data.name} ({data.source}), normalisation "
        f"{data.normaliser.name}, network {plan.network.name}, "
        f"{_extent(plan, at, compiling=compiling)}.",
    )
    if plan.on_devices and len(plan.threads) > 1:
        names = ", ".join(plan.on_devices)
        words = threads(most_threads(plan.threads))
        say(console, f"What runs on a GPU ({names}) is measured with {words} alone.")


def _extent(plan: Plan, at: Pace, *, compiling: bool) -> str:
    """How many processes, and how long; with a budget, how far it reaches."""
    per_block = len(jobs(plan)) // plan.effort.blocks
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
        return (
            f"{duration(plan.budget_seconds)}: about {blocks} blocks of {per_block} worker "
            f"processes{', fewer where they compile for long' if compiling else ''}; {precise}"
        )
    if plan.precision is not None:
        block = duration(block_seconds(plan, at, plan.effort)) + more
        return (
            f"blocks of {per_block} worker processes, each about {block}, until every ratio is "
            f"within {plan.precision:.1%}"
        )
    number = len(jobs(plan))
    return (
        f"{number} worker {'process' if number == 1 else 'processes one after another'}: about "
        f"{duration(run_seconds(plan, at))}{more}"
    )
