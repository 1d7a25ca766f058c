"""How each implementation's time compares with that of its matrix products alone."""

from __future__ import annotations

from markupsafe import Markup

from bench.observations.points import Condition, PointKey
from bench.roofline import step_operations
from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.section import TIME, Absence, Section, Status
from reports.tables import Table, TableCell


def render(context: Context) -> Markup | Absence:
    """Return one table per condition: multiples of the floor's time, and rates of products."""
    measured = dict.fromkeys(where for (_, where, _), p in context.points.items() if p.epoch)
    conditions = [condition for condition in context.conditions if condition in measured]
    if not conditions:
        return Absence("No cell was measured, so nothing can be compared with the floor.")
    return templates.section(
        "floor",
        has_floor=bool(context.over_floor),
        has_rates=any(context.network(condition.scope) for condition in conditions),
        tables=[_table(context, condition) for condition in conditions],
    )


def _table(context: Context, condition: Condition) -> Table:
    """Implementations against batch sizes under one condition."""
    multiples = [
        ratio.value for key, ratio in context.over_floor.items() if key.condition == condition
    ]
    timed = {
        name for (name, where, _), p in context.points.items() if p.epoch and where == condition
    }
    what = "Times the floor's time, and rate," if context.over_floor else "Rate"
    return tables.of_grid(
        context,
        f"{what} with {context.label(condition)}",
        [(name, condition) for name in context.implementations if name in timed],
        context.batch_sizes(condition.scope),
        lambda key: _cell(context, key, max(multiples, default=1.0)),
        with_condition=False,
    )


def _cell(context: Context, key: PointKey, longest: float) -> TableCell:
    """Return the multiple of the floor's time with the rate; the rate alone without a floor.

    The bar of the ``longest`` multiple in the table is full.
    """
    point = context.points.get(key)
    if point is None:
        return tables.word(context.absence(*key))
    if point.epoch is None:
        return tables.word("phases only")
    network = context.network(key.condition.scope)
    work = step_operations(network, point.examples) if network else None
    rate = work / point.epoch.value if work else None
    shown = f"{text.significant(rate / 1e9)} GFLOP/s" if rate else "unknown work"
    ratio = context.over_floor.get(key)
    if ratio is None:
        return tables.number(rate, shown, missing=shown)
    bar = round(ratio.value / longest, 3)
    return TableCell(text.times(ratio.value), ratio.value, (shown,), bar=bar)


def status(context: Context) -> Status:
    """Return the trainer closest to the floor, or below it."""
    multiples = [
        (ratio.value, key)
        for key, ratio in context.over_floor.items()
        if not context.is_floor(key.implementation)
    ]
    if not multiples:
        return Status("not measured here")
    value, (name, condition, size) = min(multiples, key=lambda ratio: ratio[0])
    where = f"{name}, batch {size}, {context.label(condition)}"
    return Status(f"lowest: {text.times(value, 2)} the time of the matrix products ({where})")


SECTION = Section("floor", "Floor", 70, render, TIME, status, folded=True)
