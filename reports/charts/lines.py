"""Lines: over a few places on x with intervals, or through many points with a band."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator

from reports import format as text
from reports.charts.canvas import MUTED, Style
from reports.charts.panel import MOST_NAMED, name_ends, panel, readable, x_limits

_MOST_INTERVALS = 4
"""The intervals of more lines would pile up; their values are in the tips and in the table."""
_MARKERS = 8
"""The number of markers that distinguish curves of one colour."""
_MOST_POINTS = 240
"""Curves with more are drawn as the means of stretches, with a band from lowest to highest."""
_LOG_FROM = 30.0
"""A positive quantity that spans more than this factor has a logarithmic axis."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Series:
    """One line; ``low`` and ``high`` bound a band around it where there is an interval.

    ``name`` stands at its end, ``tips`` say the value of each point.
    """

    style: Style
    x: Sequence[float] | Numbers
    y: Sequence[float] | Numbers
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    name: str = ""
    tips: Sequence[str] = ()


def lines(
    title: str,
    series: Sequence[Series],
    labels: tuple[str, str],
    y_format: Callable[[float], str],
    *,
    description: str,
    ticks: Sequence[float],
    y_limits: tuple[float, float],
    log: bool = False,
    diagonal: bool = False,
    x_format: Callable[[float], str] = "{:.0f}".format,
    x_room: float = 0.3,
) -> Markup:
    """Return a panel of lines.

    ``labels`` are those of x and y, ``ticks`` the places on x; ``y_limits`` are shared by all
    panels.  ``diagonal`` adds the ideal, y = x / first x, as a thin line.  ``x_room`` is how far a
    linear axis goes beyond the ticks at least.
    """
    names = [line.name for line in series] if len(series) <= MOST_NAMED else []
    with panel(title, labels, description=description, names=names) as drawing:
        plot = drawing.axes
        if log:
            plot.set_xscale("log")
            plot.set_yscale("log")
            plot.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        else:
            plot.yaxis.set_major_locator(MaxNLocator(6))
        bottom, top = y_limits
        if diagonal:
            start = ticks[0]
            end = min(ticks[-1], top * start)
            plot.plot(
                (start, end), (1, end / start), color=MUTED, linewidth=1, linestyle=(0, (1, 2))
            )
        for line in series:
            plot.plot(line.x, line.y, **line.style.line())[0].set_gid(line.style.gid)
            intervals = zip(line.x, line.low, line.high, strict=False)
            for x, low, high in intervals if len(series) <= _MOST_INTERVALS else ():
                if low is not None and high is not None:
                    ends = max(low, bottom), min(high, top)
                    plot.vlines(x, *ends, color=line.style.colour, linewidth=1)
            drawing.tips += zip(line.x, line.y, line.tips, strict=False)
        limits = x_limits(ticks, log=log, room=x_room)
        plot.xaxis.set_major_locator(FixedLocator(readable(ticks, limits, log=log)))
        plot.xaxis.set_major_formatter(lambda value, _: x_format(value))
        plot.yaxis.set_major_formatter(lambda value, _: y_format(value))
        plot.set(xlim=limits, ylim=y_limits)
        if names:
            named = [line for line in series if line.name]
            name_ends(plot, [(line.x[-1], line.y[-1], line.name, line.style) for line in named])
    return drawing.markup


def curves(
    title: str,
    series: Sequence[Series],
    labels: tuple[str, str],
    y_format: Callable[[float], str],
    *,
    description: str,
    y_limits: tuple[float, float] | None = None,
    x_names: Sequence[str] = (),
    linear: bool = False,
) -> Markup:
    """Return a panel of lines through many points; values that are not finite are left out.

    ``labels`` are those of x and y.  ``y_limits`` are shared by panels that are to be compared.
    ``x_names`` stand at the places 0, 1, ... instead of numbers.  ``linear`` keeps the axis of a
    share from becoming logarithmic.
    """
    with panel(title, labels, description=description) as drawing:
        plot = drawing.axes
        finite = []
        for curve in series:
            kept = np.isfinite(curve.y)
            points = np.asarray(curve.x, np.float64)[kept], np.asarray(curve.y, np.float64)[kept]
            finite.append((curve.style, *points))
        values = np.concatenate([y for _, _, y in finite])
        positive = values.size > 0 and values.min() > 0
        if y_limits is None and not linear and positive and values.max() / values.min() > _LOG_FROM:
            plot.set_yscale("log")
            plot.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        else:
            plot.yaxis.set_major_locator(MaxNLocator(6))
        for style, whole_x, whole_y in finite:
            x, y, low, high = _thinned(whole_x, whole_y)
            look = style.line() | {"linewidth": 1.5, "markersize": 5}
            line = plot.plot(x, y, **look, markevery=max(1, math.ceil(len(x) / _MARKERS)))[0]
            line.set_gid(style.gid)
            if len(x) < len(whole_x):
                band = plot.fill_between(x, low, high, color=style.colour, alpha=0.18, linewidth=0)
                band.set_gid(style.gid)
        if x_names:
            plot.set_xticks(range(len(x_names)), [text.label(name) for name in x_names])
        else:
            plot.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        plot.yaxis.set_major_formatter(lambda value, _: y_format(value))
        if y_limits is not None:
            plot.set_ylim(*y_limits)
        elif plot.get_yscale() == "linear" and values.size and values.min() >= 0:
            plot.set_ylim(0, values.max() * 1.06 or 1)
    return drawing.markup


def _thinned(x: Numbers, y: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return places, means, lowest and highest of equal stretches of a curve."""
    size = math.ceil(len(x) / _MOST_POINTS)
    if size <= 1:
        return x, y, y, y
    starts = np.arange(0, len(x), size)
    lengths = np.diff([*starts, len(x)])
    return (
        np.add.reduceat(x, starts) / lengths,
        np.add.reduceat(y, starts) / lengths,
        np.minimum.reduceat(y, starts),
        np.maximum.reduceat(y, starts),
    )
