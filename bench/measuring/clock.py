"""The clock: calibrate, warm up by evidence, time rounds.

Everything takes the clock as an argument, so that it is tested exactly and in no time.
"""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

WARM_GAIN = 0.05
"""Warm-up goes on while a round beats the best one before it by more than this share."""
WARM_PATIENCE = 3
"""This many rounds in a row without such a gain end the warm-up."""
MOST_ITERATIONS = 1_000_000
PROBE_ITERATIONS = 500


@dataclass(frozen=True)
class Clock:
    """Wall time and CPU time of this process (all its threads), and a rest, in seconds."""

    wall: Callable[[], float] = time.perf_counter
    cpu: Callable[[], float] = time.process_time
    sleep: Callable[[float], None] = time.sleep


SYSTEM_CLOCK = Clock()


@dataclass(frozen=True)
class Round:
    """One timed duration, in seconds per iteration."""

    wall: float
    cpu: float


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Collect garbage now, and none within."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def time_round(clock: Clock, work: Callable[[], object], iterations: int) -> Round:
    """Call ``work`` ``iterations`` times in a row and return seconds per call."""
    cpu = clock.cpu()
    wall = clock.wall()
    for _ in range(iterations):
        work()
    wall = clock.wall() - wall
    cpu = clock.cpu() - cpu
    return Round(wall / iterations, cpu / iterations)


def calibrate(clock: Clock, work: Callable[[], object], round_seconds: float) -> int:
    """Return how many calls make a round last at least ``round_seconds``.

    Two rounds in a row must reach it, so that one stall does not end the search.
    """
    iterations, reached = 1, 0
    while iterations < MOST_ITERATIONS and reached < 2:
        elapsed = time_round(clock, work, iterations).wall * iterations
        if elapsed >= round_seconds:
            reached += 1
            continue
        reached = 0
        growth = 2 if elapsed <= 0 else min(10.0, max(1.5, 1.2 * round_seconds / elapsed))
        iterations = min(MOST_ITERATIONS, max(iterations + 1, int(iterations * growth)))
    return iterations


def warm_up(clock: Clock, work: Callable[[], object], limit_seconds: float) -> list[float]:
    """Run until it no longer gets faster; return the seconds of each call.

    Ends after :data:`WARM_PATIENCE` calls without a gain above :data:`WARM_GAIN`, at the latest
    after ``limit_seconds``.
    """
    seconds: list[float] = []
    best = float("inf")
    since_gain = 0
    while since_gain < WARM_PATIENCE and sum(seconds) < limit_seconds:
        seconds.append(time_round(clock, work, 1).wall)
        since_gain = 0 if seconds[-1] < best * (1 - WARM_GAIN) else since_gain + 1
        best = min(best, seconds[-1])
    return seconds


def time_phases(
    clock: Clock,
    calls: Sequence[Callable[[], object]],
    synchronize: Callable[[], object],
    iterations: int,
) -> list[float]:
    """Return seconds per iteration of each call, made one after the other ``iterations`` times."""
    wall = clock.wall
    totals = [0.0] * len(calls)
    for _ in range(iterations):
        before = wall()
        for index, call in enumerate(calls):
            call()
            synchronize()
            after = wall()
            totals[index] += after - before
            before = after
    return [total / iterations for total in totals]


def probe_seconds(clock: Clock, synchronize: Callable[[], object]) -> float:
    """Return what it costs to end a phase and begin the next: the time of an empty phase."""
    begun = clock.wall()
    time_phases(clock, [lambda: None] * 2, synchronize, PROBE_ITERATIONS)
    return (clock.wall() - begun) / (2 * PROBE_ITERATIONS)
