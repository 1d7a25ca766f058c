"""Split a step into its phases with as little disturbance as possible, and say how much that is.

Between two phases the clock is read once: the end of one is the beginning of the next, so that the
phases add up to the step that they disturb.  Each phase then runs right after the one before it, on
what that one left in the cache.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.measuring.timing import Clock

PROBE_ITERATIONS = 500


def time_phases(
    clock: Clock,
    calls: Sequence[Callable[[], object]],
    synchronize: Callable[[], object],
    iterations: int,
) -> list[float]:
    """Seconds per iteration of each call, made one after the other ``iterations`` times."""
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
    """What it costs to end one phase and begin the next: the time of a phase that does nothing."""
    begun = clock.wall()
    time_phases(clock, [_nothing] * 2, synchronize, PROBE_ITERATIONS)
    return (clock.wall() - begun) / (2 * PROBE_ITERATIONS)


def _nothing() -> None:
    """An empty phase."""
