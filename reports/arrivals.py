"""Trainings up to a target as points that are ranked and judged like epochs.

A training that never held its target has no time.  The mean of the others of its cell would be that
of the lucky ones, so that only cells of which every training held the target are such points.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from bench.documents.results import Measured
from bench.documents.timings import EPOCH, Learning
from reports.points import Key, Point, Scope


@dataclass(frozen=True)
class Trained:
    """One training: the seconds at the end of each epoch, and how accuracy grew."""

    ends: tuple[float, ...]
    learning: Learning

    @property
    def seconds(self) -> float | None:
        """Training time up to the epoch from which on the target was held; None where not."""
        reached = self.learning.reached_epoch
        return None if reached is None else self.ends[reached - 1]


@dataclass(frozen=True)
class Arrival(Point):
    """A point that is ranked by its training up to the target instead of its epoch.

    :attr:`epoch_rounds`, and with them :attr:`epoch`, are the seconds of that training, one round
    for each block.
    """

    @cached_property
    def whole_epochs(self) -> bool:
        """A training is made of whole epochs."""
        return True

    @cached_property
    def epoch_rounds(self) -> dict[int, tuple[float, ...]]:
        """Seconds of training until the target was held, by block."""
        return reached(trainings(self))


def trainings(point: Point) -> dict[int, Trained]:
    """The trainings of a point by block; empty where none was asked for."""
    return {
        block: Trained(_ends(one), one.learning)
        for block, processes in sorted(point.processes.items())
        for one in processes
        if one.learning is not None
    }


def reached(found: Mapping[int, Trained]) -> dict[int, tuple[float, ...]]:
    """Seconds to the target by block, where it was reached; each training is one round."""
    return {block: (one.seconds,) for block, one in found.items() if one.seconds is not None}


def held_in(point: Point) -> str:
    """How many trainings held the target: ``2 of 3``."""
    found = trainings(point)
    return f"{len(reached(found))} of {len(found)}"


def holds(point: Point) -> bool:
    """Whether there were trainings and every one held its target."""
    found = trainings(point)
    return bool(found) and len(reached(found)) == len(found)


def arrivals(points: Mapping[Key, Point], asked: Collection[Scope]) -> dict[Key, Point]:
    """``points``, where those of the scopes ``asked`` for a target are trainings that held it.

    There, a point is left out unless every one of its trainings held the target.
    """
    found: dict[Key, Point] = {}
    for key, point in points.items():
        if key[1].scope not in asked:
            found[key] = point
        elif holds(point):
            fields = {one.name: getattr(point, one.name) for one in dataclasses.fields(point)}
            found[key] = Arrival(**fields)
    return found


def _ends(measured: Measured) -> tuple[float, ...]:
    epochs = next(timing for timing in measured.timings if timing.phase == EPOCH)
    return tuple(accumulate(epochs.round_seconds))
