"""What charts with two axes share: their size, their ticks, and names at the ends of lines.

A panel is as wide as a phone, so that its text is never smaller than 11 pixels; on a wide page
several stand side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports import format as text
from reports.charts.canvas import LINE, Style

WIDTH = 360
SIZE = (WIDTH, 250)
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 28, 38
MARGINS = (LEFT, RIGHT, TOP, BOTTOM)
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


@dataclass(frozen=True)
class End:
    """The end of a line, in the units of the axes, and its name."""

    x: float
    y: float
    name: str
    style: Style


def margins(names: Sequence[str], *, labelled: bool = True) -> tuple[int, int, int, int]:
    """Left, right, top and bottom with room for ``names`` on the right.

    ``labelled`` is whether the vertical axis has a name.
    """
    longest = max((len(_short(name)) for name in names), default=0)
    left = LEFT if labelled else LEFT - _LABEL
    return left, max(RIGHT, round(longest * CHARACTER) + 12), TOP, BOTTOM


def readable(ticks: Sequence[float], limits: tuple[float, float], *, log: bool) -> list[float]:
    """The ticks that leave room for their labels: on a log axis neighbours may be too close."""
    if not log:
        return list(ticks)
    gap = max((limits[1] / limits[0]) ** _LEAST_GAP, 1.01)
    kept = [ticks[0]]
    for tick in ticks[1:]:
        if tick / kept[-1] >= gap:
            kept.append(tick)
    return kept


def x_limits(ticks: Sequence[float], *, log: bool, room: float = 0.3) -> tuple[float, float]:
    """A little room on both sides, on the axis' own scale; ``room`` is that of a linear one."""
    low, high = ticks[0], ticks[-1]
    if log:
        factor = max((high / low) ** 0.04, 1.15)
        return low / factor, high * factor
    beyond = max((high - low) * 0.06, room)
    return low - beyond, high + beyond


def name_ends(plot: Any, ends: Sequence[End]) -> None:
    """Write names beside the ends of lines, moved apart; the limits of ``plot`` must be final."""
    if not ends:
        return
    box = plot.bbox
    edge = box.x1
    wanted = sorted(((plot.transData.transform((end.x, end.y)), end) for end in ends), key=_height)
    heights = _spread([float(place[1]) for place, _ in wanted], box.y0 + 4, box.y1 - 2)
    for (place, end), height in zip(wanted, heights, strict=True):
        shift = height - float(place[1])
        if abs(shift) > _MOVED or edge - float(place[0]) > _APART:
            start = plot.transData.inverted().transform((edge + 6, height))
            leader = plot.plot(
                [end.x, start[0]], [end.y, start[1]], color=LINE, linewidth=0.7, clip_on=False,
                zorder=0.5,
            )[0]  # fmt: skip
            leader.set_gid(end.style.gid)
        words = plot.annotate(
            _short(end.name), (end.x, end.y), xytext=(edge - float(place[0]) + 8, shift),
            textcoords="offset points", va="center", color=end.style.colour,
            annotation_clip=False,
        )  # fmt: skip
        words.set_gid(end.style.gid)


def _height(one: tuple[Any, End]) -> float:
    return float(one[0][1])


def _spread(heights: list[float], low: float, high: float) -> list[float]:
    """``heights``, ascending, moved so that they are apart and inside where there is room."""
    apart = min(_APART, (high - low) / max(len(heights) - 1, 1))
    found: list[float] = []
    for height in heights:
        found.append(max(height, found[-1] + apart) if found else max(height, low))
    for place in reversed(range(len(found))):
        limit = found[place + 1] - apart if place + 1 < len(found) else high
        found[place] = min(found[place], limit)
    return found


def _short(name: str) -> str:
    clean = text.label(name)
    return clean if len(clean) <= _LONGEST else clean[: _LONGEST - 1] + "…"
