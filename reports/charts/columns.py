"""Columns: how many of each kind there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator

from reports import format as text
from reports.charts.canvas import PAGE, Style
from reports.charts.panel import CHARACTER, LEFT, RIGHT, WIDTH, panel

_WIDTH = 0.8


def columns(
    title: str,
    names: Sequence[str],
    groups: Sequence[tuple[Style, Sequence[float]]],
    *,
    labels: tuple[str, str],
    y_format: Callable[[float], str],
    description: str,
    log: bool = False,
) -> Markup:
    """Return columns side by side over each of ``names``; ``labels`` are those of x and y.

    A group has a value for each name.
    """
    with panel(title, labels, description=description) as drawing:
        plot = drawing.axes
        foot = 0.0
        if log:
            # There is no zero: columns begin at half of the smallest.
            positive = [value for _, values in groups for value in values if value > 0]
            foot = 0.5 * min(positive, default=1.0)
            plot.set_yscale("log")
            plot.yaxis.set_major_locator(LogLocator(numticks=7))
        else:
            plot.yaxis.set_major_locator(MaxNLocator(6))
        width = _WIDTH / len(groups)
        for number, (style, values) in enumerate(groups):
            offset = (number - (len(groups) - 1) / 2) * width
            for place, value in enumerate(values):
                if value > foot:
                    plot.bar(
                        place + offset, value - foot, width, foot, color=style.colour,
                        edgecolor=PAGE, linewidth=0.5,
                    )  # fmt: skip
        plot.set_ylim(bottom=foot)
        plot.yaxis.set_major_formatter(lambda value, _: y_format(value))
        # Every n-th name, such that they have room side by side.
        shown = [text.label(name) for name in names]
        longest = max(map(len, shown), default=1) + 1
        most = max(1, int((WIDTH - LEFT - RIGHT) / (CHARACTER * longest)))
        step = max(1, -(-len(names) // most))
        plot.xaxis.set_major_locator(FixedLocator(list(range(0, len(names), step))))
        plot.set_xticklabels(shown[::step])
        plot.set_xlim(-0.6, len(names) - 0.4)
        plot.grid(visible=False, axis="x")
    return drawing.markup
