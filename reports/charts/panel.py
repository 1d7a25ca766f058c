"""What charts with two axes share: their size, their ticks, and names at the ends of lines.

A panel is as wide as a phone, so that its text is never smaller than 11 pixels; on a wide page
several stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib.ticker import NullLocator

from reports import format as text
from reports.charts.canvas import LINE, Canvas, Style, canvas

WIDTH = 360
HEIGHT = 250
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 28, 38
CHARACTER = 6.6
"""Pixels that a character takes, about."""
MOST_NAMED = 12
"""More lines than this have no room for names at their ends; a key names them."""
_LONGEST = 18
_APART = 12.0
"""Pixels between two names, at least."""
_LEAST_GAP = 0.11
"""Share of a log axis that two labelled ticks are apart, at least."""
_MOVED = 4.0
_LABEL = 16


@contextmanager
def panel(
    title: str, labels: tuple[str, str], *, description: str, names: Sequence[str] = ()
) -> Iterator[Canvas]:
    """Yield axes with a title, the ``labels`` of x and y, and room for ``names`` at the right."""
    left = LEFT if labels[1] else LEFT - _LABEL
    longest = max((len(_short(name)) for name in names), default=0)
    right = max(RIGHT, round(longest * CHARACTER) + 12)
    with canvas(
        size=(WIDTH, HEIGHT), margins=(left, right, TOP, BOTTOM), description=description
    ) as drawing:
        plot = drawing.axes
        plot.set_title(title)
        plot.set(xlabel=labels[0], ylabel=labels[1])
        yield drawing
        plot.xaxis.set_minor_locator(NullLocator())
        plot.yaxis.set_minor_locator(NullLocator())


def readable(ticks: Sequence[float], limits: tuple[float, float], *, log: bool) -> list[float]:
    """Return the ticks that leave room for their labels: on a log axis some are too close."""
    if not log:
        return list(ticks)
    gap = max((limits[1] / limits[0]) ** _LEAST_GAP, 1.01)
    kept = [ticks[0]]
    for tick in ticks[1:]:
        if tick / kept[-1] >= gap:
            kept.append(tick)
    return kept


def x_limits(ticks: Sequence[float], *, log: bool, room: float = 0.3) -> tuple[float, float]:
    """Return limits with room on both sides, on the axis' own scale.

    ``room`` is the least of a linear axis.
    """
    low, high = ticks[0], ticks[-1]
    if log:
        factor = max((high / low) ** 0.04, 1.15)
        return low / factor, high * factor
    beyond = max((high - low) * 0.06, room)
    return low - beyond, high + beyond


def name_ends(plot: Any, ends: Sequence[tuple[float, float, str, Style]]) -> None:
    """Write names beside the ends of lines, moved apart; the limits of ``plot`` must be final.

    ``ends`` are x and y in the units of the axes, the name and the style.
    """
    if not ends:
        return
    box = plot.bbox
    places = plot.transData.transform([end[:2] for end in ends]).tolist()
    wanted = sorted(zip(places, ends, strict=True), key=lambda pair: pair[0][1])
    heights = _spread([height for (_, height), _ in wanted], box.y0 + 4, box.y1 - 2)
    for ((right, wish), (x, y, name, style)), height in zip(wanted, heights, strict=True):
        shift = height - wish
        if abs(shift) > _MOVED or box.x1 - right > _APART:
            start = plot.transData.inverted().transform((box.x1 + 6, height))
            leader = plot.plot(
                [x, start[0]], [y, start[1]], color=LINE, linewidth=0.7, clip_on=False, zorder=0.5
            )[0]
            leader.set_gid(style.gid)
        words = plot.annotate(
            _short(name), (x, y), xytext=(box.x1 - right + 8, shift), textcoords="offset points",
            va="center", color=style.colour, annotation_clip=False,
        )  # fmt: skip
        words.set_gid(style.gid)


def _spread(heights: list[float], low: float, high: float) -> list[float]:
    """Return ``heights``, ascending, moved apart and inside where there is room."""
    apart = min(_APART, (high - low) / max(len(heights) - 1, 1))
    moved: list[float] = []
    for height in heights:
        moved.append(max(height, moved[-1] + apart) if moved else max(height, low))
    for place in reversed(range(len(moved))):
        limit = moved[place + 1] - apart if place + 1 < len(moved) else high
        moved[place] = min(moved[place], limit)
    return moved


def _short(name: str) -> str:
    clean = text.label(name)
    return clean if len(clean) <= _LONGEST else clean[: _LONGEST - 1] + "…"
