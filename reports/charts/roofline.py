"""Rates of implementations below the limits of the machine."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.ticker import LogLocator

from bench.documents.timings import Peaks
from reports import format as text
from reports.charts.canvas import INK, MUTED
from reports.charts.lines import Series
from reports.charts.panel import panel

_GIGA = 1e9


def roofline(title: str, paths: Sequence[Series], limits: Peaks, *, description: str) -> Markup:
    """Return both axes logarithmic; nothing can be above the horizontal line or left of the slopes.

    A path goes from the smallest batch to the largest: x are operations per byte, above 0, and y
    are operations per second.
    """
    peak = limits.gemm / _GIGA
    bandwidths = (
        ("memory", limits.copy / _GIGA, INK), ("cache", limits.cached_copy / _GIGA, MUTED),
    )  # fmt: skip
    intensities = [x for path in paths for x in path.x]
    intensities += [peak / bandwidth for _, bandwidth, _ in bandwidths]
    rates = [y / _GIGA for path in paths for y in path.y]
    left, right = min(intensities) / 2, max(intensities) * 2
    # There is room for a word above the ceiling.
    bottom, top = min(rates) / 2, max(peak, *rates) * 2
    labels = ("operations per byte", "GFLOP/s")
    with panel(title, labels, description=description) as drawing:
        plot = drawing.axes
        plot.set(xscale="log", yscale="log", xlim=(left, right), ylim=(bottom, top))
        for name, bandwidth, colour in bandwidths:
            # A line up to the ceiling, with its name to the right of its middle.
            start, end = max(left, bottom / bandwidth), peak / bandwidth
            if start >= min(end, right):
                continue
            plot.plot(
                (start, end), (bandwidth * start, bandwidth * end), color=colour, linewidth=1.4
            )
            middle = math.sqrt(start * end)
            plot.annotate(
                f"{name} {text.significant(bandwidth)} GB/s", (middle, bandwidth * middle),
                xytext=(5, -9), textcoords="offset points", color=colour,
            )  # fmt: skip
        # The best rate of a product, from where the cache can feed it.
        plot.plot(
            (max(peak / bandwidths[1][1], left), right), (peak, peak), color=INK, linewidth=1.4
        )
        plot.annotate(
            f"products {text.significant(peak)} GFLOP/s", (right, peak), xytext=(-4, 5),
            textcoords="offset points", ha="right", color=INK,
        )  # fmt: skip
        for path in paths:
            look = path.style.line()
            if not path.style.marker:
                # A line without markers would not show a single point.
                look |= {"marker": "_", "markersize": 11, "markeredgecolor": path.style.colour}
                look |= {"markeredgewidth": 1.8}
            heights = [rate / _GIGA for rate in path.y]
            plot.plot(path.x, heights, **look)[0].set_gid(path.style.gid)
            drawing.tips += zip(path.x, heights, path.tips, strict=False)
        for axis in (plot.xaxis, plot.yaxis):
            axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=9))
            axis.set_major_formatter("{x:g}")
    return drawing.markup
