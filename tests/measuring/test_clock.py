from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat

import pytest

from bench.measuring.clock import (
    WARM_PATIENCE,
    Round,
    calibrate,
    time_round,
    warm_up,
)
from tests.stand_ins.fake_trainer import TICK, FakeClock


def working(clock: FakeClock, durations: Iterator[float]) -> Callable[[], None]:
    """Work that takes the next of ``durations``."""
    return lambda: clock.advance(next(durations), threads=2)


def always(seconds: float) -> Iterator[float]:
    while True:
        yield seconds


def test_a_round_is_seconds_per_call_of_wall_and_cpu(fake_clock: FakeClock) -> None:
    work = working(fake_clock, iter([TICK, 3 * TICK, 8 * TICK, 4 * TICK]))
    assert time_round(fake_clock.clock, work, 4) == Round(wall=4 * TICK, cpu=8 * TICK)


def test_a_round_calls_the_work_exactly_as_often_as_asked(fake_clock: FakeClock) -> None:
    calls: list[int] = []
    time_round(fake_clock.clock, lambda: calls.append(1), 7)
    assert len(calls) == 7


def test_calibration_finds_rounds_that_last_long_enough(fake_clock: FakeClock) -> None:
    iterations = calibrate(fake_clock.clock, working(fake_clock, always(TICK)), 100 * TICK)
    assert 100 <= iterations <= 150


@pytest.mark.parametrize(
    ("first", "then", "wanted", "iterations", "calls"),
    [
        # A fifth more than what is missing, rounded down: 1, then 4.8.
        ((), 1, 4, 4, 1 + 4 + 4),
        # At most ten times as many: 1, 10, 100, then 2.4 times as many.
        ((), 1, 200, 240, 1 + 10 + 100 + 240 + 240),
        # At least half as many again: 7 of 8 ticks were reached by 4 calls.
        ((2, 1), 2, 8, 6, 1 + 4 + 6 + 6),
        # At least one more.
        ((7,), 4, 8, 2, 1 + 2 + 2),
    ],
)
def test_calibration_grows_by_what_is_missing_within_bounds(
    fake_clock: FakeClock,
    first: Sequence[int],
    then: int,
    wanted: int,
    iterations: int,
    calls: int,
) -> None:
    made: list[float] = []

    def work() -> None:
        made.append(next(durations))
        fake_clock.advance(made[-1])

    durations = (TICK * ticks for ticks in chain(first, repeat(then)))
    assert calibrate(fake_clock.clock, work, wanted * TICK) == iterations
    assert len(made) == calls


def test_calibration_stays_at_one_call_where_that_is_long_enough(fake_clock: FakeClock) -> None:
    assert calibrate(fake_clock.clock, working(fake_clock, always(1.0)), 0.5) == 1
    assert fake_clock.now == 2.0, "two rounds in a row must agree, and no more are spent"
    assert calibrate(fake_clock.clock, working(fake_clock, always(0.5)), 0.5) == 1


def test_a_single_stall_does_not_end_the_calibration(fake_clock: FakeClock) -> None:
    def durations() -> Iterator[float]:
        yield 50.0
        yield from always(TICK)

    iterations = calibrate(fake_clock.clock, working(fake_clock, durations()), 64 * TICK)
    assert iterations >= 64


def test_two_rounds_that_reach_the_time_must_be_neighbours(fake_clock: FakeClock) -> None:
    def durations() -> Iterator[float]:
        yield from (50.0, TICK, 50.0, TICK, TICK)
        yield from always(TICK)

    iterations = calibrate(fake_clock.clock, working(fake_clock, durations()), 64 * TICK)
    assert iterations >= 64


def test_calibration_of_work_that_takes_no_time_ends(
    fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.measuring.clock.MOST_ITERATIONS", 1000)
    assert calibrate(fake_clock.clock, lambda: None, 1.0) == 1000


def test_warm_up_ends_when_it_no_longer_gets_faster(fake_clock: FakeClock) -> None:
    durations = [8.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    found = warm_up(fake_clock.clock, working(fake_clock, iter(durations)), 1e9)
    assert found == durations[: 4 + WARM_PATIENCE]


def test_a_gain_of_less_than_five_percent_is_none(fake_clock: FakeClock) -> None:
    found = warm_up(fake_clock.clock, working(fake_clock, iter([1, 0.99, 0.97, 0.96, 0.5])), 1e9)
    assert found == pytest.approx([1, 0.99, 0.97, 0.96])


def test_a_gain_of_exactly_the_share_is_none(
    fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.measuring.clock.WARM_GAIN", 0.25)
    found = warm_up(fake_clock.clock, working(fake_clock, iter([1, 0.75, 0.75, 0.75, 0.5])), 1e9)
    assert found == [1, 0.75, 0.75, 0.75]


def test_a_late_gain_keeps_the_warm_up_going(fake_clock: FakeClock) -> None:
    durations = [4.0, 4.0, 4.0, 1.0, 1.0, 1.0, 1.0]
    found = warm_up(fake_clock.clock, working(fake_clock, iter(durations)), 1e9)
    assert found == durations


def test_warm_up_ends_at_its_limit_although_it_gets_ever_faster(fake_clock: FakeClock) -> None:
    durations = [512.0, 256.0, 128.0, 64.0, 32.0]
    found = warm_up(fake_clock.clock, working(fake_clock, iter(durations)), 700.0)
    assert found == [512.0, 256.0]
