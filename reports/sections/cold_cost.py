"""What is paid once: importing, handing the data over, compiling, and when that is earned back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median

from markupsafe import Markup

from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.findings import findings
from reports.points import Condition, Point
from reports.section import Absence, Section
from reports.tables import Cell, Row, Table

_LEAST_MOVED_SECONDS = 1e-3
"""Whoever takes less has kept the data where they are, and moved them at no rate."""
_FLOAT32_BYTES = 4


@dataclass(frozen=True)
class _Cost:
    """Seconds paid once, and for every epoch, by one point.

    The import is the median over its processes.  The others are the longest: a process measures
    several batch sizes, and only the first of them pays for the first touch of a device and for
    compilation.  ``setup`` and ``bind`` are None where they were not recorded.
    """

    point: Point
    importing: float
    setup: float | None
    bind: float | None
    first_call: float
    epoch: float

    @property
    def cold(self) -> float:
        """All that is paid once."""
        return self.importing + (self.setup or 0.0) + (self.bind or 0.0) + self.first_call


def render(context: Context) -> Markup | Absence:
    """The table of the headline's group, and the others folded."""
    groups = {
        (condition, batch_size): _costs(context, group)
        for condition, batch_size, group in context.groups()
    }
    groups = {where: costs for where, costs in groups.items() if costs}
    if not groups:
        return Absence("No implementation has both a first call and an epoch to weigh it against.")
    found = findings(context)
    first = (found[0].best.condition, found[0].batch_size) if found else next(iter(groups))
    rest = [
        row for where, costs in groups.items() if where != first for row in _rows(context, costs)
    ]
    reference = _reference(context, groups[first])
    return templates.section(
        "cold_cost",
        table=_table(context, first, _rows(context, groups[first])),
        rest=_table(context, None, rest) if rest else None,
        reference=reference.point.implementation,
        is_baseline=reference.point.implementation == context.baseline,
    )


def _costs(context: Context, group: dict[str, Point]) -> list[_Cost]:
    """The costs of the trainers of one group."""
    return [
        _Cost(
            point,
            median(one.process.import_seconds for one in point.measured),
            _longest(one.setup_seconds for one in point.measured),
            _longest(one.bind_seconds for one in point.measured),
            max(one.first_call_seconds for one in point.measured),
            point.epoch.value,
        )
        for name, point in group.items()
        if point.epoch is not None and not context.is_floor(name)
    ]


def _longest(seconds: Iterable[float | None]) -> float | None:
    """The longest of what was recorded; None where nothing was."""
    return max((one for one in seconds if one is not None), default=None)


def _reference(context: Context, costs: list[_Cost]) -> _Cost:
    """The baseline, or else what starts cheapest."""
    for cost in costs:
        if cost.point.implementation == context.baseline:
            return cost
    return min(costs, key=lambda cost: cost.cold)


def break_even(cold: float, epoch: float, reference_cold: float, reference_epoch: float) -> float:
    """Epochs after which a cost is earned back: at least 0, infinite where it never is.

    All arguments are in seconds; ``cold`` is paid once, ``epoch`` every time.
    """
    extra, saved = cold - reference_cold, reference_epoch - epoch
    if extra <= 0:
        return 0.0 if saved >= 0 else math.inf
    return extra / saved if saved > 0 else math.inf


def _rows(context: Context, costs: list[_Cost]) -> list[Row]:
    """One row per point."""
    reference = _reference(context, costs)
    rows = []
    for cost in costs:
        point = cost.point
        epochs = break_even(cost.cold, cost.epoch, reference.cold, reference.epoch)
        cells = [
            Cell(point.implementation),
            Cell(context.label(point.condition)),
            Cell(str(point.batch_size), point.batch_size),
            tables.duration(cost.importing),
            tables.duration(cost.setup, missing="not recorded"),
            _handing_over(context, cost),
            tables.duration(cost.first_call),
            tables.duration(point.step.value if point.step else None),
            tables.duration(cost.epoch),
            tables.word("reference") if cost is reference else _epochs(epochs),
        ]
        rows.append(
            tables.row(
                context,
                cells,
                implementation=point.implementation,
                batch_size=point.batch_size,
                condition=point.condition,
            )
        )
    return rows


def _handing_over(context: Context, cost: _Cost) -> Cell:
    """Seconds for the data set, and their rate where it can have been moved in them."""
    cell = tables.duration(cost.bind, missing="not recorded")
    network = context.network(cost.point.condition.scope)
    if cost.bind is None or cost.bind < _LEAST_MOVED_SECONDS or network is None:
        return cell
    moved = cost.point.examples * (network.layers[0] + network.layers[-1]) * _FLOAT32_BYTES
    return replace(cell, notes=(f"{text.significant(moved / cost.bind / 1e9)} GB/s",))


def _epochs(epochs: float) -> Cell:
    """A break-even in words where no number says it."""
    if epochs == 0:
        return Cell("at once", 0.0)
    if math.isinf(epochs):
        return Cell("never")
    whole = math.ceil(epochs)
    return Cell(text.count(whole, "epoch"), whole)


def _table(context: Context, where: tuple[Condition, int] | None, rows: list[Row]) -> Table:
    titles = (
        "Implementation", "Condition", "Batch size", "Import", "Set-up", "Data", "First call",
        "Steady step", "Epoch", "Break-even",
    )  # fmt: skip
    place = f"batch {where[1]}, {context.label(where[0])}" if where else "all other cells"
    return Table(f"Cold cost: {place}", tables.columns(*titles, text_columns=2), tuple(rows))


SECTION = Section("cold-cost", "Cold cost", 100, render)
