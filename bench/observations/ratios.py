"""Ratios of points: how many times faster one is than another, paired as closely as may be."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import msgspec

from bench.documents.results import Results
from bench.observations.points import Point, Timed, observe
from bench.observations.table import tabulate
from bench.planning.plan import Cell
from bench.stats import estimates
from bench.stats.estimates import Ratio
from bench.stats.sweeps import log_ratios
from bench.stats.verdicts import Verdict, judge


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
    unpaired: dict[int, tuple[list[list[float]], list[list[float]]]] = {}
    for place, pairing in enumerate(pairings):
        theirs, ours = pairing.reference, pairing.other
        if theirs.rounds.keys() & ours.rounds.keys():
            paired[place] = paired_logs(theirs, ours)
        elif theirs.rounds and ours.rounds:
            sides = _processes(theirs), _processes(ours)
            bridged = ((_over(bridge, theirs), _over(bridge, ours)) for bridge in pairing.bridges)
            unpaired[place] = next((both for both in bridged if all(both)), sides)
    groups = [pairings[place].group for place in paired]
    moderated = estimates.moderated_ratios(list(paired.values()), groups)
    ratios = dict(zip(paired, moderated, strict=True))
    ratios |= zip(unpaired, estimates.moderated_unpaired(list(unpaired.values())), strict=True)
    return [ratios.get(place) for place in range(len(pairings))]


def paired_logs(reference: Timed, other: Timed) -> estimates.PairedLogs:
    """Return the log ratios of each block by sweep; by its medians where no sweep is shared."""
    logs = {}
    for block in sorted(reference.rounds.keys() & other.rounds.keys()):
        before, after = reference.sweeps.get(block, {}), other.sweeps.get(block, {})
        logs[block] = log_ratios(before, after) or [
            math.log(median(reference.rounds[block]) / median(other.rounds[block]))
        ]
    return logs


def _processes(side: Timed) -> list[list[float]]:
    return [list(rounds) for rounds in side.rounds.values()]


def _over(bridge: Timed, side: Timed) -> list[list[float]]:
    """Return the times of ``side`` relative to ``bridge``, for every block that holds both."""
    return [[math.exp(-log) for log in logs] for logs in paired_logs(bridge, side).values()]


def timed_points(document: Results) -> list[Point]:
    """Return the cells of one run that have an epoch.

    Raises:
        ResultsError: a measured round that took no time, no finite one, or no examples.
    """
    points = observe([document], tabulate([document]), apart=False)
    return [point for point in points if point.epoch_rounds]


def ratios_between(pairs: Iterable[tuple[Point, Point]]) -> list[tuple[Point, Point, Ratio]]:
    """Return each pair of reference and other with its ratio, all of them as one table.

    Pairs that share no block are left out.
    """
    shared = [
        (reference, other)
        for reference, other in pairs
        if reference.epoch_rounds.keys() & other.epoch_rounds.keys()
    ]
    ratios = ratios_of(
        [Pairing(reference.epoch_timed, other.epoch_timed) for reference, other in shared]
    )
    return [(*pair, ratio) for pair, ratio in zip(shared, ratios, strict=True) if ratio]


def ratios_to(points: Sequence[Point], reference: str) -> dict[Cell, Ratio]:
    """Return how many times faster than ``reference`` each cell is under its condition.

    The device does not count: a row on a GPU is compared with a reference on processors.
    """

    def condition(point: Point) -> object:
        cell = point.cell
        return cell.network, cell.batch_size, cell.threads, cell.setting

    references: dict[object, Point] = {}
    for point in points:
        if point.implementation == reference:
            references.setdefault(condition(point), point)
    pairs = [
        (references[condition(point)], point)
        for point in points
        if point.implementation != reference and condition(point) in references
    ]
    return {other.cell: ratio for _, other, ratio in ratios_between(pairs)}


@dataclass(frozen=True)
class Change:
    """A cell of an implementation as it is now, against the same at the revision in ``before``."""

    cell: Cell
    before: str
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return f"{self.cell.id} against {self.before}: {self.verdict.reason}"


def changes(document: Results, margin: float) -> list[Change]:
    """Return every measured cell whose implementation was measured at another revision as well."""
    revised = [row.name for row in document.rows if row.revision]
    if not revised:
        return []
    points = {point.cell: point for point in timed_points(document)}
    pairs = [
        (points[before], point)
        for name in revised
        for cell, point in points.items()
        if cell.implementation == name.rpartition("@")[0]
        and (before := msgspec.structs.replace(cell, implementation=name)) in points
    ]
    table = ratios_between(pairs)
    verdicts = judge([ratio for _, _, ratio in table], margin)
    return [
        Change(other.cell, before.implementation, verdict)
        for (before, other, _), verdict in zip(table, verdicts, strict=True)
    ]
