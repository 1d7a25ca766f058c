"""Rounds with what happened beside them, and what leaving the disturbed ones out would change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bench.documents.timings import Disturbance
from bench.observations.points import Point, WatchedRound
from bench.stats import disturbed, estimates
from reports import runs
from reports.context import Context


@dataclass(frozen=True)
class Effect:
    """Seconds for an epoch from all rounds, and from the undisturbed ones where there are any."""

    everything: estimates.Estimate
    undisturbed: estimates.Estimate | None

    @property
    def change(self) -> float | None:
        """Share by which the time changes when disturbed rounds are left out."""
        if self.undisturbed is None:
            return None
        return self.undisturbed.value / self.everything.value - 1


def disturbed_rounds(points: Iterable[Point]) -> tuple[int, int]:
    """Return how many rounds were disturbed, of how many that the epochs of ``points`` rest on."""
    counts = [point.disturbed_rounds for point in points]
    return sum(number for number, _ in counts), sum(rounds for _, rounds in counts)


def provisional(context: Context) -> tuple[str, ...]:
    """Return a warning for every run of which most rounds were disturbed."""
    warnings = []
    for run, of_run in runs.each(context):
        number, rounds = disturbed_rounds(p for p in of_run.points.values() if not p.is_loaded)
        if disturbed.is_beyond_use(number, rounds):
            warnings.append(
                f"{run}Provisional: most rounds behind the epoch times were disturbed "
                f"({number} of {rounds}), so do not conclude anything from these times."
            )
    return tuple(warnings)


def effect(rounds: Sequence[WatchedRound]) -> Effect | None:
    """Return what the disturbed of one point's ``rounds`` do to its epoch; None without rounds."""
    everything = _by_block(rounds)
    if not everything:
        return None
    before = estimates.estimate(everything)
    left = [timed for timed in rounds if not timed.is_disturbed]
    if len(left) == len(rounds):
        return Effect(before, before)
    return Effect(before, estimates.estimate(_by_block(left)) if left else None)


def share(
    rounds: Iterable[WatchedRound], of: Callable[[Disturbance], float | None]
) -> float | None:
    """Return the seconds ``of`` all disturbances over the time of their rounds.

    None where the system never told.
    """
    seconds = lasted = 0.0
    for timed in rounds:
        value = of(timed.disturbance)
        if value is not None:
            seconds += value
            lasted += timed.lasted
    return seconds / lasted if lasted else None


def _by_block(rounds: Iterable[WatchedRound]) -> list[list[float]]:
    """Epoch seconds of each process."""
    seconds: dict[int, list[float]] = {}
    for timed in rounds:
        seconds.setdefault(timed.block, []).append(timed.epoch_seconds)
    return list(seconds.values())
