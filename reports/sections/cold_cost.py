"""What is paid once: importing, compiling, the first call, and when that is earned back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.findings import findings
from reports.points import Condition, Point
from reports.section import Absence, Section
from reports.tables import Cell, Row, Table


@dataclass(frozen=True)
class _Cost:
    """Seconds paid once, and for every epoch, by one point.

    The import is the median over its processes.  The first call is the longest: a process measures
    several batch sizes, and only the first of them pays for compilation.
    """

    point: Point
    importing: float
    first_call: float
    epoch: float

    @property
    def cold(self) -> float:
        """All that is paid once."""
        return self.importing + self.first_call


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
            max(one.first_call_seconds for one in point.measured),
            point.epoch.value,
        )
        for name, point in group.items()
        if point.epoch is not None and not context.is_floor(name)
    ]


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
        "Implementation", "Condition", "Batch size", "Import", "First call", "Steady step",
        "Epoch", "Break-even",
    )  # fmt: skip
    place = f"batch {where[1]}, {context.label(where[0])}" if where else "all other cells"
    return Table(f"Cold cost: {place}", tables.columns(*titles, text_columns=2), tuple(rows))


SECTION = Section("cold-cost", "Cold cost", 100, render)
