"""Line charts: a quantity against batch size or threads, one line per implementation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from reports.charts.canvas import MUTED, Style, canvas

_SIZE = (460, 300)
_MARGINS = (62, 14, 30, 42)


@dataclass(frozen=True)
class Series:
    """One line; ``low`` and ``high`` bound a band around it where there is an interval."""

    style: Style
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


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
    with canvas(size=_SIZE, margins=_MARGINS, description=description) as drawing:
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
            _draw(plot, one, axes.y_limits)
        plot.xaxis.set_major_locator(FixedLocator(_readable(axes)))
        plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: axes.x_format(value)))
        plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: axes.y_format(value)))
        plot.xaxis.set_minor_locator(NullLocator())
        plot.yaxis.set_minor_locator(NullLocator())
        plot.set_ylim(*axes.y_limits)
        plot.set_xlim(*_x_limits(axes))
    return drawing.markup


def _draw(plot: Any, series: Series, limits: tuple[float, float]) -> None:
    """One line with its intervals as thin bars, which end at ``limits`` at the latest."""
    bottom, top = limits
    line = plot.plot(series.x, series.y, **series.style.line())[0]
    line.set_gid(series.style.gid)
    for x, low, high in zip(series.x, series.low, series.high, strict=False):
        if low is not None and high is not None:
            ends = (max(low, bottom), min(high, top))
            plot.vlines(x, *ends, color=series.style.colour, linewidth=1)


def _x_limits(axes: Axes) -> tuple[float, float]:
    """A little room on both sides, on the axis' own scale."""
    low, high = axes.ticks[0], axes.ticks[-1]
    if axes.log:
        room = max((high / low) ** 0.04, 1.15)
        return low / room, high * room
    room = max((high - low) * 0.06, axes.x_room)
    return low - room, high + room


def _readable(axes: Axes) -> list[float]:
    """The ticks that leave room for their labels: on a log axis neighbours may be too close."""
    if not axes.log:
        return list(axes.ticks)
    kept = [axes.ticks[0]]
    gap = max((axes.ticks[-1] / axes.ticks[0]) ** 0.09, 1.01)
    for tick in axes.ticks[1:]:
        if tick / kept[-1] >= gap:
            kept.append(tick)
    return kept
