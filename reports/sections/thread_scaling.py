"""What more threads bring: speed-up, efficiency, and how many were really at work."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from bench.observations.points import Point, Scope
from bench.planning.plan import Setting
from bench.stats.estimates import Ratio
from reports import charts, figures, rounding, tables, templates
from reports import format as text
from reports.charts import Axes, Series
from reports.context import Context
from reports.devices import CPU
from reports.palette import shape_of
from reports.section import SCALING, Absence, Section
from reports.tables import Table, TableCell

_FEW_COUNTS = 3
"""With so few thread counts there are dots, one row for each implementation, instead of lines."""


@dataclass(frozen=True)
class _Gain:
    """A point against the same implementation with the fewest threads."""

    point: Point
    threads: int
    fewest: int
    ratio: Ratio

    @property
    def efficiency(self) -> float:
        """Speed-up over the ideal one, ``threads / fewest``: 1 where twice the threads halve it."""
        return self.ratio.value * self.fewest / self.threads


def render(context: Context) -> Markup | Absence:
    """Return one chart per batch size and the table behind them."""
    # Whoever is shown is held against its fewest threads, also where these are not.
    gains = [gain for gain in _gains(context.whole) if gain.point.key in context.points]
    if not any(gain.threads > gain.fewest for gain in gains):
        return Absence("Fewer than two thread counts were measured, so no scaling can be shown.")
    panels = _panels(gains)
    drawn = [gain for some in panels.values() for gain in some]
    counts = {gain.threads for gain in drawn}
    few = len(counts) <= _FEW_COUNTS
    limits = _limits(drawn)
    charted = [
        figures.rows(context, _dots(context, panel, some))
        if few
        else figures.Figure(_chart(context, panel, some, limits), panel[2])
        for panel, some in panels.items()
    ]
    names = [n for n in context.implementations if any(g.point.implementation == n for g in drawn)]
    return templates.section(
        "thread_scaling",
        figures=charted,
        few=few,
        fewest=text.threads(min(counts)),
        key=()
        if few or len(names) <= charts.MOST_NAMED
        else figures.key(context, names, section="thread-scaling"),
        table=_table(context, gains),
        later=len(drawn) < len(gains),
        elsewhere=[name for name in context.implementations if _is_elsewhere(context, name)],
    )


def _limits(drawn: list[_Gain]) -> tuple[float, float]:
    """Return the axis of all charts with lines: every speed-up, and 1."""
    top = max([1.2, *(gain.ratio.value for gain in drawn)])
    bottom = min(gain.ratio.value for gain in drawn)
    room = 0.12 * (top - bottom)
    return min(bottom, 1) - room, top + room


def _dots(
    context: Context, panel: tuple[Scope, Setting, int], gains: list[_Gain]
) -> charts.RowChart:
    """Return one row for each implementation: a dot for every thread count beyond the fewest."""
    later = [gain for gain in gains if gain.threads > gain.fewest]
    most = max((gain.threads for gain in later), default=1)
    values = [1.0, *(gain.ratio.value for gain in later)]
    values += [gain.threads / gain.fewest for gain in later]
    ends = [end for gain in later for end in (gain.ratio.low, gain.ratio.high)]
    axis = charts.log_axis(values, ends, lambda value: text.significant(value, 2))
    of_name: dict[str, list[_Gain]] = {}
    for gain in later:
        of_name.setdefault(gain.point.implementation, []).append(gain)
    order = sorted(of_name, key=lambda name: -of_name[name][-1].ratio.value)
    rows = [_dot_row(context, axis, of_name[name], most) for name in order]
    ideal = most / gains[0].fewest
    lines = (charts.Line(axis.at(1.0), ""), charts.Line(axis.at(ideal), "ideal"))
    return charts.RowChart(
        _panel_title(context, panel), tuple(rows), axis, ("", "speed-up"), lines, panel[2]
    )


def _dot_row(context: Context, axis: charts.Axis, gains: list[_Gain], most: int) -> charts.ChartRow:
    """Return the dots of one implementation; the label is that of the most threads."""
    last = gains[-1]
    name = last.point.implementation
    dots = [
        charts.dot(
            axis,
            gain.ratio.value,
            (gain.ratio.low, gain.ratio.high),
            f"{text.threads(gain.threads)}: {rounding.with_interval(gain.ratio)}",
            shape=shape_of(context, name),
            filled=gain.threads == most,
            place=context.place(gain.point.condition),
        )
        for gain in gains
    ]
    return charts.ChartRow(
        name,
        "",
        rounding.with_interval(last.ratio),
        dots=tuple(dots),
        implementation=name,
    )


def _panel_title(context: Context, panel: tuple[Scope, Setting, int]) -> str:
    scope, setting, batch_size = panel
    parts = [f"batch {batch_size}", text.setting(setting), context.scope_label(scope)]
    return ", ".join(part for part in parts if part)


def _panels(gains: list[_Gain]) -> dict[tuple[Scope, Setting, int], list[_Gain]]:
    """Return what each chart shows: the lines that begin with the fewest threads of all in it.

    The ideal and the name of the axis are over that one thread count, so that a line which begins
    with more has no place beside them; it is in the table.
    """
    panels: dict[tuple[Scope, Setting, int], list[_Gain]] = {}
    for gain in gains:
        where = gain.point.condition
        panels.setdefault((where.scope, where.setting, gain.point.batch_size), []).append(gain)
    found = {}
    for panel, some in panels.items():
        fewest = min(gain.fewest for gain in some)
        found[panel] = [gain for gain in some if gain.fewest == fewest]
    return found


def _is_elsewhere(context: Context, name: str) -> bool:
    """Return whether an implementation that was measured runs on something else than the processor.

    Threads requested are those of the processor; what runs elsewhere does not work with them.
    """
    return any(
        point.cell.device != CPU for (other, _, _), point in context.points.items() if other == name
    )


def _gains(context: Context) -> list[_Gain]:
    """Return every point on the processor with a thread count, against the first of its line.

    Lines of one point are dropped: there is nothing to compare it with.
    """
    lines: dict[tuple[str, Scope, Setting, int], list[tuple[int, Point]]] = {}
    for condition, batch_size, group in context.groups():
        if condition.threads is not None:
            for name, point in group.items():
                if point.cell.device == CPU and point.epoch:
                    line = (name, condition.scope, condition.setting, batch_size)
                    lines.setdefault(line, []).append((condition.threads, point))
    gains = []
    for places in lines.values():
        fewest, first = places[0]
        for threads, point in places if len(places) > 1 else ():
            ratio = context.judged.ratio(first, point)
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
            name,
            tuple(f"{name}, {g.threads} threads: {rounding.with_interval(g.ratio)}" for g in line),
        )
        for name, line in by_name.items()
    ]
    ticks = tuple(float(count) for count in sorted({gain.threads for gain in gains}))
    axes = Axes(
        "threads requested", f"speed-up over {text.count(int(ticks[0]), 'thread')}", ticks, limits,
        log=False, y_format=text.significant, diagonal=True,
    )  # fmt: skip
    title = _panel_title(context, panel)
    described = f"Speed-up against threads at {title}; the values are in the table."
    return charts.lines(title, series, axes, description=described)


def _table(context: Context, gains: list[_Gain]) -> Table:
    """Speed-up, efficiency and observed threads of every point."""
    return tables.of_cells(
        context,
        "Threads requested and observed, speed-up over the fewest measured, and efficiency",
        [(gain.point.key, gain) for gain in gains],
        {
            "Fewest": lambda gain: tables.whole(gain.fewest),
            "Threads observed": lambda gain: _observed(gain.point),
            "Epoch": lambda gain: tables.estimate(gain.point.epoch),
            "Speed-up": _speed_up,
            "Efficiency": lambda gain: tables.share(gain.efficiency),
        },
    )


def _observed(point: Point) -> TableCell:
    return TableCell(text.significant(point.threads_observed), point.threads_observed)


def _speed_up(gain: _Gain) -> TableCell:
    if gain.threads > gain.fewest:
        return tables.ratio(gain.ratio)
    return TableCell(text.times(1), 1.0)


SECTION = Section("thread-scaling", "Threads", 40, render, SCALING)
