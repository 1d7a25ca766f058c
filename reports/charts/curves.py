"""Curves: what changes from batch to batch or from epoch to epoch, many points on a line."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from reports import format as text
from reports.charts import frame
from reports.charts.canvas import Style, canvas

_MARKERS = 8
"""The number of markers that distinguish lines of one colour."""
_MOST_POINTS = 240
_LOG_FROM = 30.0
"""A positive quantity that spans more than this factor has a logarithmic axis."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Curve:
    """One line; ``x`` and ``y`` have shape ``(points,)``.

    Where there are too many points, stretches of them are drawn as their mean with a band from the
    lowest to the highest.
    """

    style: Style
    x: Numbers
    y: Numbers

    @classmethod
    def of(cls, style: Style, x: Iterable[float], y: Iterable[float]) -> Curve:
        """Return a curve through points that are not arrays yet."""
        return cls(style, np.array(list(x), np.float64), np.array(list(y), np.float64))


@dataclass(frozen=True)
class CurveAxes:
    """What the axes say; ``y_limits`` are shared by panels that are to be compared.

    ``linear`` keeps the axis of a share from becoming logarithmic.  ``x_names`` stand at the places
    0, 1, ... instead of numbers.
    """

    x_label: str
    y_label: str
    y_format: Callable[[float], str]
    y_limits: tuple[float, float] | None = None
    x_names: tuple[str, ...] = ()
    linear: bool = False


def curves(title: str, several: Sequence[Curve], axes: CurveAxes, *, description: str) -> Markup:
    """Return a panel of curves; values that are not finite are left out."""
    finite = [_finite(one) for one in several]
    with canvas(size=frame.SIZE, margins=frame.MARGINS, description=description) as drawing:
        plot = drawing.axes
        plot.set_title(title)
        plot.set(xlabel=axes.x_label, ylabel=axes.y_label)
        values = np.concatenate([one.y for one in finite])
        if axes.y_limits is None and not axes.linear and _spans_much(values):
            plot.set_yscale("log")
            plot.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        else:
            plot.yaxis.set_major_locator(MaxNLocator(6))
        for one in finite:
            _draw(plot, one)
        if axes.x_names:
            plot.set_xticks(range(len(axes.x_names)), [text.label(name) for name in axes.x_names])
        else:
            plot.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: axes.y_format(value)))
        plot.yaxis.set_minor_locator(NullLocator())
        if axes.y_limits is not None:
            plot.set_ylim(*axes.y_limits)
        elif plot.get_yscale() == "linear" and values.size and values.min() >= 0:
            plot.set_ylim(0, values.max() * 1.06 or 1)
    return drawing.markup


def _finite(curve: Curve) -> Curve:
    kept = np.isfinite(curve.y)
    return Curve(curve.style, curve.x[kept], curve.y[kept])


def _spans_much(values: Numbers) -> bool:
    return bool(values.size and values.min() > 0 and values.max() / values.min() > _LOG_FROM)


def _draw(plot: Any, curve: Curve) -> None:
    """One line with its band, and a marker now and then."""
    x, y, low, high = _thinned(curve)
    line = plot.plot(
        x, y,
        **curve.style.line() | {"linewidth": 1.5, "markersize": 5},
        markevery=max(1, math.ceil(len(x) / _MARKERS)),
    )[0]  # fmt: skip
    line.set_gid(curve.style.gid)
    if len(x) < len(curve.x):
        band = plot.fill_between(x, low, high, color=curve.style.colour, alpha=0.18, linewidth=0)
        band.set_gid(curve.style.gid)


def _thinned(curve: Curve) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Places, means, lowest and highest of equal stretches of the curve."""
    size = math.ceil(len(curve.x) / _MOST_POINTS)
    if size <= 1:
        return curve.x, curve.y, curve.y, curve.y
    starts = np.arange(0, len(curve.x), size)
    lengths = np.diff([*starts, len(curve.x)])
    return (
        np.add.reduceat(curve.x, starts) / lengths,
        np.add.reduceat(curve.y, starts) / lengths,
        np.minimum.reduceat(curve.y, starts),
        np.maximum.reduceat(curve.y, starts),
    )
