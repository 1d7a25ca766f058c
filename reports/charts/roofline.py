"""The roofline: rates against operations per byte, under the lines that the machine sets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from reports import format as text
from reports.charts import frame
from reports.charts.canvas import INK, MUTED, Style, canvas

_GIGA = 1e9


@dataclass(frozen=True)
class Limits:
    """Operations per second at best, and bytes per second from memory and from the cache."""

    products: float
    memory: float
    cache: float


@dataclass(frozen=True)
class Path:
    """Where an implementation stands: operations per byte, and operations per second."""

    style: Style
    intensities: tuple[float, ...]
    rates: tuple[float, ...]
    tips: tuple[str, ...] = ()


def roofline(title: str, paths: Sequence[Path], limits: Limits, *, description: str) -> Markup:
    """Return both axes logarithmic; nothing can be above the horizontal line or left of the slopes.

    The intensities must be above 0.
    """
    with canvas(size=frame.SIZE, margins=frame.MARGINS, description=description) as drawing:
        plot = drawing.axes
        plot.set_title(title)
        plot.set(xscale="log", yscale="log")
        plot.set(xlabel="operations per byte", ylabel="GFLOP/s")
        plot.set_xlim(*_x_limits(paths, limits))
        plot.set_ylim(*_y_limits(paths, limits))
        _slope(plot, limits, limits.memory, "memory", INK)
        _slope(plot, limits, limits.cache, "cache", MUTED)
        _ceiling(plot, limits)
        for path in paths:
            _draw(plot, path)
            rates = [rate / _GIGA for rate in path.rates]
            drawing.tips += zip(path.intensities, rates, path.tips, strict=False)
        for axis in (plot.xaxis, plot.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_locator(NullLocator())
    return drawing.markup


def _x_limits(paths: Sequence[Path], limits: Limits) -> tuple[float, float]:
    """Return all points, and where the slopes meet the ceiling."""
    values = [value for path in paths for value in path.intensities]
    values += [limits.products / limits.memory, limits.products / limits.cache]
    return min(values) / 2, max(values) * 2


def _y_limits(paths: Sequence[Path], limits: Limits) -> tuple[float, float]:
    """Return all points, and room for a word above the ceiling."""
    values = [rate / _GIGA for path in paths for rate in path.rates]
    return min(values) / 2, max(limits.products / _GIGA, *values) * 2


def _ceiling(plot: Any, limits: Limits) -> None:
    """The best rate of a product, from where the cache can feed it."""
    rate, end = limits.products / _GIGA, plot.get_xlim()[1]
    start = max(limits.products / limits.cache, plot.get_xlim()[0])
    plot.plot((start, end), (rate, rate), color=INK, linewidth=1.4)
    plot.annotate(
        f"products {text.significant(rate)} GFLOP/s", (end, rate), xytext=(-4, 5),
        textcoords="offset points", ha="right", color=INK,
    )  # fmt: skip


def _slope(plot: Any, limits: Limits, rate: float, name: str, colour: str) -> None:
    """Bytes per second as a line up to the ceiling, with its name to the right of its middle."""
    (left, right), bottom = plot.get_xlim(), plot.get_ylim()[0]
    bandwidth, end = rate / _GIGA, limits.products / rate
    start = max(left, bottom / bandwidth)
    if start >= min(end, right):
        return
    plot.plot((start, end), (bandwidth * start, bandwidth * end), color=colour, linewidth=1.4)
    middle = math.sqrt(start * end)
    plot.annotate(
        f"{name} {text.significant(bandwidth)} GB/s", (middle, bandwidth * middle),
        xytext=(5, -9), textcoords="offset points", color=colour,
    )  # fmt: skip


def _draw(plot: Any, path: Path) -> None:
    """The points of one implementation, from the smallest batch to the largest."""
    look = path.style.line()
    if not path.style.marker:
        # A line without markers would not show a single point.
        look |= {"marker": "_", "markersize": 11, "markeredgecolor": path.style.colour}
        look |= {"markeredgewidth": 1.8}
    line = plot.plot(path.intensities, [rate / _GIGA for rate in path.rates], **look)[0]
    line.set_gid(path.style.gid)
