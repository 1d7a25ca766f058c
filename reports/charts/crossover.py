"""Ratios against batch size, with the line at 1 and where they cross it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from reports.charts import frame
from reports.charts.canvas import INK, MUTED, PAGE, Style, canvas

_ROOM = 1.6
"""Factor by which the axis of the ratio goes beyond the values."""
_WIDEST = 3.0
"""Factor by which an interval may lie beyond all ratios before it leaves the axis."""
_OFFSET = 5


@dataclass(frozen=True)
class Crossed:
    """Where a curve crosses 1, and its interval: an end is None where it is beyond the sizes."""

    size: float
    interval: tuple[float | None, float | None] | None


@dataclass(frozen=True)
class Contested:
    """One curve: ratios by batch size, the ends of their intervals, and the crossings."""

    style: Style
    sizes: tuple[float, ...]
    ratios: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    crossings: tuple[Crossed, ...]


def crossover(
    title: str, several: Sequence[Contested], words: tuple[str, str, str], *, description: str
) -> Markup:
    """Return a panel of curves; both axes are logarithmic.

    ``words`` name the ratio, what it means to be above 1 and what to be below.
    """
    sizes = sorted({size for one in several for size in one.sizes})
    label, above, below = words
    with canvas(size=frame.SIZE, margins=frame.MARGINS, description=description) as drawing:
        plot = drawing.axes
        plot.set_title(title)
        plot.set(xscale="log", yscale="log", xlabel="examples per batch", ylabel=label)
        plot.set_xlim(*frame.x_limits(sizes, log=True))
        plot.set_ylim(*_y_limits(several))
        plot.axhline(1, color=INK, linewidth=1.4)
        _note(plot, above, _OFFSET)
        _note(plot, below, -_OFFSET)
        for number, one in enumerate(several):
            _draw(plot, one, number)
        plot.xaxis.set_major_locator(FixedLocator(frame.readable(sizes, plot.get_xlim(), log=True)))
        plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
        plot.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))
        plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        plot.xaxis.set_minor_locator(NullLocator())
        plot.yaxis.set_minor_locator(NullLocator())
    return drawing.markup


def _y_limits(several: Sequence[Contested]) -> tuple[float, float]:
    """Return all ratios, 1, and intervals as far as they are not very wide."""
    ratios = [1.0, *(ratio for one in several for ratio in one.ratios)]
    least, most = min(ratios), max(ratios)
    ends = [end for one in several for end in (*one.low, *one.high) if end]
    low = max(min([least, *ends]), least / _WIDEST)
    high = min(max([most, *ends]), most * _WIDEST)
    return low / _ROOM**2, high * _ROOM


def _note(plot: Any, words: str, offset: float) -> None:
    """Words at the right edge, above or below the line at 1."""
    plot.annotate(
        words, (1, 1), xytext=(-2, offset), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", va="bottom" if offset > 0 else "top", color=MUTED,
    )  # fmt: skip


def _draw(plot: Any, one: Contested, number: int) -> None:
    """A curve with its band, and each crossing with its interval on the line at 1."""
    bottom, top = plot.get_ylim()
    colour = one.style.colour
    bands = [
        (size, max(low, bottom), min(high, top))
        for size, low, high in zip(one.sizes, one.low, one.high, strict=True)
        if low and high
    ]
    if len(bands) == len(one.sizes) > 1:
        sizes, lows, highs = zip(*bands, strict=True)
        plot.fill_between(sizes, lows, highs, color=colour, alpha=0.18, linewidth=0)
    for size, low, high in bands:
        plot.vlines(size, low, high, color=colour, linewidth=1)
    plot.plot(one.sizes, one.ratios, **one.style.line())
    # One below the other, so that intervals of several curves can be told apart.
    foot = bottom * (top / bottom) ** (0.03 + 0.04 * number)
    for crossed in one.crossings:
        _mark(plot, crossed, foot, colour)


def _mark(plot: Any, crossed: Crossed, foot: float, colour: str) -> None:
    """A crossing and its interval near the axis; open ends go on to the edge."""
    left, right = plot.get_xlim()
    plot.vlines(crossed.size, foot, 1, color=colour, linewidth=1, linestyle=(0, (2, 2)))
    if crossed.interval is not None:
        low, high = crossed.interval
        plot.hlines(foot, low or left, high or right, color=colour, linewidth=3)
    plot.plot(
        [crossed.size], [foot], marker="d", markersize=9, color=colour, markeredgecolor=PAGE,
        markeredgewidth=0.8,
    )  # fmt: skip
