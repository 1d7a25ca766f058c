"""Which pairs of points a page compares: with the baseline, the fastest, the floor, a control."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from bench.observations.points import Key, Point
from bench.observations.winner import Candidates, fastest
from impls.row import Row

PairKey = tuple[Key, Key]
"""The keys of a reference and of what is held against it."""


@dataclass(frozen=True)
class Implementations:
    """The implementations of a page: their ``names`` in order, and which have a part of their own.

    ``trainers`` are all but floors.  ``floors`` holds the floor of each device, ``ladder`` rungs
    with their implementations, from the baseline up.
    """

    names: tuple[str, ...]
    trainers: tuple[str, ...]
    baseline: str | None
    floors: Mapping[str, str]
    ladder: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, names: Collection[str], known: Mapping[str, Row]) -> Implementations:
        """Return ``names`` in the order of the rows ``known``, then by name."""
        ours = [name for name in known if name in names]
        order = (*ours, *sorted(set(names) - known.keys()))
        rungs = ((known[name].rung, name) for name in ours)
        ladder = tuple(sorted((rung, name) for rung, name in rungs if rung is not None))
        return cls(
            names=order,
            trainers=tuple(n for n in order if n not in known or not known[n].is_floor),
            baseline=next((name for name in ours if known[name].rung == 0), None),
            floors={known[name].device: name for name in reversed(ours) if known[name].is_floor},
            ladder=ladder,
        )


class PagePairs:
    """Which pairs a page compares, and why.

    ``planned`` are those that are compared whatever was measured, ``leads`` those of each fastest
    candidate over its rivals, ``controls`` those of a control with what it repeats.
    """

    def __init__(
        self,
        points: Mapping[Key, Point],
        controls: Mapping[Key, Point],
        implementations: Implementations,
    ) -> None:
        self._points = {key: point for key, point in points.items() if point.epoch}
        self._implementations = implementations
        self.candidates: list[Candidates] = list(self._candidates())
        self.pairs: dict[PairKey, None] = {}
        self.planned = self._added((*self._over_baseline(), *self._neighbouring_rungs()))
        self.leads = self._added(
            (some.fastest, rival) for some in self.candidates for rival in some.rivals
        )
        self.controls = self._added(
            (points[key], one) for key, one in controls.items() if key in self._points and one.epoch
        )
        self._added((*self._floors(), *self._by_threads(), *self._whole_ladders()))

    def lead(self, rival: Point, winner: Point) -> PairKey:
        """Return the pair of the two as it is in :attr:`pairs`."""
        pair = rival.key, winner.key
        return pair if pair in self.pairs else (winner.key, rival.key)

    def _added(self, compared: Iterable[tuple[Point, Point]]) -> set[PairKey]:
        """Return the keys of the pairs ``compared``, each in one direction only.

        References are those that several pairs have in common: statistics ask which part of the
        scatter is theirs.
        """
        added = set()
        for reference, other in compared:
            pair = reference.key, other.key
            if pair[::-1] in self.pairs:
                pair = pair[::-1]
            self.pairs[pair] = None
            added.add(pair)
        return added

    def _groups(self) -> Iterable[dict[str, Point]]:
        """Yield the points that differ in the implementation alone, in order of implementations."""
        groups: dict[object, dict[str, Point]] = {}
        for (name, condition, size), point in self._points.items():
            groups.setdefault((condition, size), {})[name] = point
        for group in groups.values():
            yield {name: group[name] for name in self._implementations.names if name in group}

    def _over_baseline(self) -> Iterable[tuple[Point, Point]]:
        for group in self._groups():
            reference = group.get(self._implementations.baseline or "")
            for name in self._implementations.trainers:
                if reference and name in group and group[name] is not reference:
                    yield reference, group[name]

    def _neighbouring_rungs(self) -> Iterable[tuple[Point, Point]]:
        for steps in self._ladders():
            yield from pairwise(steps)

    def _whole_ladders(self) -> Iterable[tuple[Point, Point]]:
        for steps in self._ladders():
            if len(steps) > 1:
                yield steps[0], steps[-1]

    def _ladders(self) -> Iterable[list[Point]]:
        for group in self._groups():
            yield [group[name] for _, name in self._implementations.ladder if name in group]

    def _floors(self) -> Iterable[tuple[Point, Point]]:
        """Yield every point against the floor of its device, and the baseline against floors."""
        for group in self._groups():
            for point in group.values():
                floor = group.get(self._implementations.floors.get(point.cell.device, ""))
                if floor and floor is not point:
                    yield floor, point
            reference = group.get(self._implementations.baseline or "")
            for name in self._implementations.floors.values():
                if reference and name in group and group[name] is not reference:
                    yield group[name], reference

    def _by_threads(self) -> Iterable[tuple[Point, Point]]:
        """Yield each implementation against itself with the fewest threads."""
        lines: dict[object, list[Point]] = {}
        for (name, condition, size), point in self._points.items():
            if condition.threads is not None:
                line = name, condition.scope, condition.setting, size
                lines.setdefault(line, []).append(point)
        for some in lines.values():
            first, *others = sorted(some, key=lambda point: point.condition.threads or 0)
            yield from ((first, other) for other in others)

    def _candidates(self) -> Iterable[Candidates]:
        """Yield all trainers at each batch size of each scope."""
        order = {name: place for place, name in enumerate(self._implementations.trainers)}
        groups: dict[object, list[Point]] = {}
        for (name, condition, size), point in self._points.items():
            if name in order:
                groups.setdefault((condition.scope, size), []).append(point)
        for points in groups.values():
            points.sort(key=lambda point: order[point.implementation])
            winner = fastest(points)
            if winner is not None:
                yield Candidates(winner, tuple(points))
