"""The rounds of a run one after the other, so that drift and disturbed spells show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import FuncFormatter, MaxNLocator, SymmetricalLogLocator

from reports.charts import frame
from reports.charts.canvas import INK, LINE, MUTED, Style, canvas, draw_dots

_LEFT = 70
_LABEL, _CHARACTER = 30, 6.3
"""Pixels that the name of the axis takes, and each character of its numbers."""
_FAR = 0.6
"""Share beyond which an outlier would squeeze everything else on a linear axis."""
_LINEAR = 0.1
"""Share up to which the axis stays linear where there are such outliers."""
_BEYOND = 1.3
"""Factor by which a logarithmic axis goes beyond the outliers."""
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
    margins = _left(shares), frame.RIGHT, frame.TOP, frame.BOTTOM
    with canvas(size=frame.SIZE, margins=margins, description=description) as drawing:
        plot = drawing.axes
        plot.set_title(title)
        plot.set(xlabel="rounds in the order of their processes", ylabel="off the cell's median")
        _scale(plot, shares)
        places = [place for track in tracks for place in track.places]
        room = max(0.03 * (max(places) - min(places)), 0.5)
        plot.set_xlim(min(places) - room, max(places) + room)
        plot.axhline(0, color=MUTED, linewidth=0.9)
        for place in blocks:
            plot.axvline(place - 0.5, color=LINE, linewidth=1.2)
        for track in tracks:
            _draw(plot, track)
        _cross(plot, tracks)
        plot.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        plot.grid(visible=False, axis="x")
        plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _percent(value)))
    return drawing.markup


def _left(shares: Sequence[float]) -> int:
    """A margin for the name of the axis beside its longest number."""
    # Far outliers have ticks at powers of ten, up to the limit of the axis.
    highest = math.floor(math.log10(_BEYOND * max(*shares, _LEAST)))
    longest = max((len(_percent(10.0**power)) for power in range(highest + 1)), default=0)
    return max(_LEFT, round(_LABEL + _CHARACTER * longest))


def _percent(share: float) -> str:
    """A share off the median with its sign."""
    return f"{100 * share:+.6g} %" if share else "0 %"


def _scale(plot: Any, shares: Sequence[float]) -> None:
    """Limits and ticks; far outliers get a logarithmic part of the axis."""
    low, high = min(-_LEAST, *shares), max(_LEAST, *shares)
    if high > _FAR:
        plot.set_yscale("symlog", linthresh=_LINEAR)
        plot.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=_LINEAR))
        plot.set_ylim(low * _BEYOND, high * _BEYOND)
    else:
        plot.yaxis.set_major_locator(MaxNLocator(6))
        plot.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))


def _draw(plot: Any, track: Track) -> None:
    """The dots of one implementation."""
    points = list(zip(track.places, track.shares, strict=True))
    draw_dots(plot, points, track.style, size=3.4, pieces=True)


def _cross(plot: Any, tracks: Sequence[Track]) -> None:
    """A cross over every disturbed round, told by its shape in any colour."""
    for track in tracks:
        marked = [
            (place, share)
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
