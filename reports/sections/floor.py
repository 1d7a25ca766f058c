"""How each implementation's time compares with that of its matrix products alone."""

from __future__ import annotations

from markupsafe import Markup

from bench.limits.work import step_operations
from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.points import Condition
from reports.section import Absence, Section
from reports.tables import Cell, Table


def render(context: Context) -> Markup | Absence:
    """One table per condition with the share of the floor and the rate of the products."""
    measured = dict.fromkeys(where for (_, where, _), p in context.points.items() if p.epoch)
    conditions = [condition for condition in context.conditions if condition in measured]
    if not conditions:
        return Absence("No cell was measured, so nothing can be held against the floor.")
    return templates.section(
        "floor",
        has_floor=bool(context.over_floor),
        has_rates=any(context.network(condition.scope) for condition in conditions),
        tables=[_table(context, condition) for condition in conditions],
    )


def _table(context: Context, condition: Condition) -> Table:
    """Implementations against batch sizes under one condition."""
    sizes = context.batch_sizes(condition.scope)
    rows = []
    for name in context.implementations:
        cells = [_cell(context, name, condition, size) for size in sizes]
        if any(cell.value is not None for cell in cells):
            heading = [Cell(name), *cells]
            rows.append(tables.row(context, heading, implementation=name, condition=condition))
    what = "The floor's time over its own, and rate," if context.over_floor else "Rate"
    titles = ["Implementation", *(f"batch {size}" for size in sizes)]
    return Table(f"{what} with {context.label(condition)}", tables.columns(*titles), tuple(rows))


def _cell(context: Context, name: str, condition: Condition, batch_size: int) -> Cell:
    """Floor time over epoch time, with the rate; the rate alone where there is no floor."""
    point = context.point(name, condition, batch_size)
    if point is None:
        return tables.word(context.absence(name, condition, batch_size))
    if point.epoch is None:
        return tables.word("phases only")
    network = context.network(condition.scope)
    work = step_operations(network, point.examples) if network else None
    rate = work / point.epoch.value if work else None
    shown = f"{text.significant(rate / 1e9)} GFLOP/s" if rate else "unknown work"
    ratio = context.over_floor.get((name, condition, batch_size))
    if ratio is None:
        return tables.number(rate, shown, missing=shown)
    share = 1 / ratio.value
    return Cell(text.percent(share), share, (shown,), bar=round(min(share, 1), 3))


SECTION = Section("floor", "Floor", 70, render)
