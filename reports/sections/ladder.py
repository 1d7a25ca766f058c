"""What each rung of the ladder gained, beside what the articles published."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from reports import articles, charts, figures, tables, templates
from reports import format as text
from reports.charts import Bar
from reports.context import Context
from reports.points import Condition, Point, Ratio, speed_up
from reports.section import Absence, Section
from reports.tables import Cell, Row, Table


@dataclass(frozen=True)
class _Step:
    """A rung, its point, and its gain over the rung measured before it."""

    rung: int
    point: Point
    seconds: float
    gain: Ratio | None
    follows: int | None


def render(context: Context) -> Markup | Absence:
    """A waterfall per group and one table of factors per condition."""
    shown: dict[Condition, list[figures.Figure]] = {}
    rows: dict[Condition, list[Row]] = {}
    for condition, batch_size, group in context.groups():
        steps = _steps(context, group)
        if len(steps) > 1:
            chart = _chart(context, condition, batch_size, steps)
            figure = figures.figure(context, chart, batch_size=batch_size, condition=condition)
            shown.setdefault(condition, []).append(figure)
            rows.setdefault(condition, []).extend(_rows(context, steps))
    if not shown:
        return Absence("Fewer than two rungs of the ladder were measured together.")
    titles = (
        "Implementation", "Batch size", "Rung", "Epoch", "Gain over the rung before",
        "Published gain", "Published time",
    )  # fmt: skip
    return templates.section(
        "ladder",
        groups=figures.grouped(context, shown),
        tables=[
            Table(
                f"The ladder with {context.label(condition)}",
                tables.columns(*titles),
                tuple(some),
            )
            for condition, some in rows.items()
        ],
        epochs=articles.EPOCHS,
        machine=articles.MACHINE,
        published=articles.PUBLISHED,
        comparable=any(_comparable(context, condition) for condition in shown),
    )


def _steps(context: Context, group: dict[str, Point]) -> list[_Step]:
    """The rungs that have an epoch, from the baseline up."""
    steps: list[_Step] = []
    for rung, name in context.ladder:
        point = group.get(name)
        if point is not None and point.epoch is not None:
            before = steps[-1] if steps else None
            gain = speed_up(before.point, point) if before else None
            follows = before.rung if before else None
            steps.append(_Step(rung, point, point.epoch.value, gain, follows))
    return steps


def _comparable(context: Context, condition: Condition) -> bool:
    """Whether the network is the one of the articles."""
    return context.network(condition.scope).layers == articles.LAYERS


def _chart(
    context: Context, condition: Condition, batch_size: int, steps: list[_Step]
) -> Markup:
    """The waterfall of one group."""
    bars = [
        Bar(
            step.point.implementation,
            figures.style(context, step.point.implementation),
            step.seconds,
            text.seconds(step.seconds)
            + (f"   gain {text.times(step.gain.value)}" if step.gain else ""),
        )
        for step in steps
    ]
    title = f"batch {batch_size}, {context.label(condition)}"
    described = f"Epoch time from rung to rung at {title}; the values are in the table."
    return charts.waterfall(title, bars, description=described)


def _rows(context: Context, steps: list[_Step]) -> list[Row]:
    """A row per rung, and one for all of them together."""
    rows = []
    for step in steps:
        point = step.point
        cells = [
            Cell(point.implementation),
            Cell(str(point.batch_size), point.batch_size),
            Cell(str(step.rung), step.rung),
            tables.duration(step.seconds),
            _gain(step),
            *_published(context, step),
        ]
        rows.append(_row(context, cells, point))
    first, last = steps[0].point, steps[-1].point
    product = math.prod(step.gain.value for step in steps if step.gain)
    total = speed_up(first, last)
    cells = [
        Cell("all rungs", notes=("product of the gains; measured as one",)),
        Cell(str(last.batch_size), last.batch_size),
        tables.word(f"{steps[0].rung} to {steps[-1].rung}"),
        tables.word(""),
        Cell(
            text.times(product),
            product,
            (f"{text.times(total.value)} as one",) if total else (),
            strong=True,
        ),
        tables.word(""),
        tables.word(""),
    ]
    return [*rows, _row(context, cells, last)]


def _gain(step: _Step) -> Cell:
    """The gain with its interval; it says so where rungs in between are missing."""
    cell = tables.ratio(step.gain)
    if step.follows is None or step.follows == step.rung - 1:
        return cell
    return Cell(cell.text, cell.value, (*cell.notes, f"over rung {step.follows}"))


def _published(context: Context, step: _Step) -> tuple[Cell, Cell]:
    """The articles' gain and total, where they measured this rung with this network."""
    size = step.point.batch_size
    found = articles.published(step.rung, size)
    if found is None or not _comparable(context, step.point.condition):
        return tables.word("-"), tables.word("-")
    factor = articles.published_factor(step.rung, size)
    total = text.seconds(found.total_seconds)
    return (
        tables.number(factor, text.times(factor) if factor else ""),
        Cell(total, found.total_seconds, (f"{text.seconds(found.epoch_seconds)} per epoch",)),
    )


def _row(context: Context, cells: list[Cell], point: Point) -> Row:
    return tables.row(
        context, cells, implementation=point.implementation, batch_size=point.batch_size,
        condition=point.condition,
    )  # fmt: skip


SECTION = Section("ladder", "Ladder", 60, render)
