"""Columns: how many of each kind there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from reports import format as text
from reports.charts import frame
from reports.charts.canvas import PAGE, Style, canvas

_WIDTH = 0.8
_NAMES_ROOM = frame.WIDTH - frame.LEFT - frame.RIGHT


@dataclass(frozen=True)
class Columns:
    """One kind of columns: a value for each name."""

    style: Style
    values: tuple[float, ...]


def columns(
    title: str,
    names: Sequence[str],
    groups: Sequence[Columns],
    *,
    labels: tuple[str, str],
    y_format: Callable[[float], str],
    description: str,
    log: bool = False,
) -> Markup:
    """Return columns side by side over each of ``names``; ``labels`` are those of x and y."""
    with canvas(size=frame.SIZE, margins=frame.MARGINS, description=description) as drawing:
        plot = drawing.axes
        plot.set_title(title)
        plot.set(xlabel=labels[0], ylabel=labels[1])
        foot = _foot(groups) if log else 0.0
        if log:
            plot.set_yscale("log")
            plot.yaxis.set_major_locator(LogLocator(numticks=7))
        else:
            plot.yaxis.set_major_locator(MaxNLocator(6))
        width = _WIDTH / len(groups)
        look = {"edgecolor": PAGE, "linewidth": 0.5}
        for number, group in enumerate(groups):
            offset = (number - (len(groups) - 1) / 2) * width
            shown = [(place + offset, v) for place, v in enumerate(group.values) if v > foot]
            for place, value in shown:
                plot.bar(place, value - foot, width, foot, color=group.style.colour, **look)
        plot.set_ylim(bottom=foot)
        plot.yaxis.set_minor_locator(NullLocator())
        plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: y_format(value)))
        named = _named(names)
        plot.xaxis.set_major_locator(FixedLocator(list(named)))
        plot.set_xticklabels([text.label(names[place]) for place in named])
        plot.set_xlim(-0.6, len(names) - 0.4)
        plot.grid(visible=False, axis="x")
    return drawing.markup


def _named(names: Sequence[str]) -> range:
    """Return the places of every n-th name, such that they have room side by side."""
    longest = max((len(text.label(name)) for name in names), default=1) + 1
    most = max(1, int(_NAMES_ROOM / (frame.CHARACTER * longest)))
    return range(0, len(names), max(1, -(-len(names) // most)))


def _foot(groups: Sequence[Columns]) -> float:
    """Where columns on a logarithmic axis begin: half of the smallest, as there is no zero."""
    return 0.5 * min((v for group in groups for v in group.values if v > 0), default=1.0)
