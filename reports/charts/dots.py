"""Strip plots: every round as a dot, so that outliers show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports import format as text
from reports.charts.canvas import LINE, MUTED, Style, draw_dots
from reports.charts.rows import note_at_edge, row_canvas

_BAND = 0.56
_FAR = 60
"""Rounds further off than this are drawn at the edge: they would squeeze all others."""
_LEAST = 2
"""Percent that the axis always spans to either side."""


@dataclass(frozen=True)
class Strip:
    """The rounds of one implementation in seconds, one tuple per process, and its estimate."""

    name: str
    style: Style
    processes: tuple[tuple[float, ...], ...]
    middle: float


def strips(title: str, rows: Sequence[Strip], *, description: str) -> Markup:
    """One row per implementation, each round in percent off the estimate, printed on the right.

    Within a row, each process has a line of its own, the first on top.
    """
    names = [row.name for row in rows]
    values = [
        _off(row, seconds) for row in rows for process in row.processes for seconds in process
    ]
    low, high = min(-_LEAST, *values), min(max(_LEAST, *values), _FAR)
    with row_canvas(names, title=title, description=description, right=62) as drawing:
        plot = drawing.axes
        plot.xaxis.set_major_locator(MaxNLocator(5))
        plot.set_xlim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        plot.axvline(0, color=MUTED, linewidth=0.9)
        for place, row in enumerate(rows):
            _draw(plot, place, row, high)
        plot.xaxis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:+g} %" if value else "0 %")
        )
    return drawing.markup


def _off(row: Strip, seconds: float) -> float:
    """Percent by which a round lies off the estimate."""
    return 100 * (seconds / row.middle - 1)


def _draw(plot: Any, place: int, row: Strip, most: float) -> None:
    """The dots of one implementation, and its estimate as text."""
    if place:
        plot.axhline(place - 0.5, color=LINE, linewidth=0.5)
    last = len(row.processes) - 1
    points = [
        (_off(row, seconds), place + (_BAND * (number / last - 0.5) if last else 0.0))
        for number, rounds in enumerate(row.processes)
        for seconds in rounds
    ]
    inside = [(off, height) for off, height in points if off <= most]
    if inside:
        draw_dots(plot, inside, row.style, size=4.4)
    beyond = [height for off, height in points if off > most]
    if beyond:
        arrows = plot.plot(
            [most] * len(beyond), beyond, marker=">", linestyle="none", markersize=6,
            color=row.style.colour,
        )[0]  # fmt: skip
        arrows.set_gid(row.style.gid)
    note_at_edge(plot, place, text.seconds(row.middle))
