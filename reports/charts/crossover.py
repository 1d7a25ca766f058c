"""Ratios of two devices against batch size, and where they cross 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import FixedLocator, LogLocator

from reports.charts.canvas import INK, MUTED, PAGE, Style
from reports.charts.panel import panel, readable, x_limits
from reports.charts.rowchart import reach
from reports.facts.crossover import Node, crossings

_ROOM = 1.6
"""Factor by which the axis of the ratio goes beyond the values."""
_OFFSET = 5

Contested = tuple[Style, Sequence[Node]]
"""One curve: ratios with their intervals by batch size."""


def crossover(
    title: str, curves: Sequence[Contested], words: tuple[str, str, str], *, description: str
) -> Markup:
    """Return a panel of curves; both axes are logarithmic.

    ``words`` name the ratio, what it means to be above 1 and what to be below.
    """
    nodes = [node for _, some in curves for node in some]
    sizes = sorted({node.size for node in nodes})
    label, above, below = words
    with panel(title, ("examples per batch", label), description=description) as drawing:
        plot = drawing.axes
        plot.set(xscale="log", yscale="log")
        limits = x_limits(sizes, log=True)
        plot.set_xlim(*limits)
        ratios = [1.0, *(node.ratio for node in nodes)]
        low, high = reach(ratios, [end for node in nodes for end in (node.low, node.high)])
        plot.set_ylim(low / _ROOM**2, high * _ROOM)
        plot.axhline(1, color=INK, linewidth=1.4)
        for note, offset, vertical in ((above, _OFFSET, "bottom"), (below, -_OFFSET, "top")):
            plot.annotate(
                note, (1, 1), xytext=(-2, offset), xycoords=("axes fraction", "data"),
                textcoords="offset points", ha="right", va=vertical, color=MUTED,
            )  # fmt: skip
        for number, (style, some) in enumerate(curves):
            _draw(plot, style, some, number)
        plot.xaxis.set_major_locator(FixedLocator(readable(sizes, limits, log=True)))
        plot.xaxis.set_major_formatter("{x:.0f}")
        plot.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))
        plot.yaxis.set_major_formatter("{x:g}")
    return drawing.markup


def _draw(plot: Any, style: Style, nodes: Sequence[Node], number: int) -> None:
    """Draw a curve with its band, and each crossing with its interval near the axis."""
    (left, right), (bottom, top) = plot.get_xlim(), plot.get_ylim()
    colour = style.colour
    sizes = [node.size for node in nodes]
    bands = [
        (node.size, max(node.low, bottom), min(node.high, top))
        for node in nodes
        if node.low and node.high
    ]
    if len(bands) == len(nodes) > 1:
        _, lows, highs = zip(*bands, strict=True)
        plot.fill_between(sizes, lows, highs, color=colour, alpha=0.18, linewidth=0)
    for size, low, high in bands:
        plot.vlines(size, low, high, color=colour, linewidth=1)
    plot.plot(sizes, [node.ratio for node in nodes], **style.line())
    # One below the other, so that the intervals of several curves are apart.
    foot = bottom * (top / bottom) ** (0.03 + 0.04 * number)
    for crossing in crossings(nodes):
        plot.vlines(crossing.size, foot, 1, color=colour, linewidth=1, linestyle=(0, (2, 2)))
        if crossing.interval is not None:
            # An open end goes on to the edge.
            low, high = crossing.interval.low or left, crossing.interval.high or right
            plot.hlines(foot, low, high, color=colour, linewidth=3)
        plot.plot(
            [crossing.size], [foot], marker="d", markersize=9, color=colour, markeredgecolor=PAGE,
            markeredgewidth=0.8,
        )  # fmt: skip
