"""The picture: every implementation at every batch size, fastest first, on one log axis each."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from bench.observations.points import Condition, Point, Scope
from bench.observations.winner import fastest
from reports import charts, rounding, templates
from reports import format as text
from reports.charts import ChartRow, Dot, RowChart
from reports.context import Context
from reports.palette import WORDS, shape_of
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
    ranking = context.ranked
    places = [(scope, size) for scope in ranking.scopes for size in ranking.batch_sizes(scope)]
    found = {
        place: chart
        for place in places
        if (chart := _chart(ranking, *place, narrow=len(places) > 1))
    }
    if not found:
        return Absence("No implementation was measured, so there are no times to draw.")
    shown = list(found)
    if len(shown) > _MOST_PANELS:
        shown = [shown[0], shown[len(shown) // 2], shown[-1]]
    dots = [dot for one in found.values() for row in one.rows for dot in row.dots]
    shapes = {dot.shape: WORDS[dot.shape] for dot in dots}
    marks = _marks(ranking)
    if marks:
        # Filled and hollow already show the plain marker.
        shapes.pop("dense", None)
    return templates.section(
        "picture",
        panels=[_panel(chart, is_open=place in shown) for place, chart in found.items()],
        shapes=shapes if marks or len(shapes) > 1 else {},
        marks=marks,
        has_intervals=any(dot.low is not None for dot in dots),
        has_floor=any(one.lines for one in found.values()),
        what=_what(ranking),
        baseline=ranking.baseline,
    )


def _panel(chart: RowChart, *, is_open: bool) -> _Panel:
    """Return a panel whose slower rows are apart where they are many."""
    rows = chart.rows
    if len(rows) <= _MOST_ROWS + 2:
        return _Panel(chart, None, is_open)
    first, rest = (
        RowChart(caption, some, chart.axis, chart.heads, chart.lines, chart.batch_size)
        for caption, some in (
            (chart.caption, rows[:_MOST_ROWS]),
            (f"{chart.caption}: {len(rows) - _MOST_ROWS} slower", rows[_MOST_ROWS:]),
        )
    )
    return _Panel(first, rest, is_open)


def _what(context: Context) -> str:
    """Return what the axis is."""
    targets = {context.target(scope) for scope in context.scopes}
    return "epoch time" if targets == {None} else "time to the target accuracy, or of an epoch"


def _marks(context: Context) -> list[tuple[bool, str]]:
    """Return what filled and hollow markers stand for; empty with one condition."""
    counts = sorted(
        {condition.threads for condition in context.conditions if condition.threads is not None}
    )
    if len(context.conditions) < 2:
        return []
    if len(counts) == 2 and len({(c.scope, c.setting) for c in context.conditions}) == len(
        context.scopes
    ):
        return [(True, text.threads(counts[1])), (False, text.threads(counts[0]))]
    return [(True, "lowest time of the row"), (False, "its other settings")]


def _is_filled(context: Context, condition: Condition, best: Condition) -> bool:
    marks = _marks(context)
    if marks and marks[0][1] == text.threads(condition.threads):
        return True
    if marks and marks[1][1] == text.threads(condition.threads):
        return False
    return condition == best


def _chart(context: Context, scope: Scope, batch_size: int, *, narrow: bool) -> RowChart | None:
    """Return the panel of one batch size; None where nothing has a time."""
    found = {
        name: points
        for name in context.implementations
        if (points := _points(context, name, scope, batch_size))
    }
    trained = {name: some for name, some in found.items() if not context.is_floor(name)}
    if not trained:
        return None
    floors = [p for name, some in found.items() if context.is_floor(name) for p in some]
    times = [p.epoch for some in trained.values() for p in some if p.epoch]
    floor = fastest(floors)
    values = [one.value for one in times]
    values += [floor.epoch.value] if floor and floor.epoch else []
    ends = [end for one in times for end in (one.low, one.high)]
    axis = charts.log_axis(values, ends, text.tick_seconds, narrow=narrow)
    bests = {name: best for name, some in trained.items() if (best := fastest(some))}
    order = sorted(bests, key=lambda name: one.value if (one := bests[name].epoch) else math.inf)
    # What has no interval is not ranked, although it may stand first.
    first = fastest(list(bests.values()))
    rows = tuple(
        _row(context, axis, name, trained[name], bests[name], is_first=bests[name] is first)
        for name in order
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
    found = [context.point(name, where, batch_size) for where in context.conditions_of(scope)]
    whole = context.whole
    best = fastest(
        [
            point
            for where in whole.conditions_of(scope)
            if (point := whole.point(name, where, batch_size))
        ]
    )
    found += [] if best in found else [best]
    return [point for point in found if point and point.epoch]


def _row(
    context: Context, axis: charts.Axis, name: str, points: list[Point], best: Point, *,
    is_first: bool,
) -> ChartRow:  # fmt: skip
    """Return one implementation: a marker for each condition, the label is of the lowest time."""
    # SVG paints in order: filled markers come last, so that no hollow one hides them.
    dots = sorted(
        (_dot(context, axis, point, best) for point in points), key=lambda one: one.filled
    )
    key = (name, best.condition, best.batch_size)
    ratio, verdict = context.speed_ups.get(key), context.verdicts.get(key)
    note, doubt = "", rounding.doubt(verdict)
    if verdict and verdict.code == "too-few":
        doubt = "not ranked"
    if name == context.baseline:
        note = "baseline"
    elif ratio is not None:
        # The ratio says in which direction; the chart needs the room.
        said = doubt.removesuffix(" faster").removesuffix(" slower")
        note = rounding.with_interval(ratio) + (f", {said}" if said else "")
    summary = context.rows[name].summary if name in context.rows else ""
    return ChartRow(
        name,
        rounding.seconds(best.epoch) if best.epoch else "",
        note,
        summary,
        dots=tuple(dots),
        implementation=name,
        strong=is_first,
        reason=verdict.reason if verdict else "",
    )


def _dot(context: Context, axis: charts.Axis, point: Point, best: Point) -> Dot:
    """Return the marker of one point with its interval."""
    assert point.epoch is not None  # noqa: S101 - those without are left out
    label = context.label(point.condition)
    ends = rounding.seconds_interval(point.epoch)
    tip = f"{text.printable(label)}: {rounding.seconds(point.epoch)}"
    return charts.dot(
        axis,
        point.epoch.value,
        (point.epoch.low, point.epoch.high),
        f"{tip} ({ends})" if ends else tip,
        shape=shape_of(context, point.implementation),
        filled=_is_filled(context, point.condition, best.condition),
        place=context.place(point.condition),
    )


SECTION = Section("picture", "Times", 15, render, RESULT, bare=True)
