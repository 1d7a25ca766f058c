"""Line charts: a quantity against batch size or threads, one line per implementation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from reports.charts import frame
from reports.charts.canvas import MUTED, Style, canvas

_MOST_INTERVALS = 4
"""The intervals of more lines would pile up; their values are in the tips and in the table."""


@dataclass(frozen=True)
class Series:
    """One line; ``low`` and ``high`` bound a band around it where there is an interval.

    ``name`` stands at its end, ``tips`` say the value of each point.
    """

    style: Style
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    name: str = ""
    tips: tuple[str, ...] = ()


@dataclass(frozen=True)
class Axes:
    """What the axes say; ``ticks`` are the places on x, ``y_limits`` are shared by all panels.

    ``x_room`` is how far a linear axis goes beyond the ticks at least.
    """

    x_label: str
    y_label: str
    ticks: tuple[float, ...]
    y_limits: tuple[float, float]
    log: bool
    y_format: Callable[[float], str]
    diagonal: bool = False
    x_format: Callable[[float], str] = "{:.0f}".format
    x_room: float = 0.3


def lines(title: str, series: Sequence[Series], axes: Axes, *, description: str) -> Markup:
    """A panel of lines.  ``axes.diagonal`` adds the ideal, y = x / first x, as a thin line."""
    names = [one.name for one in series] if len(series) <= frame.MOST_NAMED else []
    with canvas(
        size=frame.SIZE,
        margins=frame.margins(names, labelled=bool(axes.y_label)),
        description=description,
    ) as drawing:
        plot = drawing.axes
        plot.set_title(title)
        plot.set(xlabel=axes.x_label, ylabel=axes.y_label)
        if axes.log:
            plot.set_xscale("log")
            plot.set_yscale("log")
            plot.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        else:
            plot.yaxis.set_major_locator(MaxNLocator(6))
        if axes.diagonal:
            start = axes.ticks[0]
            end = min(axes.ticks[-1], axes.y_limits[1] * start)
            plot.plot(
                (start, end), (1, end / start), color=MUTED, linewidth=1, linestyle=(0, (1, 2))
            )
        for one in series:
            _draw(plot, one, axes.y_limits, intervals=len(series) <= _MOST_INTERVALS)
            drawing.tips += zip(one.x, one.y, one.tips, strict=False)
        limits = frame.x_limits(axes.ticks, log=axes.log, room=axes.x_room)
        ticks = frame.readable(axes.ticks, limits, log=axes.log)
        plot.xaxis.set_major_locator(FixedLocator(ticks))
        plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: axes.x_format(value)))
        plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: axes.y_format(value)))
        plot.xaxis.set_minor_locator(NullLocator())
        plot.yaxis.set_minor_locator(NullLocator())
        plot.set_ylim(*axes.y_limits)
        plot.set_xlim(*limits)
        if names:
            ends = [frame.End(one.x[-1], one.y[-1], one.name, one.style) for one in series]
            frame.name_ends(plot, [end for end in ends if end.name])
    return drawing.markup


def _draw(plot: Any, series: Series, limits: tuple[float, float], *, intervals: bool) -> None:
    """One line with its intervals as thin bars, which end at ``limits`` at the latest."""
    bottom, top = limits
    line = plot.plot(series.x, series.y, **series.style.line())[0]
    line.set_gid(series.style.gid)
    for x, low, high in (
        () if not intervals else zip(series.x, series.low, series.high, strict=False)
    ):
        if low is not None and high is not None:
            ends = (max(low, bottom), min(high, top))
            plot.vlines(x, *ends, color=series.style.colour, linewidth=1)
