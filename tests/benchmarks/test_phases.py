"""What ``pytest --benchmark-only`` runs: phases, step and epoch of every available implementation.

Rounds and iterations are fixed after a warm-up of our own: the plugin's automatic mode takes its
bearings from the first call, and a first call that compiles would leave one iteration per round.
Each implementation passes the gate before it is timed.

Everything runs in one process here, so thread pools of one library may disturb the next; the
command ``mlpbench run`` gives every implementation a fresh process.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.documents.timings import EPOCH, STEP
from bench.measuring.timing import Clock, calibrate, time_round, warm_up
from impls import registry
from impls.contract import PHASES
from impls.parameters import epoch_order
from impls.row import Row

from .conftest import BATCH_SIZES, EXAMPLES, SEED, Subject, make_subject

ROUNDS = 10
ROUND_SECONDS = 0.01
WARMUP_SECONDS = 0.3
AVAILABLE = [
    row
    for row in registry.ROWS
    if registry.missing(row) is None and row.device == "cpu" and not row.by_name_only
]
# The implementation varies slowest, so that it is loaded only once its predecessors are done.
GRID = [
    pytest.param(row, batch_size, phase, id=f"{row.name}-b{batch_size}-{phase}")
    for row, batch_size, phase in itertools.product(AVAILABLE, BATCH_SIZES, (*PHASES, STEP, EPOCH))
]

Subjects = Callable[[Row, int], Subject]


@pytest.fixture(scope="module")
def subjects() -> Iterator[Subjects]:
    """Trainers by implementation and batch size; only the one in use is kept."""
    current: dict[tuple[str, int], Subject] = {}

    def find(row: Row, batch_size: int) -> Subject:
        key = (row.name, batch_size)
        if key not in current:
            current.clear()
            current[key] = make_subject(row, batch_size)
        return current[key]

    yield find
    current.clear()


def work_of(subject: Subject, phase: str) -> Callable[[], None]:
    """One iteration of ``phase``, device barrier included."""
    trainer, batch_size = subject.trainer, subject.cell.batch_size
    order = epoch_order(EXAMPLES, SEED, 1)
    rows = itertools.cycle(
        np.split(order[: EXAMPLES - EXAMPLES % batch_size], EXAMPLES // batch_size)
    )
    trainer.step(next(rows))
    calls: dict[str, Callable[[], object]] = {
        STEP: lambda: trainer.step(next(rows)),
        EPOCH: partial(trainer.epoch, order),
        "prepare": lambda: trainer.prepare(next(rows)),
    }
    if phase in PHASES:
        # Each phase needs what those before it leave behind.
        trainer.prepare(next(rows))
        trainer.forward()
        trainer.backward()
    call = calls.get(phase) or getattr(trainer, phase)

    def work() -> None:
        call()
        trainer.synchronize()

    return work


@pytest.mark.parametrize(("row", "batch_size", "phase"), GRID)
def test_phase(
    benchmark: BenchmarkFixture, subjects: Subjects, row: Row, batch_size: int, phase: str
) -> None:
    subject = subjects(row, batch_size)
    if phase in PHASES and phase not in subject.trainer.phases:
        pytest.skip(f"{row.name} cannot time {phase} apart")
    work = work_of(subject, phase)
    clock = Clock()
    warm_up(clock, work, WARMUP_SECONDS)
    iterations = 1 if phase == EPOCH else calibrate(clock, work, ROUND_SECONDS)
    observed = time_round(clock, work, iterations)
    examples = EXAMPLES if phase == EPOCH else batch_size
    benchmark.group = f"{phase}, batch size {batch_size}"
    benchmark.extra_info.update(subject.facts(phase, examples, observed.cpu / observed.wall))

    benchmark.pedantic(work, rounds=ROUNDS, iterations=iterations)

    assert len(benchmark.stats.stats.data) == ROUNDS
