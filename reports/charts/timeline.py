"""The rounds of a run one after the other, so that drift and disturbed spells show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports.charts import frame
from reports.charts.canvas import INK, LINE, MUTED, Style, canvas, draw_dots

_FAR = 0.6
"""Rounds further off than this share are drawn at the edge: they would squeeze all others."""
_LEAST = 0.02
"""Share that the axis always spans to either side."""


@dataclass(frozen=True)
class Track:
    """The rounds of one implementation: place in the run, and share off the cell's median."""

    style: Style
    places: tuple[int, ...]
    shares: tuple[float, ...]
    disturbed: tuple[bool, ...]


def timeline(
    title: str, tracks: Sequence[Track], blocks: Sequence[int], *, description: str
) -> Markup:
    """A dot for each round and a cross over each disturbed one; a line where a block begins."""
    shares = [share for track in tracks for share in track.shares]
    with canvas(size=frame.SIZE, margins=frame.MARGINS, description=description) as drawing:
        plot = drawing.axes
        plot.set_title(title)
        plot.set(xlabel="rounds in the order of their processes", ylabel="off the cell's median")
        top = _scale(plot, shares)
        places = [place for track in tracks for place in track.places]
        room = max(0.03 * (max(places) - min(places)), 0.5)
        plot.set_xlim(min(places) - room, max(places) + room)
        plot.axhline(0, color=MUTED, linewidth=0.9)
        for place in blocks:
            plot.axvline(place - 0.5, color=LINE, linewidth=1.2)
        for track in tracks:
            _draw(plot, track, top)
        _cross(plot, tracks, top)
        plot.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        plot.grid(visible=False, axis="x")
        plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _percent(value)))
    return drawing.markup


def _percent(share: float) -> str:
    """Return a share off the median with its sign."""
    return f"{100 * share:+.6g} %" if share else "0 %"


def _scale(plot: Any, shares: Sequence[float]) -> float:
    """Limits and ticks; the share at which what lies beyond is drawn."""
    low, high = min(-_LEAST, *shares), min(max(_LEAST, *shares), _FAR)
    plot.yaxis.set_major_locator(MaxNLocator(6))
    plot.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    return high


def _draw(plot: Any, track: Track, top: float) -> None:
    """The dots of one implementation; an arrow at the edge for what lies beyond."""
    points = list(zip(track.places, track.shares, strict=True))
    inside = [(place, share) for place, share in points if share <= top]
    if inside:
        draw_dots(plot, inside, track.style, size=3.4, pieces=True)
    beyond = [place for place, share in points if share > top]
    if beyond:
        arrows = plot.plot(
            beyond, [top] * len(beyond), marker="^", linestyle="none", markersize=6,
            color=track.style.colour,
        )[0]  # fmt: skip
        arrows.set_gid(track.style.gid)


def _cross(plot: Any, tracks: Sequence[Track], top: float) -> None:
    """A cross over every disturbed round, told by its shape in any colour."""
    for track in tracks:
        marked = [
            (place, min(share, top))
            for place, share, disturbed in zip(
                track.places, track.shares, track.disturbed, strict=True
            )
            if disturbed
        ]
        if marked:
            places, shares = zip(*marked, strict=True)
            crosses = plot.plot(
                places, shares, marker="x", linestyle="none", markersize=7, color=INK,
                markeredgewidth=1.3,
            )[0]  # fmt: skip
            crosses.set_gid(track.style.gid)
