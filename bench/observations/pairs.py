"""Ratios and verdicts: the one place where two points are held against each other.

All ratios of a table are taken at once and judged as one family.  Whoever speaks of a pair looks
its ratio and its verdict up, so that no two places say different things of it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.observations.page_pairs import Implementations, PagePairs, PairKey
from bench.observations.points import Key, Point, Rounds, Scope, Sweeps, Timed
from bench.observations.winner import Candidates
from bench.stats import estimates
from bench.stats.disturbed import is_beyond_use
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict, WinnerLeads, inverse, judge
from bench.stats.verdicts import disturbed as disturbed_verdict
from impls.row import Row

Processes = list[list[float]]
"""Durations by process."""


@dataclass(frozen=True)
class Pairing:
    """What one ratio is taken of: how many times faster ``other`` is than ``reference``.

    ``bridges`` may stand between two that share no block, where one shares blocks with both.
    Pairings of one ``group`` have the same reference.
    """

    reference: Timed
    other: Timed
    bridges: tuple[Timed, ...] = ()
    group: Hashable = None


def ratios_of(pairings: Sequence[Pairing]) -> list[Ratio | None]:
    """Return the ratio of each pairing; None where one side has no rounds.

    Ratios are paired by block, and by sweep in blocks where both name theirs.  Where no block holds
    both, each is first divided by a bridge that shares blocks with both; else the two are unpaired,
    as measured at different times.  All of one kind are one table: they lend each other what they
    know of the variance between processes.
    """
    paired: dict[int, estimates.PairedLogs] = {}
    unpaired: dict[int, tuple[Processes, Processes]] = {}
    for place, one in enumerate(pairings):
        ours, theirs = one.other.rounds, one.reference.rounds
        if ours.keys() & theirs.keys():
            paired[place] = estimates.paired_logs(*_aligned(one.reference, one.other))
        elif ours and theirs:
            bridged = (_bridged(one, bridge) for bridge in one.bridges)
            sides = next(filter(None, bridged), None)
            unpaired[place] = sides or (_processes(theirs), _processes(ours))
    groups = [pairings[place].group for place in paired]
    moderated = estimates.moderated_ratios(list(paired.values()), groups)
    ratios = dict(zip(paired, moderated, strict=True))
    ratios |= zip(unpaired, estimates.moderated_unpaired(list(unpaired.values())), strict=True)
    return [ratios.get(place) for place in range(len(pairings))]


def _aligned(reference: Timed, other: Timed) -> tuple[Sweeps, Sweeps]:
    """Both sides by block and sweep; a block in which they share no sweep is one, of medians."""
    theirs, ours = Sweeps(), Sweeps()
    for block in sorted(reference.rounds.keys() & other.rounds.keys()):
        before, after = reference.sweeps.get(block, {}), other.sweeps.get(block, {})
        if before.keys() & after.keys():
            theirs[block], ours[block] = before, after
        else:
            theirs[block] = {0: median(reference.rounds[block])}
            ours[block] = {0: median(other.rounds[block])}
    return theirs, ours


def _processes(rounds: Rounds) -> Processes:
    return [list(one) for one in rounds.values()]


def _bridged(one: Pairing, bridge: Timed) -> tuple[Processes, Processes] | None:
    """Return both sides relative to ``bridge``, by process; None where it does not reach both."""
    theirs, ours = (_over(bridge, side) for side in (one.reference, one.other))
    return (theirs, ours) if theirs and ours else None


def _over(bridge: Timed, side: Timed) -> Processes:
    """Return the times of ``side`` relative to ``bridge``, of every block that holds both."""
    before, after = _aligned(bridge, side)
    return [
        [after[block][sweep] / before[block][sweep] for sweep in before[block].keys() & sweeps]
        for block, sweeps in ((block, own.keys()) for block, own in after.items())
    ]


class Judged:
    """Every pair of a grid that is spoken of, with one ratio and at most one verdict each.

    ``margin_of`` gives the margin of a pair by its second point.  All judged pairs of one scope are
    one family; controls, which are held against what they repeat, are a family of their own.
    ``candidates`` are the trainers at each batch size, with the fastest of them.
    """

    def __init__(
        self,
        points: Mapping[Key, Point],
        controls: Mapping[Key, Point],
        implementations: Implementations,
        margin_of: Callable[[Point], float],
    ) -> None:
        self._points = {**points, **{point.key: point for point in controls.values()}}
        self._margin_of = margin_of
        self._baseline = implementations.baseline or ""
        page = PagePairs(points, controls, implementations)
        self.candidates = tuple(page.candidates)
        self._tested: dict[tuple[Scope, bool], int] = {}
        ratios: dict[PairKey, Ratio] = {}
        verdicts: dict[PairKey, Verdict] = {}
        pairs: dict[Scope, list[PairKey]] = {key[1].scope: [] for key in self._points}
        for pair in page.pairs:
            pairs[pair[1][1].scope].append(pair)
        candidates: dict[Scope, list[Candidates]] = {}
        for some in page.candidates:
            candidates.setdefault(some.fastest.condition.scope, []).append(some)
        for scope, own in pairs.items():
            ratios |= self._taken(own)
            table = [pair for pair in own if pair in page.planned or pair in page.leads]
            judged = [pair for pair in table if pair in ratios]
            winners = list(_winners(page, candidates.get(scope, ()), judged, ratios))
            verdicts |= self._judged(judged, ratios, winners)
            of_controls = [pair for pair in own if pair in page.controls and pair in ratios]
            verdicts |= self._judged(of_controls, ratios, ())
            for is_control, family in ((False, table), (True, of_controls)):
                tested = [p for p in family if p in ratios and ratios[p].error is not None]
                self._tested[scope, is_control] = len(tested)
        self._ratios, self._verdicts = ratios, verdicts

    def ratio(self, reference: Point, other: Point) -> Ratio | None:
        """How many times faster an epoch of ``other`` is; None where one of them has no epoch.

        Raises:
            KeyError: nobody speaks of the two.
        """
        if reference is other:
            return _itself(other)
        pair = reference.key, other.key
        if pair in self._ratios:
            return self._ratios[pair]
        if pair[::-1] in self._ratios:
            return inverse(self._ratios[pair[::-1]])
        if reference.epoch is None or other.epoch is None:
            return None
        raise KeyError(f"no ratio of {other.cell.id} to {reference.cell.id} was taken")

    def verdict(self, reference: Point, other: Point) -> Verdict | None:
        """The verdict on ``other`` against ``reference``; None where the pair is not judged."""
        pair = reference.key, other.key
        if pair in self._verdicts:
            return self._verdicts[pair]
        turned = self._verdicts.get(pair[::-1])
        return turned.reversed if turned else None

    def everything(self) -> Iterator[tuple[Point, Point, Verdict]]:
        """Every judged pair: the reference, what is held against it, and the verdict on that."""
        for (reference, other), verdict in self._verdicts.items():
            yield self._points[reference], self._points[other], verdict

    def comparisons(self, scope: Scope) -> int:
        """Return how many pairs of ``scope`` were tested as one family, controls left out.

        Where there is nothing but controls, they are counted.
        """
        return self._tested[scope, False] or self._tested[scope, True]

    def verdicts(
        self, pairs: Sequence[tuple[Point, Point]], phase: str | None = None
    ) -> list[Verdict | None]:
        """The verdicts on ``pairs``: those that are known, and those of one family of the others.

        They are on epochs, or on ``phase``.  None where one side has no rounds of it.
        """
        known = {place: self._known(*pair, phase) for place, pair in enumerate(pairs)}
        others = [place for place, one in known.items() if one is None]
        taken = ratios_of([self._pairing(*pairs[place], phase) for place in others])
        rest = {place: ratio for place, ratio in zip(others, taken, strict=True) if ratio}
        margins = [self._margin_of(pairs[place][1]) for place in rest]
        judged = dict(zip(rest, judge(list(rest.values()), margins), strict=True))
        return [
            one or (usable(judged[place], *pairs[place]) if place in judged else None)
            for place, one in known.items()
        ]

    def _known(self, reference: Point, other: Point, phase: str | None) -> Verdict | None:
        """The verdict on the page, where it is on that phase and at the margin of ``other``."""
        if phase not in (None, reference.epoch_phase) or phase not in (None, other.epoch_phase):
            return None
        verdict = self.verdict(reference, other)
        return verdict if verdict and verdict.margin == self._margin_of(other) else None

    def _taken(self, pairs: Sequence[PairKey]) -> dict[PairKey, Ratio]:
        points = self._points
        taken = ratios_of([self._pairing(points[one], points[other]) for one, other in pairs])
        return {pair: ratio for pair, ratio in zip(pairs, taken, strict=True) if ratio}

    def _pairing(self, reference: Point, other: Point, phase: str | None = None) -> Pairing:
        """Epochs, or ``phase``, of both, with the baselines beside either as bridges."""
        keys = ((self._baseline, one.condition, one.batch_size) for one in (reference, other))
        bridges = tuple(self._points[key].timed_in(phase) for key in keys if key in self._points)
        sides = reference.timed_in(phase), other.timed_in(phase)
        return Pairing(*sides, bridges, (reference.run, reference.cell))

    def _judged(
        self,
        table: Sequence[PairKey],
        ratios: Mapping[PairKey, Ratio],
        winners: Sequence[WinnerLeads],
    ) -> dict[PairKey, Verdict]:
        """Return the verdicts of one family."""
        margins = [self._margin_of(self._points[other]) for _, other in table]
        verdicts = judge([ratios[pair] for pair in table], margins, winners)
        return {
            pair: usable(verdict, *(self._points[key] for key in pair))
            for pair, verdict in zip(table, verdicts, strict=True)
        }


def usable(verdict: Verdict, reference: Point, other: Point) -> Verdict:
    """``verdict``, or an open one where most rounds of a side were disturbed beyond use.

    Within a run, partners of a sweep are disturbed alike: only rounds count whose threads were held
    up.  Between runs every disturbance counts.  Load that was asked for is no disturbance.
    """
    is_one_run = reference.run == other.run
    for point in (one for one in (reference, other) if not one.is_loaded):
        number, rounds = point.held_up if is_one_run else point.disturbed
        if is_beyond_use(number, rounds):
            what = f"{number} of {rounds} rounds of {point.cell.id} in {point.label} were disturbed"
            return disturbed_verdict(verdict.ratio, verdict.margin, what)
    return verdict


def _winners(
    page: PagePairs,
    several: Iterable[Candidates],
    table: Sequence[PairKey],
    ratios: Mapping[PairKey, Ratio],
) -> Iterable[WinnerLeads]:
    """Yield the winner of each of ``several``, with the places of its leads in a ``table``."""
    places = {pair: place for place, pair in enumerate(table)}
    for candidates in several:
        winner = candidates.fastest
        pairs = {page.lead(rival, winner) for rival in candidates.rivals}
        judged = [pair for pair in pairs if pair in places]
        if judged:
            leads = {
                places[pair]: ratios[pair] if pair[1] == winner.key else inverse(ratios[pair])
                for pair in judged
            }
            picked = frozenset(places[pair] for pair in judged if pair not in page.planned)
            yield WinnerLeads(leads, len(candidates.points), picked)


def _itself(point: Point) -> Ratio | None:
    """Return a point over itself: exactly 1, with an interval where others would have one."""
    if not point.epoch:
        return None
    number = point.epoch.processes
    if not point.epoch.has_interval:
        return Ratio(1.0, None, None, None, number - 1, number)
    return Ratio(1.0, 1.0, 1.0, 0.0, number - 1, number)


def judge_all(
    observed: Sequence[Point], known: Mapping[str, Row], margin_of: Callable[[Point], float]
) -> Judged:
    """Every pair that a page on the points ``observed`` speaks of; ``known`` are rows by name."""
    implementations = Implementations.of(
        {one.cell.implementation for one in observed if not one.repeats}, known
    )
    measured = {one.key: one for one in observed if one.processes}
    points = {key: point for key, point in measured.items() if not point.repeats}
    controls = {(p.repeats, *key[1:]): p for key, p in measured.items() if p.repeats}
    return Judged(points, controls, implementations, margin_of)
