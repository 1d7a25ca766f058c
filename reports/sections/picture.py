"""The picture: every implementation at every batch size, fastest first, on one log axis each."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from markupsafe import Markup

from bench.observations.points import Point, Scope
from bench.observations.winner import fastest
from reports import charts, rounding, templates
from reports import format as text
from reports.charts import ChartRow, Dot, RowChart
from reports.context import Context
from reports.figures import WORDS, shape_of
from reports.section import RESULT, Absence, Section

_MOST_PANELS = 6
"""With more batch sizes, only the smallest, the middle and the largest are open."""
_MOST_ROWS = 12
"""With more implementations, the slower ones open on demand."""


@dataclass(frozen=True)
class _Panel:
    """One batch size: the faster rows, the rest, and whether it is open."""

    chart: RowChart
    rest: RowChart | None
    open: bool


def render(context: Context) -> Markup | Absence:
    """Return a panel for each scope and batch size."""
    ranking = context.for_ranking
    places = [(scope, size) for scope in ranking.scopes for size in ranking.batch_sizes(scope)]
    marks = _marks(ranking)
    drawn = {
        place: chart
        for place in places
        if (chart := _chart(ranking, *place, marks, narrow=len(places) > 1))
    }
    if not drawn:
        return Absence("No implementation was measured, so there are no times to draw.")
    shown = list(drawn)
    if len(shown) > _MOST_PANELS:
        shown = [shown[0], shown[len(shown) // 2], shown[-1]]
    dots = [dot for chart in drawn.values() for row in chart.rows for dot in row.dots]
    shapes = {dot.shape: WORDS[dot.shape] for dot in dots}
    if marks:
        # Filled and hollow already show the plain marker.
        shapes.pop("dense", None)
    is_epoch = all(ranking.target(scope) is None for scope in ranking.scopes)
    return templates.section(
        "picture",
        panels=[_panel(chart, is_open=place in shown) for place, chart in drawn.items()],
        shapes=shapes if marks or len(shapes) > 1 else {},
        marks=marks,
        has_intervals=any(dot.low is not None for dot in dots),
        has_floor=any(chart.lines for chart in drawn.values()),
        what="epoch time" if is_epoch else "time to the target accuracy, or of an epoch",
        baseline=ranking.baseline,
    )


def _panel(chart: RowChart, *, is_open: bool) -> _Panel:
    """Return a panel whose slower rows are apart where they are many."""
    first, rest = chart.rows[:_MOST_ROWS], chart.rows[_MOST_ROWS:]
    if len(rest) <= 2:
        return _Panel(chart, None, is_open)
    slower = f"{chart.caption}: {len(rest)} slower"
    return _Panel(replace(chart, rows=first), replace(chart, caption=slower, rows=rest), is_open)


_Marks = list[tuple[bool, str]]
"""What filled (True) and hollow markers stand for."""


def _marks(context: Context) -> _Marks:
    """Return what filled and hollow markers stand for; empty with one condition."""
    conditions = context.conditions
    if len(conditions) < 2:
        return []
    counts = sorted({where.threads for where in conditions if where.threads is not None})
    settings = {(where.scope, where.setting) for where in conditions}
    if len(counts) == 2 and len(settings) == len(context.scopes):
        return [(True, text.threads(counts[1])), (False, text.threads(counts[0]))]
    return [(True, "lowest time of the row"), (False, "its other settings")]


def _chart(
    context: Context, scope: Scope, batch_size: int, marks: _Marks, *, narrow: bool
) -> RowChart | None:
    """Return the panel of one batch size; None where nothing has a time."""
    trained: dict[str, list[Point]] = {}
    floors: list[Point] = []
    for name in context.implementations:
        points = _points(context, name, scope, batch_size)
        if context.is_floor(name):
            floors += points
        elif points:
            trained[name] = points
    if not trained:
        return None
    floor = fastest(floors)
    times = [point.epoch for points in trained.values() for point in points if point.epoch]
    values = [time.value for time in times]
    values += [floor.epoch.value] if floor and floor.epoch else []
    ends = [end for time in times for end in (time.low, time.high)]
    axis = charts.log_axis(values, ends, text.tick_seconds, narrow=narrow)
    bests = {name: best for name, points in trained.items() if (best := fastest(points))}
    # What has no interval is not ranked, although it may stand first.
    first = fastest(list(bests.values()))

    def seconds(name: str) -> float:
        epoch = bests[name].epoch
        return epoch.value if epoch else math.inf

    rows = tuple(
        _row(context, axis, trained[name], bests[name], marks, is_first=bests[name] is first)
        for name in sorted(bests, key=seconds)
    )
    lines: tuple[charts.Line, ...] = ()
    if floor and floor.epoch:
        lines = (charts.Line(axis.at(floor.epoch.value), f"floor {rounding.seconds(floor.epoch)}"),)
    label = context.scope_title(scope)
    caption = f"Batch {batch_size}" + (f", {label}" if label else "")
    over = f"over {context.baseline}" if context.baseline else ""
    time = "lowest time" if len(context.conditions_of(scope)) > 1 else "time"
    return RowChart(caption, rows, axis, (time, over), lines, batch_size)


def _points(context: Context, name: str, scope: Scope, batch_size: int) -> list[Point]:
    """Return the timed points of one implementation under the conditions shown, and its best."""
    shown, every = (
        [
            point
            for where in whose.conditions_of(scope)
            if (point := whose.point(name, where, batch_size)) and point.epoch
        ]
        for whose in (context, context.whole)
    )
    best = fastest(every)
    return shown if best is None or best in shown else [*shown, best]


def _row(
    context: Context,
    axis: charts.Axis,
    points: list[Point],
    best: Point,
    marks: _Marks,
    *,
    is_first: bool,
) -> ChartRow:
    """Return one implementation: a marker for each condition, the label is of the lowest time."""
    name = best.implementation
    # SVG paints in order: filled markers come last, so that no hollow one hides them.
    dots = sorted(
        (_dot(context, axis, point, best, marks) for point in points), key=lambda dot: dot.filled
    )
    ratio, verdict = context.speed_ups.get(best.key), context.verdicts.get(best.key)
    note, doubt = "", rounding.doubt(verdict)
    if verdict and verdict.code == "too-few":
        doubt = "not ranked"
    if name == context.baseline:
        note = "baseline"
    elif ratio is not None:
        # The ratio says in which direction; the chart needs the room.
        said = doubt.removesuffix(" faster").removesuffix(" slower")
        note = rounding.with_interval(ratio) + (f", {said}" if said else "")
    return ChartRow(
        name,
        rounding.seconds(best.epoch) if best.epoch else "",
        note,
        context.rows[name].summary if name in context.rows else "",
        dots=tuple(dots),
        strong=is_first,
        reason=verdict.reason if verdict else "",
    )


def _dot(context: Context, axis: charts.Axis, point: Point, best: Point, marks: _Marks) -> Dot:
    """Return the marker of one point with its interval."""
    assert point.epoch is not None  # noqa: S101 - those without are left out
    ends = rounding.seconds_interval(point.epoch)
    tip = f"{text.printable(context.label(point.condition))}: {rounding.seconds(point.epoch)}"
    of_threads = {words: filled for filled, words in marks}
    return charts.dot(
        axis,
        point.epoch.value,
        (point.epoch.low, point.epoch.high),
        f"{tip} ({ends})" if ends else tip,
        shape=shape_of(context, point.implementation),
        filled=of_threads.get(
            text.threads(point.condition.threads), point.condition == best.condition
        ),
        place=context.place(point.condition),
    )


SECTION = Section("picture", "Times", 15, render, RESULT, bare=True)
