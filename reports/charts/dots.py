"""Strip plots: every round as a dot, so that outliers show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import LogLocator, MaxNLocator

from reports.charts.canvas import INK, Style
from reports.charts.rows import row_canvas

_BAND = 0.56
_WIDE = 3
"""Beyond this ratio of slowest to fastest, a linear axis would squeeze the fastest."""


@dataclass(frozen=True)
class Strip:
    """The rounds of one implementation in seconds, one tuple per process, and their median."""

    name: str
    style: Style
    processes: tuple[tuple[float, ...], ...]
    middle: float


def strips(title: str, rows: Sequence[Strip], *, description: str) -> Markup:
    """One row per implementation; within it, each process has a line of its own, first on top."""
    values = [seconds for row in rows for one in row.processes for seconds in one]
    low, high = min(values), max(values)
    names = [row.name for row in rows]
    with row_canvas(names, title=title, description=description) as drawing:
        plot = drawing.axes
        if high / low > _WIDE:
            plot.set_xscale("log")
            plot.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
            plot.set_xlim(low / 1.12, high * 1.12)
        else:
            room = max((high - low) * 0.06, high * 0.01)
            plot.xaxis.set_major_locator(MaxNLocator(5))
            plot.set_xlim(low - room, high + room)
        for place, row in enumerate(rows):
            _draw(plot, place, row)
    return drawing.markup


def _draw(plot: Any, place: int, row: Strip) -> None:
    """The dots of one implementation, and a line at its median."""
    processes = len(row.processes)
    for number, rounds in enumerate(row.processes):
        offset = 0.0 if processes == 1 else _BAND * (number / (processes - 1) - 0.5)
        dots = plot.plot(
            rounds,
            [place + offset] * len(rounds),
            marker="o",
            linestyle="none",
            markersize=4,
            markerfacecolor=row.style.colour,
            markeredgewidth=0,
            alpha=0.7,
        )[0]
        dots.set_gid(row.style.gid)
    plot.vlines(row.middle, place - 0.4, place + 0.4, color=INK, linewidth=1.2)
