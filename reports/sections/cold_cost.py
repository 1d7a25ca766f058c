"""What is paid once: importing, handing the data over, compiling, and when that is earned back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from markupsafe import Markup

from bench.observations.points import Condition
from reports import charts, tables, templates
from reports import format as text
from reports.context import Context
from reports.facts import costs
from reports.facts.costs import Cost
from reports.section import TIME, Absence, Section
from reports.tables import Table, TableCell

_LEAST_MOVED_SECONDS = 1e-3
"""Whoever takes less has kept the data where they are, and moved them at no rate."""
_FLOAT32_BYTES = 4
_PIECES = ("import", "set-up", "data", "compile")


def render(context: Context) -> Markup | Absence:
    """Return the chart and the table of the headline's group, and the others folded."""
    groups = {
        (condition, batch_size): group
        for condition, batch_size, _ in context.groups()
        if (group := costs.costs(context, context.whole.group(condition, batch_size)))
    }
    if not groups:
        return Absence("No implementation has both a first call and an epoch to compare it with.")
    winners = context.winners
    first = (winners[0].best.condition, winners[0].batch_size) if winners else next(iter(groups))
    references = {where: costs.reference(context, group) for where, group in groups.items()}
    others = [
        (cost, references[where])
        for where, group in groups.items()
        if where != first
        for cost in group
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


def _chart(context: Context, where: tuple[Condition, int], group: list[Cost]) -> charts.RowChart:
    """Return what is paid once, stacked, the cheapest start first."""
    axis = charts.linear_axis(max(cost.cold for cost in group), text.tick_seconds)
    reference = costs.reference(context, group)
    rows = []
    for cost in sorted(group, key=lambda cost: cost.cold):
        name = cost.point.implementation
        parts = (cost.importing, cost.setup or 0.0, cost.bind or 0.0, cost.beyond)
        segments = charts.stacked(
            axis,
            [
                (str(slot), seconds, f"{_PIECES[slot]}: {text.seconds(seconds, 2)}")
                for slot, seconds in enumerate(parts)
            ],
        )
        note = _balance(cost, reference).text
        shown = text.seconds(cost.cold, 2)
        rows.append(charts.ChartRow(name, shown, note, segments=segments))
    caption = f"batch {where[1]}, {context.label(where[0])}"
    return charts.RowChart(caption, tuple(rows), axis, ("start", "pays off after"))


def _table(context: Context, place: str, several: Iterable[tuple[Cost, Cost]]) -> Table:
    """Return one row for each point with the reference of its group."""
    return tables.of_cells(
        context,
        f"Cold cost: {place}",
        [(cost.point.key, (cost, reference)) for cost, reference in several],
        {
            "Import": lambda pair: tables.duration(pair[0].importing),
            "Set-up": lambda pair: tables.duration(pair[0].setup, missing="not recorded"),
            "Data": lambda pair: _handing_over(context, pair[0]),
            "First call": lambda pair: tables.duration(pair[0].first_call),
            "First epoch": lambda pair: tables.duration(
                pair[0].first_epoch, missing="not recorded"
            ),
            "Cold cost": lambda pair: tables.duration(pair[0].cold),
            "Steady step": lambda pair: tables.estimate(pair[0].point.step),
            "Epoch": lambda pair: tables.duration(pair[0].epoch),
            "Break-even": lambda pair: _balance(*pair),
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
    """Return when the cost of the start is earned back, or how long a cheaper one is ahead."""
    if cost is reference:
        return tables.word("reference")
    balance = costs.balance(cost, reference)
    if balance.kind == "alike":
        return tables.word("starts alike")
    if balance.kind == "pays":
        return TableCell(text.count(balance.epochs, "epoch"), balance.epochs)
    if balance.kind == "ahead":
        epochs = text.count(balance.epochs, "epoch") if balance.epochs else "less than an epoch"
        return TableCell(f"ahead for {epochs}")
    return TableCell("at once", 0.0) if balance.kind == "at once" else TableCell("never")


SECTION = Section("cold-cost", "Start-up", 100, render, TIME)
