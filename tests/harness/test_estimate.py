from __future__ import annotations

import msgspec
import pytest

from bench.cli.progress import duration
from bench.estimate import floor_epoch_seconds, run_seconds
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
    assert floor_epoch_seconds(PLAN, 20, tiny_data, ticking) == pytest.approx(10.0)


def test_the_whole_run_grows_with_jobs_and_batch_sizes(
    ticking: Clock, tiny_data: tuple[Floats, Floats]
) -> None:
    effort = msgspec.structs.replace(PLAN.effort, blocks=4)
    once = run_seconds(PLAN, tiny_data, ticking)
    twice = run_seconds(msgspec.structs.replace(PLAN, effort=effort), tiny_data, ticking)
    assert once > 0
    assert twice == pytest.approx(2 * once)
    both = (Training(batch_size=20), Training(batch_size=50))
    assert run_seconds(msgspec.structs.replace(PLAN, trainings=both), tiny_data, ticking) > once


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.01, "1 s"), (89, "89 s"), (90, "2 min"), (3000, "50 min"), (5400, "1.5 h")],
)
def test_a_duration_is_as_rough_as_an_estimate(seconds: float, words: str) -> None:
    assert duration(seconds) == words
