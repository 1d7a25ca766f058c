"""What more threads bring: speed-up, efficiency, and how many were really at work."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from bench.observations.points import Point, Scope
from bench.planning.plan import Setting
from bench.stats.estimates import Ratio
from reports import charts, figures, rounding, tables, templates
from reports import format as text
from reports.charts import Series
from reports.context import Context
from reports.facts.devices import CPU
from reports.figures import shape_of
from reports.section import SCALING, Absence, Section
from reports.tables import TableCell

_FEW_COUNTS = 3
"""With so few thread counts there are dots, one row for each implementation, instead of lines."""

_Panel = tuple[Scope, Setting, int]
"""What one chart is of; the last is the batch size."""


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
    drawn = [gain for panel in panels.values() for gain in panel]
    counts = {gain.threads for gain in drawn}
    few = len(counts) <= _FEW_COUNTS
    if few:
        charted = [figures.figure(context, _dots(context, *panel)) for panel in panels.items()]
    else:
        ratios = [gain.ratio.value for gain in drawn]
        room = 0.12 * (max(1.2, *ratios) - min(ratios))
        limits = min(1, *ratios) - room, max(1.2, *ratios) + room
        charted = [
            figures.Figure(_lines(context, *panel, limits), panel[0][2]) for panel in panels.items()
        ]
    shown = {gain.point.implementation for gain in drawn}
    names = [name for name in context.implementations if name in shown]
    # Threads requested are those of the processor; what runs elsewhere does not work with them.
    elsewhere = {
        key.implementation for key, point in context.points.items() if point.cell.device != CPU
    }
    return templates.section(
        "thread_scaling",
        figures=charted,
        few=few,
        fewest=text.threads(min(counts)),
        key=()
        if few or len(names) <= charts.MOST_NAMED
        else figures.legend(context, names, section="thread-scaling"),
        table=tables.of_cells(
            context,
            "Threads requested and observed, speed-up over the fewest measured, and efficiency",
            [(gain.point.key, gain) for gain in gains],
            {
                "Fewest": lambda gain: tables.whole(gain.fewest),
                "Threads observed": lambda gain: TableCell(
                    text.significant(gain.point.threads_observed), gain.point.threads_observed
                ),
                "Epoch": lambda gain: tables.estimate(gain.point.epoch),
                "Speed-up": lambda gain: (
                    tables.ratio(gain.ratio)
                    if gain.threads > gain.fewest
                    else TableCell(text.times(1), 1.0)
                ),
                "Efficiency": lambda gain: tables.share(gain.efficiency),
            },
        ),
        later=len(drawn) < len(gains),
        elsewhere=[name for name in context.implementations if name in elsewhere],
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


def _panels(gains: list[_Gain]) -> dict[_Panel, list[_Gain]]:
    """Return what each chart shows: the lines that begin with the fewest threads of all in it.

    The ideal and the name of the axis are over that one thread count, so that a line which begins
    with more has no place beside them; it is in the table.
    """
    panels: dict[_Panel, list[_Gain]] = {}
    for gain in gains:
        where = gain.point.condition
        panels.setdefault((where.scope, where.setting, gain.point.batch_size), []).append(gain)
    return {
        panel: [gain for gain in several if gain.fewest == min(g.fewest for g in several)]
        for panel, several in panels.items()
    }


def _title(context: Context, panel: _Panel) -> str:
    scope, setting, batch_size = panel
    parts = [f"batch {batch_size}", text.setting(setting), context.scope_label(scope)]
    return ", ".join(filter(None, parts))


def _by_name(gains: list[_Gain]) -> dict[str, list[_Gain]]:
    """Return the gains of each implementation, fewest threads first."""
    by_name: dict[str, list[_Gain]] = {}
    for gain in gains:
        by_name.setdefault(gain.point.implementation, []).append(gain)
    return by_name


def _dots(context: Context, panel: _Panel, gains: list[_Gain]) -> charts.RowChart:
    """Return one row for each implementation: a dot for every thread count beyond the fewest.

    The label of a row is that of the most threads.
    """
    later = [gain for gain in gains if gain.threads > gain.fewest]
    most = max((gain.threads for gain in later), default=1)
    values = [1.0, *(gain.ratio.value for gain in later)]
    values += [gain.threads / gain.fewest for gain in later]
    ends = [end for gain in later for end in (gain.ratio.low, gain.ratio.high)]
    axis = charts.log_axis(values, ends, lambda value: text.significant(value, 2))
    by_name = _by_name(later)
    rows = []
    for name in sorted(by_name, key=lambda name: -by_name[name][-1].ratio.value):
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
            for gain in by_name[name]
        ]
        label = rounding.with_interval(by_name[name][-1].ratio)
        rows.append(charts.ChartRow(name, "", label, dots=tuple(dots)))
    ideal = charts.Line(axis.at(most / gains[0].fewest), "ideal")
    lines = (charts.Line(axis.at(1.0), ""), ideal)
    title = _title(context, panel)
    return charts.RowChart(title, tuple(rows), axis, ("", "speed-up"), lines, panel[2])


def _lines(
    context: Context, panel: _Panel, gains: list[_Gain], limits: tuple[float, float]
) -> Markup:
    """Speed-up over the fewest threads against threads."""
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
        for name, line in _by_name(gains).items()
    ]
    ticks = tuple(float(count) for count in sorted({gain.threads for gain in gains}))
    title = _title(context, panel)
    return charts.lines(
        title,
        series,
        ("threads requested", f"speed-up over {text.count(int(ticks[0]), 'thread')}"),
        text.significant,
        description=f"Speed-up against threads at {title}; the values are in the table.",
        ticks=ticks,
        y_limits=limits,
        diagonal=True,
    )


SECTION = Section("thread-scaling", "Threads", 40, render, SCALING)
