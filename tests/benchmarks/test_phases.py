"""What ``pytest --benchmark-only`` runs: phases, step and epoch of every available implementation.

Each implementation lives in a process of its own, under the thread variables that were exported,
and passes the gate before it is timed: the engine is that of ``mlpbench run``.  The plugin's timer
is the clock of that process (:class:`tests.benchmarks.conftest.WorkerClock`), so its tables, its
JSON, ``--benchmark-compare`` and histograms work as always.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.documents.timings import EPOCH, STEP
from impls import registry
from impls.contract import PHASES
from impls.row import Row

from .conftest import BATCH_SIZES, CLOCK, ROUNDS, Subject

AVAILABLE = [
    row
    for row in registry.ROWS
    if registry.missing(row) is None and row.device == "cpu" and not row.by_name_only
]
# The implementation varies slowest, so that one process at a time is alive.
GRID = [
    pytest.param(row, batch_size, phase, id=f"{row.name}-b{batch_size}-{phase}")
    for row, batch_size, phase in itertools.product(AVAILABLE, BATCH_SIZES, (*PHASES, STEP, EPOCH))
]

Subjects = Callable[[Row], Subject]


@pytest.fixture(scope="module")
def subjects(data_folder: Path) -> Iterator[Subjects]:
    """The live worker of an implementation; only the one in use is kept."""
    current: dict[str, Subject] = {}

    def find(row: Row) -> Subject:
        if row.name not in current:
            for subject in current.values():
                subject.worker.close()
            current.clear()
            current[row.name] = Subject(row, data_folder)
        return current[row.name]

    yield find
    for subject in current.values():
        subject.worker.close()


class Rounds:
    """The benchmarked function: the first call of each round has the worker time all of them."""

    def __init__(self, subject: Subject, phase: str, iterations: int) -> None:
        self.subject, self.phase, self.iterations = subject, phase, iterations
        self.calls = 0

    def __call__(self) -> None:
        """Add the seconds of a whole round to the clock, once in as many calls as it has."""
        if self.calls % self.iterations == 0:
            found = self.subject.round_of(self.phase)
            assert found is not None
            CLOCK.seconds += found.seconds * found.iterations
        self.calls += 1


@pytest.mark.parametrize(("row", "batch_size", "phase"), GRID)
def test_phase(benchmark: Any, subjects: Subjects, row: Row, batch_size: int, phase: str) -> None:
    subject = subjects(row)
    subject.prepare(batch_size)
    first = subject.round_of(phase)
    if first is None:
        pytest.skip(f"{row.name} cannot time {phase} apart")
    benchmark.group = f"{phase}, batch size {batch_size}"
    benchmark.extra_info.update(subject.facts(first))

    benchmark.pedantic(
        Rounds(subject, phase, first.iterations), rounds=ROUNDS, iterations=first.iterations
    )

    # A fixture of another plugin under the same name, such as CodSpeed's, keeps no statistics.
    stats = getattr(benchmark, "stats", None)
    assert stats is None or len(stats.stats.data) == ROUNDS
