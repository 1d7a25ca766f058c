"""The rule of the winner: which point is the fastest of several, and who its rivals are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.observations.points import Point
from bench.stats.estimates import BLOCKS_FOR_INTERVAL

BLOCKS_TO_RANK = BLOCKS_FOR_INTERVAL
"""A time from fewer blocks may be lucky."""


def fastest(points: Sequence[Point]) -> Point | None:
    """Return the point with the shortest epoch, or None where none has an epoch.

    A point of fewer blocks than :data:`BLOCKS_TO_RANK` counts where it has as many as another
    implementation: the baseline alone is measured again beside what is left to do.
    """
    timed = [(point, point.epoch) for point in points if point.epoch]
    if not timed:
        return None
    most: dict[str, int] = {}
    for point, epoch in timed:
        name = point.implementation
        most[name] = max(epoch.blocks, most.get(name, 0))
    enough = min(BLOCKS_TO_RANK, *sorted(most.values(), reverse=True)[:2])
    return min(timed, key=lambda pair: (pair[1].blocks < enough, pair[1].value))[0]


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
