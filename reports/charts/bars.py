"""Horizontal bars: the phases of a step, stacked, and the ladder as a waterfall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import LogLocator, MaxNLocator

from reports.charts.canvas import COLOURS, INK, MUTED, PAGE, Style
from reports.charts.rows import row_canvas

_BAR: dict[str, Any] = {"height": 0.62, "edgecolor": PAGE, "linewidth": 0.8}


@dataclass(frozen=True)
class Marked:
    """One implementation's stack: seconds per part (None leaves it out) and a marker.

    ``note`` is printed behind the bar.
    """

    name: str
    parts: tuple[float | None, ...]
    mark: float | None
    note: str = ""


@dataclass(frozen=True)
class Bar:
    """One step of a waterfall: from where the previous one ended to ``seconds``."""

    name: str
    style: Style
    seconds: float
    note: str


def stacked(title: str, rows: Sequence[Marked], *, description: str) -> Markup:
    """Stacked bars in seconds, one row per implementation; the mark is a vertical line."""
    ends = [max(sum(part or 0 for part in row.parts), row.mark or 0) for row in rows]
    names = [row.name for row in rows]
    with row_canvas(names, title=title, description=description) as drawing:
        plot = drawing.axes
        for place, row in enumerate(rows):
            start = 0.0
            for slot, part in enumerate(row.parts):
                if part is not None:
                    plot.barh(place, part, left=start, color=COLOURS[slot], **_BAR)
                    start += part
            if row.mark is not None:
                plot.vlines(row.mark, place - 0.42, place + 0.42, color=INK, linewidth=1.8)
            if row.note:
                _note(plot, ends[place], place, row.note)
        plot.xaxis.set_major_locator(MaxNLocator(5))
        # A note needs about a third of the width behind the end of its bar.
        noted = [end + 0.36 * max(ends) for end, row in zip(ends, rows, strict=True) if row.note]
        plot.set_xlim(0, max([1.04 * max(ends), *noted]))
    return drawing.markup


def waterfall(title: str, bars: Sequence[Bar], *, description: str) -> Markup:
    """What each step takes away, on a log axis, where equal lengths are equal factors."""
    low, high = min(bar.seconds for bar in bars) / 1.3, max(bar.seconds for bar in bars)
    names = [bar.name for bar in bars]
    with row_canvas(names, title=title, description=description) as drawing:
        plot = drawing.axes
        plot.set_xscale("log")
        before = low
        for place, bar in enumerate(bars):
            left, right = sorted((before, bar.seconds))
            plot.barh(place, right - left, left=left, color=bar.style.colour, **_BAR)
            plot.vlines(bar.seconds, place - 0.42, place + 0.42, color=INK, linewidth=1.8)
            if place:
                plot.vlines(before, place - 1, place, color=MUTED, linewidth=0.7)
            _note(plot, right, place, bar.note)
            before = bar.seconds
        plot.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        plot.set_xlim(low, high * (high / low) ** 0.4)
    return drawing.markup


def _note(plot: Any, x: float, place: int, note: str) -> None:
    """Text behind the end of a bar."""
    plot.annotate(
        note, (x, place), xytext=(6, -0.5), textcoords="offset points", va="center", color=MUTED
    )
