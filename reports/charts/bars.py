"""Horizontal bars: the phases of a step, stacked, and the ladder as a waterfall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator

from reports import format as text
from reports.charts.canvas import COLOURS, INK, MUTED, PAGE, Style
from reports.charts.rows import note_at_edge, note_behind, row_canvas, show_seconds

_BAR: dict[str, Any] = {"height": 0.62, "edgecolor": PAGE, "linewidth": 0.8}
_MARGIN = 62
_GAP, _CHARACTER = 9, 6.3
"""Pixels before a note, and those of each of its characters."""
_MOST_NOTE = 0.6
"""Share of the axis that is kept for a note at most."""
_LONG = 1.6  # of the whole: bars this long need fewer ticks


@dataclass(frozen=True)
class Stack:
    """One implementation's stack: parts as shares of ``whole`` seconds; None leaves a part out.

    ``note`` is printed behind the bar.
    """

    name: str
    shares: tuple[float | None, ...]
    whole: float
    note: str = ""


@dataclass(frozen=True)
class Bar:
    """One step of a waterfall: from where the previous one ended to ``seconds``."""

    name: str
    style: Style
    seconds: float
    note: str


def stacked(title: str, rows: Sequence[Stack], *, description: str) -> Markup:
    """Stacked bars in percent of the whole, which is a vertical line and printed on the right."""
    names = [row.name for row in rows]
    ends = [sum(share or 0 for share in row.shares) for row in rows]
    with row_canvas(names, title=title, description=description, right=_MARGIN) as drawing:
        plot = drawing.axes
        notes, limit = _notes(rows, ends, plot.bbox.width)
        for place, row in enumerate(rows):
            start = 0.0
            for slot, share in enumerate(row.shares):
                if share is not None:
                    plot.barh(place, share, left=start, color=COLOURS[slot], **_BAR)
                    start += share
            if row.note:
                note_behind(plot, notes[place], place, row.note)
            note_at_edge(plot, place, text.seconds(row.whole))
        plot.axvline(1, color=INK, linewidth=1.6)
        plot.xaxis.set_major_locator(MultipleLocator(0.25) if limit < _LONG else MaxNLocator(6))
        plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
        plot.set_xlim(0, limit)
    return drawing.markup


def _notes(rows: Sequence[Stack], ends: Sequence[float], width: float) -> tuple[list[float], float]:
    """Where each row's note begins, and the limit of an axis of ``width`` pixels with all of them.

    A note stands behind its bar, or behind the line of the whole where it would cross that.
    """
    limit = max(1.08, 1.02 * max(ends))
    begins = list(ends)
    for _ in rows:  # a longer axis may let another note reach the line
        for place, (row, end) in enumerate(zip(rows, ends, strict=True)):
            taken = (_GAP + _CHARACTER * len(row.note)) / width
            if row.note and end < 1 < end + taken * limit:
                begins[place] = 1.0
            if row.note:
                limit = max(limit, begins[place] / (1 - min(taken, _MOST_NOTE)))
    return begins, limit


def waterfall(title: str, bars: Sequence[Bar], *, description: str) -> Markup:
    """What each step takes away, on a log axis, where equal lengths are equal factors."""
    low, high = min(bar.seconds for bar in bars) / 1.3, max(bar.seconds for bar in bars)
    names = [bar.name for bar in bars]
    with row_canvas(names, title=title, description=description, right=28) as drawing:
        plot = drawing.axes
        plot.set_xscale("log")
        before = low
        for place, bar in enumerate(bars):
            left, right = sorted((before, bar.seconds))
            plot.barh(place, right - left, left=left, color=bar.style.colour, **_BAR)
            plot.vlines(bar.seconds, place - 0.42, place + 0.42, color=INK, linewidth=1.8)
            if place:
                plot.vlines(before, place - 1, place, color=MUTED, linewidth=0.7)
            note_behind(plot, right, place, bar.note)
            before = bar.seconds
        plot.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        show_seconds(plot)
        plot.set_xlim(low, high * (high / low) ** 0.55)
    return drawing.markup
