"""Ratios within one run: of its cells to one reference, and to their own earlier revisions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from bench.documents.results import Results
from bench.observations.pairs import Pairing, ratios_of
from bench.observations.points import Point, observe
from bench.observations.table import tabulate
from bench.planning.plan import Cell
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict, judge


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
    ratios = ratios_of([Pairing(one.epoch_timed, other.epoch_timed) for one, other in shared])
    return [(*pair, ratio) for pair, ratio in zip(shared, ratios, strict=True) if ratio]


def ratios_to(points: Sequence[Point], reference: str) -> dict[Cell, Ratio]:
    """Return how many times faster than ``reference`` each cell is under its condition.

    The device does not count: a row on a GPU is compared with a reference on processors.
    """
    references: dict[object, Point] = {}
    for point in points:
        if point.implementation == reference:
            references.setdefault(_condition(point.cell), point)
    pairs = [
        (references[_condition(point.cell)], point)
        for point in points
        if point.implementation != reference and _condition(point.cell) in references
    ]
    return {other.cell: ratio for _, other, ratio in ratios_between(pairs)}


def _condition(cell: Cell) -> object:
    return cell.network, cell.batch_size, cell.threads, cell.setting


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
