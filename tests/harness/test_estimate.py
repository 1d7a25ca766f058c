from __future__ import annotations

import msgspec
import pytest

from bench.cli.progress import duration
from bench.estimate import Pace, block_seconds, pace, run_seconds
from bench.timing import Clock
from impls.networks import Training
from impls.parameters import Floats
from tests.harness import fakes
from tests.harness.fake_trainer import FakeClock

PLAN = fakes.plan(trainings=(Training(batch_size=20),))


@pytest.fixture
def ticking(fake_clock: FakeClock) -> Clock:
    """A clock by which every look at it takes a second."""

    def look() -> float:
        fake_clock.advance(1.0)
        return fake_clock.now

    return Clock(wall=look, cpu=lambda: 0.0)


def test_an_epoch_of_the_floor_is_as_many_steps_as_it_has_batches(
    ticking: Clock, tiny_data: tuple[Floats, Floats]
) -> None:
    # A step takes one second by this clock, and the epoch has ten.
    at = pace(PLAN, tiny_data, ticking)
    assert at.floor_epochs == {20: pytest.approx(10.0)}
    assert at.scatter == 0


def test_the_whole_run_grows_with_blocks_jobs_and_batch_sizes() -> None:
    at = Pace({20: 10.0}, 0.0)
    effort = msgspec.structs.replace(PLAN.effort, blocks=4)
    once = run_seconds(PLAN, at)
    assert once > 0
    assert run_seconds(msgspec.structs.replace(PLAN, effort=effort), at) == pytest.approx(2 * once)
    assert block_seconds(PLAN, at, PLAN.effort) == pytest.approx(once / PLAN.effort.blocks)
    assert run_seconds(PLAN, Pace({20: 10.0, 50: 8.0}, 0.0)) > once
    one = msgspec.structs.replace(PLAN, implementations=PLAN.implementations[:1])
    assert run_seconds(one, at) == pytest.approx(once / len(PLAN.implementations))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.01, "1 s"), (89, "89 s"), (90, "2 min"), (3000, "50 min"), (5400, "1.5 h")],
)
def test_a_duration_is_as_rough_as_an_estimate(seconds: float, words: str) -> None:
    assert duration(seconds) == words
