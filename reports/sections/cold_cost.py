"""What is paid once: importing, handing the data over, compiling, and when that is earned back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from markupsafe import Markup

from bench.observations.points import Condition
from reports import charts, costs, tables, templates
from reports import format as text
from reports.context import Context
from reports.costs import Cost
from reports.section import TIME, Absence, Section
from reports.tables import Table, TableCell

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
    found = context.winners
    first = (found[0].best.condition, found[0].batch_size) if found else next(iter(groups))
    references = {where: costs.reference(context, some) for where, some in groups.items()}
    others = [
        (cost, references[where])
        for where, some in groups.items()
        if where != first
        for cost in some
        if cost.point.key in context.points
    ]
    reference = references[first]
    return templates.section(
        "cold_cost",
        chart=_chart(context, first, groups[first]),
        pieces=[(str(slot), piece) for slot, piece in enumerate(_PIECES)],
        table=_table(
            context,
            f"batch {first[1]}, {context.label(first[0])}",
            [(cost, reference) for cost in groups[first]],
        ),
        rest=_table(context, "all other cells", others) if others else None,
        reference=reference.point.implementation,
        is_baseline=reference.point.implementation == context.baseline,
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
        note = _balance(cost, reference).text
        shown = text.seconds(cost.cold, 2)
        rows.append(charts.ChartRow(name, shown, note, blocks=tuple(blocks), implementation=name))
    caption = f"batch {where[1]}, {context.label(where[0])}"
    return charts.RowChart(caption, tuple(rows), axis, ("start", "pays off after"))


def _table(context: Context, place: str, several: Iterable[tuple[Cost, Cost]]) -> Table:
    """Return one row for each point with the reference of its group."""
    return tables.of_cells(
        context,
        f"Cold cost: {place}",
        [(cost.point.key, (cost, reference)) for cost, reference in several],
        {
            "Import": lambda one: tables.duration(one[0].importing),
            "Set-up": lambda one: tables.duration(one[0].setup, missing="not recorded"),
            "Data": lambda one: _handing_over(context, one[0]),
            "First call": lambda one: tables.duration(one[0].first_call),
            "First epoch": lambda one: tables.duration(one[0].first_epoch, missing="not recorded"),
            "Cold cost": lambda one: tables.duration(one[0].cold),
            "Steady step": lambda one: tables.estimate(one[0].point.step),
            "Epoch": lambda one: tables.duration(one[0].epoch),
            "Break-even": lambda one: _balance(*one),
        },
    )


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
    if cost is reference:
        return tables.word("reference")
    found = costs.balance(cost, reference)
    if found.kind == "alike":
        return tables.word("starts alike")
    if found.kind == "pays":
        return TableCell(text.count(found.epochs, "epoch"), found.epochs)
    if found.kind == "ahead":
        epochs = text.count(found.epochs, "epoch") if found.epochs else "less than an epoch"
        return TableCell(f"ahead for {epochs}")
    return TableCell("at once", 0.0) if found.kind == "at once" else TableCell("never")


SECTION = Section("cold-cost", "Start-up", 100, render, TIME)
