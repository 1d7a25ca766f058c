"""Every round of every process, so that a reader sees what the medians stand for."""

from __future__ import annotations

from statistics import median

from markupsafe import Markup

from bench.observations.points import Condition, Point
from bench.stats import estimates
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Strip
from reports.context import Context
from reports.section import TRUST, Absence, Section, Status
from reports.tables import Table, TableCell, TableRow


def render(context: Context) -> Markup | Absence:
    """Return a strip plot per group and a table of extremes."""
    shown: dict[Condition, list[figures.Figure]] = {}
    rows: list[TableRow] = []
    drawn = figures.drawn(context)
    for condition, batch_size, group in context.groups():
        timed = {name: point for name, point in group.items() if point.epoch_rounds}
        if not timed:
            continue
        if condition in drawn:
            chart = _chart(context, condition, batch_size, timed)
            figure = figures.figure(context, chart, batch_size=batch_size, condition=condition)
            shown.setdefault(condition, []).append(figure)
        rows += [_row(context, point) for point in timed.values()]
    if not rows:
        return Absence("No epoch or step was timed, so there are no rounds to draw.")
    titles = (
        "Implementation", "Condition", "Batch size", "Processes", "Rounds", "Fastest", "Epoch",
        "Slowest", "Spread",
    )  # fmt: skip
    caption = "Rounds of the epoch: fastest, estimate over processes, slowest, and spread"
    return templates.section(
        "distributions",
        groups=figures.grouped(context, shown),
        is_cut=any(condition not in drawn for condition, _, _ in context.groups()),
        table=Table(caption, tables.columns(*titles, text_columns=2), tuple(rows)),
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
            estimates.estimate(list(point.epoch_rounds.values())).value,
        )
        for name, point in timed.items()
    ]
    title = f"batch {batch_size}, {context.label(condition)}"
    described = f"Every round of the epoch at {title}; extremes and spread are in the table."
    return charts.strips(title, rows, description=described)


def _row(context: Context, point: Point) -> TableRow:
    """Extremes and spread of one point."""
    rounds = [seconds for one in point.epoch_rounds.values() for seconds in one]
    found = estimates.estimate(list(point.epoch_rounds.values()))
    cells = [
        TableCell(point.implementation),
        TableCell(context.label(point.condition)),
        TableCell(str(point.batch_size), point.batch_size),
        TableCell(str(found.processes), found.processes),
        TableCell(str(found.rounds), found.rounds),
        tables.duration(min(rounds)),
        tables.duration(found.value),
        tables.duration(max(rounds)),
        tables.word("one round")
        if found.rounds == 1
        else TableCell(text.percent(found.spread), found.spread),
    ]
    return tables.row(
        context, cells, implementation=point.implementation, batch_size=point.batch_size,
        condition=point.condition,
    )  # fmt: skip


def status(context: Context) -> Status:
    """Return how many rounds there are, and how much they differ."""
    epochs = [point.epoch for point in context.points.values() if point.epoch]
    rounds = sum(epoch.rounds for epoch in epochs)
    middle = median(epoch.spread for epoch in epochs)
    return Status(
        f"{text.count(rounds, 'round')} of the epoch, median spread {text.percent(middle)}"
    )


SECTION = Section("distributions", "Rounds", 90, render, TRUST, status)
