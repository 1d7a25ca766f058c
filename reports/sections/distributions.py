"""Every round of every process, so that a reader sees what the medians stand for."""

from __future__ import annotations

from statistics import median

from markupsafe import Markup

from bench.observations.points import Condition, Point
from bench.stats.estimates import Estimate
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Strip
from reports.context import Context
from reports.section import TRUST, Absence, Section, Status
from reports.tables import Table, TableCell


def render(context: Context) -> Markup | Absence:
    """Return a strip plot per group and a table of extremes."""
    shown: dict[Condition, list[figures.Figure]] = {}
    points: list[Point] = []
    drawn = figures.drawn(context)
    for condition, batch_size, group in context.groups():
        timed = {name: point for name, point in group.items() if point.epoch_rounds}
        if not timed:
            continue
        if condition in drawn:
            chart = _chart(context, condition, batch_size, timed)
            figure = figures.figure(context, chart, batch_size=batch_size, condition=condition)
            shown.setdefault(condition, []).append(figure)
        points += timed.values()
    if not points:
        return Absence("No epoch or step was timed, so there are no rounds to draw.")
    return templates.section(
        "distributions",
        groups=figures.grouped(context, shown),
        is_cut=any(condition not in drawn for condition, _, _ in context.groups()),
        table=_table(context, points),
    )


def _chart(
    context: Context, condition: Condition, batch_size: int, timed: dict[str, Point]
) -> Markup:
    """Return the rounds of one group."""
    rows = [
        Strip(
            name,
            figures.style(context, name),
            tuple(point.epoch_rounds.values()),
            point.epoch.value,
        )
        for name, point in timed.items()
        if point.epoch
    ]
    title = f"batch {batch_size}, {context.label(condition)}"
    described = f"Every round of the epoch at {title}; extremes and spread are in the table."
    return charts.strips(title, rows, description=described)


def _table(context: Context, points: list[Point]) -> Table:
    """Return extremes and spread of every point."""
    timed = [(point.key, (point.epoch, _rounds(point))) for point in points if point.epoch]
    return tables.of_cells(
        context,
        "Rounds of the epoch: fastest, estimate over processes, slowest, and spread",
        timed,
        {
            "Processes": lambda one: tables.whole(one[0].processes),
            "Rounds": lambda one: tables.whole(one[0].rounds),
            "Fastest": lambda one: tables.duration(min(one[1])),
            "Epoch": lambda one: tables.duration(one[0].value),
            "Slowest": lambda one: tables.duration(max(one[1])),
            "Spread": lambda one: _spread(one[0]),
        },
    )


def _rounds(point: Point) -> list[float]:
    return [seconds for one in point.epoch_rounds.values() for seconds in one]


def _spread(epoch: Estimate) -> TableCell:
    return tables.word("one round") if epoch.rounds == 1 else tables.share(epoch.spread)


def status(context: Context) -> Status:
    """Return how many rounds there are, and how much they differ."""
    epochs = [point.epoch for point in context.points.values() if point.epoch]
    rounds = sum(epoch.rounds for epoch in epochs)
    middle = median(epoch.spread for epoch in epochs)
    return Status(
        f"{text.count(rounds, 'round')} of the epoch, median spread {text.percent(middle)}"
    )


SECTION = Section("distributions", "Rounds", 90, render, TRUST, status)
