"""How the time per example depends on the batch size."""

from __future__ import annotations

from markupsafe import Markup

from bench.observations.points import Condition, Point
from reports import charts, figures, rounding, tables, templates
from reports import format as text
from reports.charts import Series
from reports.context import Context
from reports.section import SCALING, Absence, Section
from reports.tables import TableCell


def render(context: Context) -> Markup | Absence:
    """Return one chart per condition and the table behind them."""
    several = {
        condition: lines
        for condition in context.conditions
        if max(map(len, (lines := _lines(context, condition)).values()), default=0) > 1
    }
    if not several:
        return Absence("Only one batch size was measured, so there is no trend to show.")
    values = [
        _per_example(p) for lines in several.values() for line in lines.values() for p in line
    ]
    limits = (min(values) / 1.25, max(values) * 1.25)
    shown: dict[Condition, list[figures.Figure]] = {}
    for condition, lines in several.items():
        chart = _chart(context, condition, lines, limits)
        shown[condition] = [figures.figure(context, chart, condition=condition)]
    names = [
        name for name in context.implementations if any(name in one for one in several.values())
    ]
    return templates.section(
        "batch_scaling",
        groups=figures.grouped(context, shown),
        key=()
        if len(names) <= charts.MOST_NAMED
        else figures.legend(context, names, section="batch-scaling"),
        table=tables.of_grid(
            context,
            "Time per example, and examples per second",
            [(name, condition) for condition, lines in several.items() for name in lines],
            sorted(
                {p.batch_size for one in several.values() for some in one.values() for p in some}
            ),
            lambda key: _cell(context.points.get(key)),
        ),
        has_floor=any(context.is_floor(name) for name in names),
    )


def _lines(context: Context, condition: Condition) -> dict[str, list[Point]]:
    """Return the points of each implementation by batch size."""
    lines: dict[str, list[Point]] = {}
    for batch_size in context.batch_sizes(condition.scope):
        for name, point in context.group(condition, batch_size).items():
            if point.epoch is not None:
                lines.setdefault(name, []).append(point)
    return lines


def _per_example(point: Point) -> float:
    """Seconds for one example; zero cannot occur, as points without an epoch have no line."""
    return point.epoch.value / point.examples if point.epoch else 0.0


def _chart(
    context: Context,
    condition: Condition,
    lines: dict[str, list[Point]],
    limits: tuple[float, float],
) -> Markup:
    """Time per example against batch size, both logarithmic."""
    series = []
    for name, points in lines.items():
        estimates = [(p.epoch, p.examples) for p in points if p.epoch]
        series.append(
            Series(
                figures.style(context, name),
                tuple(float(p.batch_size) for p in points),
                tuple(one.value / n for one, n in estimates),
                tuple(one.low / n if one.low else None for one, n in estimates),
                tuple(one.high / n if one.high else None for one, n in estimates),
                name,
                tuple(_tip(name, p) for p in points),
            )
        )
    sizes = sorted({p.batch_size for points in lines.values() for p in points})
    label = context.label(condition)
    described = f"Time per example against batch size with {label}; the values are in the table."
    return charts.lines(
        label,
        series,
        ("examples per batch", ""),
        text.tick_seconds,
        description=described,
        ticks=sizes,
        y_limits=limits,
        log=True,
    )


def _tip(name: str, point: Point) -> str:
    """Return the value of one point, with its interval."""
    value = _per_example(point)
    ends = rounding.seconds_interval(point.epoch) if point.epoch else ""
    shown = f"{text.printable(name)}, batch {point.batch_size}: {text.seconds(value)} per example"
    return f"{shown} (epoch {ends})" if ends else shown


def _cell(point: Point | None) -> TableCell:
    if point is None or point.epoch is None:
        return tables.word("-")
    value = _per_example(point)
    return TableCell(text.seconds(value), value, (f"{text.significant(1 / value)} /s",))


SECTION = Section("batch-scaling", "Batch size", 30, render, SCALING)
