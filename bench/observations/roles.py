"""Which pairs of points a page speaks of, and in which role each implementation stands there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from bench.observations.points import Key, Point
from bench.observations.winner import Race, fastest
from impls.row import Row

Pair = tuple[Key, Key]
"""The keys of a reference and of what is held against it."""


@dataclass(frozen=True)
class Roles:
    """Who is what: implementations in order, the baseline, floors by device and the ladder.

    ``ladder`` holds rungs with their implementations, from the baseline up.
    """

    implementations: tuple[str, ...]
    baseline: str | None
    floors: Mapping[str, str]
    ladder: tuple[tuple[int, str], ...]

    @classmethod
    def of(cls, names: Collection[str], known: Mapping[str, Row]) -> Roles:
        """Return the roles of ``names``, in the order of the rows ``known``, then by name."""
        ours = [name for name in known if name in names]
        order = (*ours, *sorted(set(names) - known.keys()))
        rungs = ((known[name].rung, name) for name in ours)
        ladder = tuple(sorted((rung, name) for rung, name in rungs if rung is not None))
        return cls(
            implementations=order,
            baseline=next((name for name in ours if known[name].rung == 0), None),
            floors={
                known[name].device: name for name in reversed(ours) if known[name].role == "limit"
            },
            ladder=ladder,
        )

    @property
    def trainers(self) -> tuple[str, ...]:
        """Implementations that train: all but floors."""
        floors = set(self.floors.values())
        return tuple(name for name in self.implementations if name not in floors)


class PagePairs:
    """Which pairs a page speaks of, and why."""

    def __init__(
        self, points: Mapping[Key, Point], controls: Mapping[Key, Point], roles: Roles
    ) -> None:
        self._points = {key: point for key, point in points.items() if point.epoch}
        self._roles = roles
        self.races: list[Race] = list(self._run_races())
        self.pairs: dict[Pair, None] = {}
        self.designed = self._added((*self._over_baseline(), *self._gains()))
        self.leads = self._added((race.best, rival) for race in self.races for rival in race.rivals)
        self.alarms = self._added(
            (points[key], one) for key, one in controls.items() if key in self._points and one.epoch
        )
        self._added((*self._floors(), *self._by_threads(), *self._whole_ladders()))

    def lead(self, rival: Point, best: Point) -> Pair:
        """Return the pair of the two as it is in :attr:`pairs`."""
        pair = rival.key, best.key
        return pair if pair in self.pairs else (best.key, rival.key)

    def _added(self, found: Iterable[tuple[Point, Point]]) -> set[Pair]:
        """``found``, each pair in one direction only.

        References are those that several pairs have in common: statistics ask which part of the
        scatter is theirs.
        """
        added = set()
        for reference, other in found:
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
            yield {name: group[name] for name in self._roles.implementations if name in group}

    def _over_baseline(self) -> Iterable[tuple[Point, Point]]:
        for group in self._groups():
            reference = group.get(self._roles.baseline or "")
            for name in self._roles.trainers:
                if reference and name in group and group[name] is not reference:
                    yield reference, group[name]

    def _gains(self) -> Iterable[tuple[Point, Point]]:
        for steps in self._ladders():
            yield from pairwise(steps)

    def _whole_ladders(self) -> Iterable[tuple[Point, Point]]:
        for steps in self._ladders():
            if len(steps) > 1:
                yield steps[0], steps[-1]

    def _ladders(self) -> Iterable[list[Point]]:
        for group in self._groups():
            yield [group[name] for _, name in self._roles.ladder if name in group]

    def _floors(self) -> Iterable[tuple[Point, Point]]:
        """Yield every point against the floor of its device, and the baseline against floors."""
        for group in self._groups():
            for point in group.values():
                floor = group.get(self._roles.floors.get(point.cell.device, ""))
                if floor and floor is not point:
                    yield floor, point
            reference = group.get(self._roles.baseline or "")
            for name in self._roles.floors.values():
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

    def _run_races(self) -> Iterable[Race]:
        """Yield all trainers at each batch size of each scope."""
        order = {name: place for place, name in enumerate(self._roles.trainers)}
        found: dict[object, list[Point]] = {}
        for (name, condition, size), point in self._points.items():
            if name in order:
                found.setdefault((condition.scope, size), []).append(point)
        for candidates in found.values():
            candidates.sort(key=lambda point: order[point.implementation])
            best = fastest(candidates)
            if best is not None:
                yield Race(best, tuple(candidates))
