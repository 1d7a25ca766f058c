"""The rule of the winner: which point is the fastest of several, and who its rivals are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.observations.points import Point


def fastest(points: Sequence[Point]) -> Point | None:
    """Return the point with the shortest epoch, or None where none has an epoch.

    What has no interval may be lucky: it counts only where nothing has one.
    """
    timed = [
        (not point.epoch.has_interval, point.epoch.value, place)
        for place, point in enumerate(points)
        if point.epoch
    ]
    return points[min(timed)[-1]] if timed else None


@dataclass(frozen=True)
class Candidates:
    """All trainers at one batch size over all conditions of a scope, and the fastest of them."""

    fastest: Point
    points: tuple[Point, ...]

    @property
    def rivals(self) -> tuple[Point, ...]:
        """Return the candidates of all other implementations."""
        name = self.fastest.implementation
        return tuple(point for point in self.points if point.implementation != name)
