"""A team goes through its stages together, whichever of its threads the system lets run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("numba")

import numba

from impls.networks import Network, Training
from impls.numba.epoch import work_on_rows
from impls.numba.state import AFTER_GRADIENTS, UP_TO_GRADIENTS, Memory, Net, Step
from impls.numba.team import (
    _DONE,
    _PARTS,
    _WORD,
    LONG_PATIENCE,
    NO_PART,
    PATIENCE,
    SPARE_BUFFERS,
    buffer_of,
    finishes,
    free_buffer,
    open_next,
    take,
    wait,
    words,
)
from impls.numba.trainer import Trainer
from impls.parameters import start_parameters

from .conftest import made_up_data

MEMBERS = 2


Words = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]


@numba.njit(nogil=True)
def go_through(
    number: int, sync: Words, results: Counts, counted: Counts, delay: int, most: int
) -> float:
    """Go through the stages of ``counted`` and do up to ``most`` parts of each.

    The results of a part are the stage and the member, and the work of member 1 takes ``delay``
    square roots.  The last one of a stage copies the results of all its parts to ``counted``.
    """
    spent = 0.0
    for stage in range(len(counted)):
        turn = 0
        for attempt in range(most):
            part, turn = take(sync, stage, MEMBERS, number, turn, most > 1)
            if part == NO_PART:
                break
            buffer = free_buffer(sync) if attempt else number
            for i in range(delay if number else 0):
                spent += np.sqrt(i)
            results[buffer, part] = 10 * stage + number
            if finishes(sync, stage, MEMBERS, part, buffer):
                for done in range(MEMBERS):
                    counted[stage, done] = results[buffer_of(sync, done), done]
                open_next(sync, stage)
                break
        wait(sync, stage + 1)
    return spent


def run(
    stages: int, *, delay: int = 0, most: int = 2 * MEMBERS, members: tuple[int, ...] = (0, 1)
) -> Counts:
    """Return whose results counted, shape ``(stages, parts)``."""
    sync, counted = np.zeros(words(MEMBERS), np.int32), np.zeros((stages, MEMBERS), np.int64)
    results = np.full((MEMBERS * (1 + SPARE_BUFFERS), MEMBERS), -1)
    with ThreadPoolExecutor(len(set(members))) as pool:
        list(pool.map(lambda n: go_through(n, sync, results, counted, delay, most), members))
    return counted - 10 * np.arange(stages)[:, None]


def test_every_part_counts_once() -> None:
    assert np.isin(run(20_000), [0, 1]).all()


def test_a_member_that_sleeps_is_woken() -> None:
    """Each part of the slow member takes longer than the other one goes on polling."""
    assert (run(100, delay=10 * LONG_PATIENCE, most=1) == [0, 1]).all()


def test_what_a_slow_member_has_begun_is_done_by_the_other() -> None:
    """Its own results come too late, in a buffer that nobody reads."""
    members = run(100, delay=1000 * PATIENCE)
    assert np.isin(members, [0, 1]).all()
    assert (members == 0).mean() > 0.9


def test_one_thread_alone_does_all_parts() -> None:
    assert (run(100, members=(0,)) == 0).all()


def test_who_comes_after_the_end_finds_everything_done() -> None:
    """Numba's threading layers need not run two members at the same time."""
    sync, counted = np.zeros(words(MEMBERS), np.int32), np.zeros((50, MEMBERS), np.int64)
    results = np.full((MEMBERS * (1 + SPARE_BUFFERS), MEMBERS), -1)
    for number in (1, 0):
        go_through(number, sync, results, counted, 0, 2 * MEMBERS)
    assert (counted == 10 * np.arange(50)[:, None] + 1).all()


@numba.njit
def rows_stage(step: Step, rows: Counts, net: Net, memory: Memory) -> bool:
    return work_on_rows(0, 0, step, rows, net, memory, None)  # type: ignore[no-any-return]


def test_a_part_that_is_done_meanwhile_is_left_alone() -> None:
    network, training = Network(name="n", layers=(6, 5, 3)), Training(batch_size=8)
    trainer = Trainer(network, training, start_parameters(network, training, seed=1))
    trainer.bind(*made_up_data(network, 8))
    step = Step(
        UP_TO_GRADIENTS, 0, AFTER_GRADIENTS, 1, np.uint32(0), np.float32(1), np.float32(0.1)
    )
    sums, G = trainer.memory.sums, trainer.memory.G
    for is_done, untouched in ((1, True), (0, False)):
        trainer.memory.sync[:] = 0
        trainer.memory.sync[(_PARTS + _DONE) // _WORD] = is_done
        sums[:], G[:] = 7, 7
        assert rows_stage(step, np.arange(8), trainer.net, trainer.memory) is not untouched
        assert (sums == 7).all() == untouched
        assert (G == 7).all() == untouched
