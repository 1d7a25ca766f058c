"""Every round of every process, so that a reader sees what the medians stand for."""

from __future__ import annotations

from itertools import chain
from statistics import median

from markupsafe import Markup

from bench.observations.points import Condition, Point
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Strip
from reports.context import Context
from reports.section import TRUST, Absence, Section, Status


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
        table=tables.of_cells(
            context,
            "Rounds of the epoch: fastest, estimate over processes, slowest, and spread",
            [
                (point.key, (point.epoch, list(chain.from_iterable(point.epoch_rounds.values()))))
                for point in points
                if point.epoch
            ],
            {
                "Processes": lambda timed: tables.whole(timed[0].blocks),
                "Rounds": lambda timed: tables.whole(timed[0].rounds),
                "Fastest": lambda timed: tables.duration(min(timed[1])),
                "Epoch": lambda timed: tables.duration(timed[0].value),
                "Slowest": lambda timed: tables.duration(max(timed[1])),
                "Spread": lambda timed: (
                    tables.word("one round")
                    if timed[0].rounds == 1
                    else tables.share(timed[0].spread)
                ),
            },
        ),
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


def status(context: Context) -> Status:
    """Return how many rounds there are, and how much they differ."""
    epochs = [point.epoch for point in context.points.values() if point.epoch]
    rounds = sum(epoch.rounds for epoch in epochs)
    middle = median(epoch.spread for epoch in epochs)
    return Status(
        f"{text.count(rounds, 'round')} of the epoch, median spread {text.percent(middle)}"
    )


SECTION = Section("distributions", "Rounds", 90, render, TRUST, status)
