"""Rounds with what happened beside them, and what leaving the disturbed ones out would change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.documents.timings import EPOCH, STEP, Disturbance
from bench.observations.points import Point
from bench.stats import disturbed, estimates
from reports import runs
from reports.context import Context


class WatchedRound(NamedTuple):
    """One round of the step or the epoch.

    ``epoch_seconds`` is scaled to a whole epoch, ``lasted`` is the wall time of all iterations.
    """

    point: Point
    block: int
    started_at: str
    phase: str
    epoch_seconds: float
    lasted: float
    disturbance: Disturbance

    @property
    def is_disturbed(self) -> bool:
        """Whether something else took a notable share of it."""
        return disturbed.is_disturbed(self.disturbance, self.lasted)


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


def watched(point: Point) -> list[WatchedRound]:
    """Rounds of the step and the epoch, as far as something was recorded beside them."""
    return [
        WatchedRound(
            point=point,
            block=block,
            started_at=process.process.started_at,
            phase=timing.phase,
            epoch_seconds=seconds * point.examples / timing.examples,
            lasted=seconds * timing.iterations,
            disturbance=disturbance,
        )
        for block, processes in sorted(point.processes.items())
        for process in processes
        for timing in process.timings
        if timing.phase in {STEP, EPOCH} and len(timing.disturbances) == len(timing.round_seconds)
        for seconds, disturbance in zip(timing.round_seconds, timing.disturbances, strict=True)
    ]


def of_the_epoch(rounds: Iterable[WatchedRound]) -> list[WatchedRound]:
    """Those from which a point's epoch is estimated: the epochs, or the steps where none were."""
    return [timed for timed in rounds if timed.phase == timed.point.epoch_phase]


def disturbed_rounds(points: Iterable[Point]) -> tuple[int, int]:
    """Return how many rounds were disturbed, of how many that the epochs of ``points`` rest on."""
    counts = [point.disturbed for point in points]
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
