"""Which pairs of points a page compares, and the verdict on each.

All ratios of a scope are taken at once and judged as one family.  Readers look the ratio and the
verdict of a pair up here, so that no two places contradict each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from bench.observations.points import Point, PointKey, Scope, Timed
from bench.observations.ratios import Pairing, ratios_of
from bench.observations.winner import Candidates, fastest
from bench.stats.disturbed import is_beyond_use
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict, WinnerLeads, disturbed_verdict, inverse, judge
from impls.row import Row

PairKey = tuple[PointKey, PointKey]
"""The keys of a reference and of what is compared with it."""
Reason = Literal["planned", "lead", "control", "shown"]
"""Why a page compares a pair.

``planned`` ones are compared whatever was measured, ``lead`` are those of each fastest candidate
over its rivals, ``control`` those of a control with what it repeats.  Of the rest only the ratio is
shown.
"""


@dataclass(frozen=True)
class Implementations:
    """The implementations of a page: their ``names`` in order, and which have a special part.

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
        rows = [row for name, row in known.items() if name in names]
        order = (*(row.name for row in rows), *sorted(set(names) - known.keys()))
        floors = {row.name: row.device for row in reversed(rows) if row.is_floor}
        return cls(
            names=order,
            trainers=tuple(name for name in order if name not in floors),
            baseline=next((row.name for row in rows if row.rung == 0), None),
            floors={device: name for name, device in floors.items()},
            ladder=tuple(sorted((row.rung, row.name) for row in rows if row.rung is not None)),
        )


def candidates_of(
    points: Mapping[PointKey, Point], trainers: Sequence[str]
) -> Iterator[Candidates]:
    """Yield all ``trainers`` among ``points`` at each batch size of each scope."""
    groups: dict[object, list[Point]] = defaultdict(list)
    for (name, condition, size), point in points.items():
        if name in trainers:
            groups[condition.scope, size].append(point)
    for group in groups.values():
        group.sort(key=lambda point: trainers.index(point.implementation))
        winner = fastest(group)
        if winner is not None:
            yield Candidates(winner, tuple(group))


def page_pairs(
    points: Mapping[PointKey, Point],
    controls: Mapping[PointKey, Point],
    implementations: Implementations,
    candidates: Iterable[Candidates],
) -> dict[PairKey, set[Reason]]:
    """Return the pairs that a page compares, each in one direction only, and why it does.

    References are those that several pairs have in common: statistics ask which part of the scatter
    is theirs.
    """
    groups: dict[object, dict[str, Point]] = defaultdict(dict)
    for (name, condition, size), point in points.items():
        groups[condition, size][name] = point
    alike = [
        {name: group[name] for name in implementations.names if name in group}
        for group in groups.values()
    ]
    compared: list[tuple[Reason, Point, Point]] = [
        *(("planned", *pair) for group in alike for pair in _planned(group, implementations)),
        *(("lead", some.fastest, rival) for some in candidates for rival in some.rivals),
        *(
            ("control", points[key], control)
            for key, control in controls.items()
            if key in points and control.epoch
        ),
        *(("shown", *pair) for group in alike for pair in _shown(group, implementations)),
        *(("shown", *pair) for pair in _by_threads(points)),
    ]
    reasons: dict[PairKey, set[Reason]] = {}
    for reason, reference, other in compared:
        pair = reference.key, other.key
        pair = pair[::-1] if pair[::-1] in reasons else pair
        reasons.setdefault(pair, set()).add(reason)
    return reasons


def _planned(
    group: Mapping[str, Point], implementations: Implementations
) -> Iterator[tuple[Point, Point]]:
    """Yield each trainer over the baseline, and each rung over the one below.

    ``group`` holds points that differ in the implementation alone, in order of implementations.
    """
    reference = group.get(implementations.baseline or "")
    for name in implementations.trainers:
        if reference and name in group and group[name] is not reference:
            yield reference, group[name]
    yield from pairwise(group[name] for _, name in implementations.ladder if name in group)


def _shown(
    group: Mapping[str, Point], implementations: Implementations
) -> Iterator[tuple[Point, Point]]:
    """Yield every point over the floor of its device, the baseline over all, the whole ladder."""
    floors = implementations.floors
    for point in group.values():
        floor = group.get(floors.get(point.cell.device, ""))
        if floor and floor is not point:
            yield floor, point
    reference = group.get(implementations.baseline or "")
    for name in floors.values():
        if reference and name in group and group[name] is not reference:
            yield group[name], reference
    steps = [group[name] for _, name in implementations.ladder if name in group]
    if len(steps) > 1:
        yield steps[0], steps[-1]


def _by_threads(points: Mapping[PointKey, Point]) -> Iterator[tuple[Point, Point]]:
    """Yield each implementation against itself with the fewest threads."""
    lines: dict[object, list[Point]] = defaultdict(list)
    for (name, condition, size), point in points.items():
        if condition.threads is not None:
            lines[name, condition.scope, condition.setting, size].append(point)
    for line in lines.values():
        fewest, *more = sorted(line, key=lambda point: point.condition.threads or 0)
        yield from ((fewest, other) for other in more)


class Judged:
    """Every pair that a page compares, with one ratio and at most one verdict each.

    ``margin_of`` gives the margin of a pair by its second point.  All judged pairs of one scope are
    one family; controls, which are compared with what they repeat, are another one.
    ``candidates`` are the trainers at each batch size, with the fastest of them.
    """

    def __init__(
        self,
        points: Mapping[PointKey, Point],
        controls: Mapping[PointKey, Point],
        implementations: Implementations,
        margin_of: Callable[[Point], float],
    ) -> None:
        self._points = {**points, **{point.key: point for point in controls.values()}}
        self._margin_of = margin_of
        self._baseline = implementations.baseline or ""
        timed = {key: point for key, point in points.items() if point.epoch}
        self.candidates = tuple(candidates_of(timed, implementations.trainers))
        reasons = page_pairs(timed, controls, implementations, self.candidates)
        self._ratios: dict[PairKey, Ratio] = {}
        self._verdicts: dict[PairKey, Verdict] = {}
        self._tested: dict[Scope, int] = {}
        by_scope: dict[Scope, list[PairKey]] = {key.condition.scope: [] for key in self._points}
        for reference, other in reasons:
            by_scope[other.condition.scope].append((reference, other))
        for scope, pairs in by_scope.items():
            sides = ((self._points[reference], self._points[other]) for reference, other in pairs)
            pairings = [self._pairing(reference, other) for reference, other in sides]
            taken = zip(pairs, ratios_of(pairings), strict=True)
            self._ratios |= {pair: ratio for pair, ratio in taken if ratio}
            measured = [pair for pair in pairs if pair in self._ratios]
            family = [pair for pair in measured if reasons[pair] & {"planned", "lead"}]
            of_controls = [pair for pair in measured if "control" in reasons[pair]]
            self._verdicts |= self._judge(family, self._winners(scope, family, reasons))
            self._verdicts |= self._judge(of_controls)
            tested = [
                sum(self._ratios[pair].error is not None for pair in some)
                for some in (family, of_controls)
            ]
            self._tested[scope] = tested[0] or tested[1]

    def ratio(self, reference: Point, other: Point) -> Ratio | None:
        """Return how many times faster an epoch of ``other`` is; None where one of them has none.

        Raises:
            KeyError: the page does not compare the two.
        """
        if reference.epoch is None or other.epoch is None:
            return None
        if reference is other:
            # Exactly 1, with an interval where others would have one.
            number = other.epoch.blocks
            if other.epoch.has_interval:
                return Ratio(1.0, 1.0, 1.0, 0.0, number - 1, number)
            return Ratio(1.0, None, None, None, number - 1, number)
        pair = reference.key, other.key
        if pair in self._ratios:
            return self._ratios[pair]
        if pair[::-1] in self._ratios:
            return inverse(self._ratios[pair[::-1]])
        raise KeyError(f"no ratio of {other.cell.id} to {reference.cell.id} was taken")

    def verdict(self, reference: Point, other: Point) -> Verdict | None:
        """Return the verdict on ``other`` against ``reference``; None where it is not judged."""
        pair = reference.key, other.key
        if pair in self._verdicts:
            return self._verdicts[pair]
        turned = self._verdicts.get(pair[::-1])
        return turned.reversed if turned else None

    def everything(self) -> Iterator[tuple[Point, Point, Verdict]]:
        """Yield every judged pair: the reference, what is compared with it, and the verdict."""
        for (reference, other), verdict in self._verdicts.items():
            yield self._points[reference], self._points[other], verdict

    def comparisons(self, scope: Scope) -> int:
        """Return how many pairs of ``scope`` were tested as one family, controls left out.

        Where there is nothing but controls, they are counted.
        """
        return self._tested[scope]

    def verdicts(
        self, pairs: Sequence[tuple[Point, Point]], phase: str | None = None
    ) -> list[Verdict | None]:
        """Return the verdicts on ``pairs``: the known ones, and those of the others as one family.

        They are on epochs, or on ``phase``.  None where one side has no rounds of it.
        """
        verdicts: dict[int, Verdict] = {}
        others: dict[int, Pairing] = {}
        for place, (reference, other) in enumerate(pairs):
            known = None
            if phase is None or phase == reference.epoch_phase == other.epoch_phase:
                known = self.verdict(reference, other)
            if known and known.margin == self._margin_of(other):
                verdicts[place] = known
            else:
                others[place] = self._pairing(reference, other, phase)
        taken = zip(others, ratios_of(list(others.values())), strict=True)
        ratios = {place: ratio for place, ratio in taken if ratio}
        margins = [self._margin_of(pairs[place][1]) for place in ratios]
        judged = zip(ratios, judge(list(ratios.values()), margins), strict=True)
        verdicts |= {place: usable(verdict, *pairs[place]) for place, verdict in judged}
        return [verdicts.get(place) for place in range(len(pairs))]

    def _pairing(self, reference: Point, other: Point, phase: str | None = None) -> Pairing:
        """Return epochs, or ``phase``, of both, with the baselines beside either as bridges."""

        def timed(point: Point) -> Timed:
            return point.epoch_timed if phase is None else point.timed(phase)

        sides = (reference, other)
        keys = (point.key._replace(implementation=self._baseline) for point in sides)
        bridges = tuple(timed(self._points[key]) for key in keys if key in self._points)
        return Pairing(
            timed(reference), timed(other), bridges, (reference.document_index, reference.cell)
        )

    def _judge(
        self, family: Sequence[PairKey], winners: Sequence[WinnerLeads] = ()
    ) -> dict[PairKey, Verdict]:
        margins = [self._margin_of(self._points[other]) for _, other in family]
        verdicts = judge([self._ratios[pair] for pair in family], margins, winners)
        return {
            pair: usable(verdict, *(self._points[key] for key in pair))
            for pair, verdict in zip(family, verdicts, strict=True)
        }

    def _winners(
        self, scope: Scope, family: Sequence[PairKey], reasons: Mapping[PairKey, set[Reason]]
    ) -> list[WinnerLeads]:
        """Return each winner of ``scope``, with the places of its leads in the ``family``."""
        places = {pair: place for place, pair in enumerate(family)}
        winners = []
        for candidates in self.candidates:
            if candidates.fastest.condition.scope != scope:
                continue
            winner = candidates.fastest.key
            leads: dict[int, Ratio] = {}
            picked = set()
            for rival in candidates.rivals:
                behind, ahead = (rival.key, winner), (winner, rival.key)
                pair = behind if behind in places else ahead
                if pair in places:
                    ratio = self._ratios[pair]
                    leads[places[pair]] = ratio if pair == behind else inverse(ratio)
                    if "planned" not in reasons[pair]:
                        picked.add(places[pair])
            if leads:
                winners.append(WinnerLeads(leads, len(candidates.points), frozenset(picked)))
        return winners


def usable(verdict: Verdict, reference: Point, other: Point) -> Verdict:
    """Return ``verdict``, or an open one where a side was disturbed beyond use.

    Within a run, partners of a sweep are disturbed alike: only rounds count whose threads were held
    up.  Between runs every disturbance counts.  Load that was asked for is no disturbance.
    """
    is_one_run = reference.document_index == other.document_index
    for point in (reference, other):
        number, rounds = point.held_up_rounds if is_one_run else point.disturbed_rounds
        if is_beyond_use(number, rounds) and not point.is_loaded:
            what = f"{number} of {rounds} rounds of {point.cell.id} in {point.label} were disturbed"
            return disturbed_verdict(verdict.ratio, verdict.margin, what)
    return verdict


def arranged(
    observed: Sequence[Point], known: Mapping[str, Row]
) -> tuple[dict[PointKey, Point], dict[PointKey, Point], Implementations]:
    """Return what a page on the points ``observed`` compares; ``known`` are rows by name.

    That is what was measured by key, the controls by the key of what they repeat, and the
    implementations, of which a control is none.
    """
    names = {point.implementation for point in observed if not point.repeats}
    measured = [point for point in observed if point.processes]
    points = {point.key: point for point in measured if not point.repeats}
    controls = {
        point.key._replace(implementation=point.repeats): point
        for point in measured
        if point.repeats
    }
    return points, controls, Implementations.of(names, known)


def judge_all(
    observed: Sequence[Point], known: Mapping[str, Row], margin_of: Callable[[Point], float]
) -> Judged:
    """Return the judged pairs of a page on the points ``observed``; ``known`` are rows by name."""
    return Judged(*arranged(observed, known), margin_of)
