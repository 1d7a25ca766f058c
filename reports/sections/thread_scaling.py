"""What more threads bring: speed-up, efficiency, and how many were really at work."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from bench.judging.stats import Ratio
from bench.planning.plan import Setting
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Axes, Series
from reports.context import Context
from reports.points import Condition, Point, Scope, speed_up
from reports.section import Absence, Section
from reports.tables import Cell, Table


@dataclass(frozen=True)
class _Gain:
    """A point against the same implementation with the fewest threads."""

    point: Point
    threads: int
    fewest: int
    ratio: Ratio

    @property
    def efficiency(self) -> float:
        """Speed-up per thread added: 1 where twice the threads halve the time."""
        return self.ratio.value * self.fewest / self.threads


def render(context: Context) -> Markup | Absence:
    """One chart per batch size and the table behind them."""
    gains = _gains(context)
    if not any(gain.threads > gain.fewest for gain in gains):
        return Absence("Fewer than two thread counts were measured, so no scaling can be shown.")
    panels: dict[tuple[Scope, Setting, int], list[_Gain]] = {}
    for gain in gains:
        where = gain.point.condition
        panels.setdefault((where.scope, where.setting, gain.point.batch_size), []).append(gain)
    top = max([1.2, *(gain.ratio.value for gain in gains)])
    bottom = min(gain.ratio.value for gain in gains)
    room = 0.12 * (top - bottom)
    limits = (min(bottom, 1) - room, top + room)
    charted = [
        figures.Figure(_chart(context, panel, some, limits), panel[2])
        for panel, some in panels.items()
        if len({gain.threads for gain in some}) > 1
    ]
    names = [n for n in context.implementations if any(g.point.implementation == n for g in gains)]
    return templates.section(
        "thread_scaling",
        figures=charted,
        key=figures.key(context, names, section="thread-scaling"),
        table=_table(context, gains),
    )


def _gains(context: Context) -> list[_Gain]:
    """Every point with a thread count, against its line's first; lines of one point are dropped."""
    lines: dict[tuple[str, Scope, Setting, int], list[tuple[int, Point]]] = {}
    for condition, batch_size, group in context.groups():
        if condition.threads is not None:
            for name, point in group.items():
                line = (name, condition.scope, condition.setting, batch_size)
                lines.setdefault(line, []).append((condition.threads, point))
    gains = []
    for places in lines.values():
        fewest, first = places[0]
        for threads, point in places if len(places) > 1 else ():
            ratio = speed_up(first, point)
            if ratio is not None:
                gains.append(_Gain(point, threads, fewest, ratio))
    return gains


def _chart(
    context: Context,
    panel: tuple[Scope, Setting, int],
    gains: list[_Gain],
    limits: tuple[float, float],
) -> Markup:
    """Speed-up over the fewest threads against threads."""
    scope, setting, batch_size = panel
    by_name: dict[str, list[_Gain]] = {}
    for gain in gains:
        by_name.setdefault(gain.point.implementation, []).append(gain)
    series = [
        Series(
            figures.style(context, name),
            tuple(float(gain.threads) for gain in line),
            tuple(gain.ratio.value for gain in line),
            tuple(gain.ratio.low for gain in line),
            tuple(gain.ratio.high for gain in line),
        )
        for name, line in by_name.items()
    ]
    ticks = tuple(float(count) for count in sorted({gain.threads for gain in gains}))
    axes = Axes(
        "threads requested", f"speed-up over {text.count(int(ticks[0]), 'thread')}", ticks, limits,
        log=False, y_format=text.significant, diagonal=True,
    )  # fmt: skip
    parts = [f"batch {batch_size}", text.setting(setting), context.scope_label(scope)]
    title = ", ".join(part for part in parts if part)
    described = f"Speed-up against threads at {title}; the values are in the table."
    return charts.lines(title, series, axes, description=described)


def _table(context: Context, gains: list[_Gain]) -> Table:
    """Speed-up, efficiency and observed threads of every point."""
    rows = []
    for gain in gains:
        point = gain.point
        cells = [
            Cell(point.implementation),
            Cell(context.label(point.condition)),
            Cell(str(point.batch_size), point.batch_size),
            Cell(text.significant(point.threads_observed), point.threads_observed),
            tables.duration(point.epoch.value if point.epoch else None),
            tables.ratio(gain.ratio) if gain.threads > gain.fewest else Cell(text.times(1), 1.0),
            Cell(text.percent(gain.efficiency), gain.efficiency),
        ]
        rows.append(_row(context, cells, point, point.condition))
    titles = (
        "Implementation", "Requested", "Batch size", "Threads observed", "Epoch", "Speed-up",
        "Efficiency",
    )  # fmt: skip
    caption = "Thread scaling: requested and observed threads, speed-up and efficiency"
    return Table(caption, tables.columns(*titles, text_columns=2), tuple(rows))


def _row(context: Context, cells: list[Cell], point: Point, condition: Condition) -> tables.Row:
    return tables.row(
        context, cells, implementation=point.implementation, batch_size=point.batch_size,
        condition=condition,
    )  # fmt: skip


SECTION = Section("thread-scaling", "Threads", 40, render)
