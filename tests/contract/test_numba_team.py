"""A team goes through its stages together, whichever of its threads the system lets run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("numba")

import numba

from impls.numba.team import PATIENCE, is_last, open_next, takes, wait, words

MEMBERS = 2


Words = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]


@numba.njit(nogil=True)
def go_through(
    number: int, stages: int, meeting: Words, done: Counts, delay: int, most: int
) -> float:
    """Count in ``done[stage, part]`` who did what, up to ``most`` parts of a stage per member.

    The work of member 1 takes ``delay`` square roots.
    """
    spent = 0.0
    for stage in range(stages):
        for turn in range(most):
            part = (number + turn) % MEMBERS
            if takes(meeting, stage, part):
                for i in range(delay if number else 0):
                    spent += np.sqrt(i)
                done[stage, part] += 1 + 10 * number
                # Nobody is in a stage before all parts of the one before are done.
                if stage and not done[stage - 1].all():
                    done[stage, part] = -1
                if is_last(meeting, MEMBERS):
                    open_next(meeting, stage)
        wait(meeting, stage)
    return spent


def run(
    stages: int, *, delay: int = 0, most: int = MEMBERS, members: tuple[int, ...] = (0, 1)
) -> Counts:
    meeting, done = np.zeros(words(MEMBERS), np.int32), np.zeros((stages, MEMBERS), np.int64)
    with ThreadPoolExecutor(MEMBERS) as pool:
        list(pool.map(lambda n: go_through(n, stages, meeting, done, delay, most), members))
    return done


def test_every_part_is_done_once() -> None:
    assert np.isin(run(20_000), [1, 11]).all()


def test_a_member_that_sleeps_is_woken() -> None:
    """Each part of the slow member takes longer than the other one goes on asking."""
    done = run(300, delay=100 * PATIENCE, most=1)
    assert (done == [1, 11]).all()


def test_one_thread_alone_does_all_parts() -> None:
    assert (run(100, members=(0,)) == 1).all()


def test_who_comes_late_finds_everything_done() -> None:
    meeting, done = np.zeros(words(MEMBERS), np.int32), np.zeros((50, MEMBERS), np.int64)
    for number in range(MEMBERS):
        go_through(number, 50, meeting, done, 0, MEMBERS)
    assert (done == 1).all()
