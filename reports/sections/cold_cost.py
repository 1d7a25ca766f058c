"""What is paid once: importing, handing the data over, compiling, and when that is earned back."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from bench.observations.points import Condition
from reports import charts, costs, tables, templates
from reports import format as text
from reports.context import Context
from reports.costs import Cost
from reports.findings import findings
from reports.section import TIME, Absence, Section
from reports.tables import Table, TableCell, TableRow

_LEAST_MOVED_SECONDS = 1e-3
"""Whoever takes less has kept the data where they are, and moved them at no rate."""
_FLOAT32_BYTES = 4
_PIECES = ("import", "set-up", "data", "compile")


def render(context: Context) -> Markup | Absence:
    """Return the chart and the table of the headline's group, and the others folded."""
    groups = {
        (condition, batch_size): some
        for condition, batch_size, _ in context.groups()
        if (some := costs.costs(context, context.whole.group(condition, batch_size)))
    }
    if not groups:
        return Absence("No implementation has both a first call and an epoch to compare it with.")
    found = findings(context)
    first = (found[0].best.condition, found[0].batch_size) if found else next(iter(groups))
    others = [
        row
        for where, rest in groups.items()
        if where != first
        for row in _rows(context, rest)
        if row.implementation in context.group(*where)
    ]
    reference = costs.reference(context, groups[first]).point.implementation
    return templates.section(
        "cold_cost",
        chart=_chart(context, first, groups[first]),
        pieces=[(str(slot), piece) for slot, piece in enumerate(_PIECES)],
        table=_table(context, first, _rows(context, groups[first])),
        rest=_table(context, None, others) if others else None,
        reference=reference,
        is_baseline=reference == context.baseline,
        import_scatter=costs.IMPORT_SCATTER,
        start_scatter=costs.START_SCATTER_SECONDS,
    )


def _chart(context: Context, where: tuple[Condition, int], some: list[Cost]) -> charts.RowChart:
    """Return what is paid once, stacked, the cheapest start first."""
    axis = charts.linear_axis(max(cost.cold for cost in some), text.tick_seconds)
    reference = costs.reference(context, some)
    rows = []
    for cost in sorted(some, key=lambda one: one.cold):
        name = cost.point.implementation
        end, blocks = 0.0, []
        parts = (cost.importing, cost.setup or 0.0, cost.bind or 0.0, cost.beyond)
        for slot, (piece, seconds) in enumerate(zip(_PIECES, parts, strict=True)):
            tip = f"{piece}: {text.seconds(seconds, 2)}"
            blocks.append(charts.block(axis, end, end + seconds, str(slot), tip))
            end += seconds
        note = "reference" if cost is reference else _balance(cost, reference).text
        shown = text.seconds(cost.cold, 2)
        rows.append(charts.ChartRow(name, shown, note, blocks=tuple(blocks), implementation=name))
    caption = f"batch {where[1]}, {context.label(where[0])}"
    return charts.RowChart(caption, tuple(rows), axis, ("start", "pays off after"))


def _rows(context: Context, some: list[Cost]) -> list[TableRow]:
    """Return one row per point."""
    reference = costs.reference(context, some)
    rows = []
    for cost in some:
        point = cost.point
        cells = [
            TableCell(point.implementation),
            TableCell(context.label(point.condition)),
            TableCell(str(point.batch_size), point.batch_size),
            tables.duration(cost.importing),
            tables.duration(cost.setup, missing="not recorded"),
            _handing_over(context, cost),
            tables.duration(cost.first_call),
            tables.duration(cost.first_epoch, missing="not recorded"),
            tables.duration(cost.cold),
            tables.duration(point.step.value if point.step else None),
            tables.duration(cost.epoch),
            tables.word("reference") if cost is reference else _balance(cost, reference),
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


def _handing_over(context: Context, cost: Cost) -> TableCell:
    """Return the seconds for the data set, and their rate where it can have been moved in them."""
    cell = tables.duration(cost.bind, missing="not recorded")
    network = context.network(cost.point.condition.scope)
    if cost.bind is None or cost.bind < _LEAST_MOVED_SECONDS or network is None:
        return cell
    moved = cost.point.examples * (network.layers[0] + network.layers[-1]) * _FLOAT32_BYTES
    return replace(cell, notes=(f"{text.significant(moved / cost.bind / 1e9)} GB/s",))


def _balance(cost: Cost, reference: Cost) -> TableCell:
    """When the cost of the start is earned back, or for how long a cheaper start is ahead."""
    found = costs.balance(cost, reference)
    if found.kind == "alike":
        return tables.word("starts alike")
    if found.kind == "pays":
        return TableCell(text.count(found.epochs, "epoch"), found.epochs)
    if found.kind == "ahead":
        epochs = text.count(found.epochs, "epoch") if found.epochs else "less than an epoch"
        return TableCell(f"ahead for {epochs}")
    return TableCell("at once", 0.0) if found.kind == "at once" else TableCell("never")


def _table(context: Context, where: tuple[Condition, int] | None, rows: list[TableRow]) -> Table:
    titles = (
        "Implementation", "Condition", "Batch size", "Import", "Set-up", "Data", "First call",
        "First epoch", "Cold cost", "Steady step", "Epoch", "Break-even",
    )  # fmt: skip
    place = f"batch {where[1]}, {context.label(where[0])}" if where else "all other cells"
    return Table(f"Cold cost: {place}", tables.columns(*titles, text_columns=2), tuple(rows))


SECTION = Section("cold-cost", "Start-up", 100, render, TIME)
