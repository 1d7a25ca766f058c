"""Rounds as dots: by implementation beside their estimate, and in the order of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator, NullLocator

from reports import format as text
from reports.charts.canvas import INK, LINE, MUTED, Style, canvas, draw_dots
from reports.charts.panel import CHARACTER, WIDTH, panel

_FAR = 0.6
"""Rounds further off than this share are drawn at the edge: they would squeeze all others."""
_LEAST = 0.02
"""Share that the axis always spans to either side."""
_ROW = 26
_TOP, _RIGHT, _BOTTOM = 30, 62, 28
_BAND = 0.56
"""Share of a row in which its processes lie, one below the other."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Strip:
    """The rounds of one implementation in seconds, one tuple per process, and its estimate."""

    name: str
    style: Style
    processes: tuple[tuple[float, ...], ...]
    middle: float


@dataclass(frozen=True)
class Track:
    """The rounds of one implementation: place in the run, and share off the cell's median."""

    style: Style
    places: tuple[int, ...]
    shares: tuple[float, ...]
    disturbed: tuple[bool, ...]


def strips(title: str, rows: Sequence[Strip], *, description: str) -> Markup:
    """Return a row per implementation: each round in percent off the estimate, which is printed.

    Within a row, processes lie below each other, the first on top.
    """
    labels = [text.label(row.name) for row in rows]
    left = round(max(map(len, labels)) * CHARACTER) + 12
    points = [_points(place, row) for place, row in enumerate(rows)]
    limits, top = _limits([share for some in points for share, _ in some])
    with canvas(
        size=(WIDTH, _TOP + _BOTTOM + _ROW * len(rows)),
        margins=(left, _RIGHT, _TOP, _BOTTOM),
        description=description,
    ) as drawing:
        plot = drawing.axes
        plot.xaxis.set_major_locator(MaxNLocator(5))
        plot.set_xlim(*limits)
        plot.axvline(0, color=MUTED, linewidth=0.9)
        for place, (row, some) in enumerate(zip(rows, points, strict=True)):
            if place:
                plot.axhline(place - 0.5, color=LINE, linewidth=0.5)
            _draw(plot, some, row.style, top=top, axis=0, size=4.4, pieces=False)
            plot.annotate(
                text.seconds(row.middle), (1, place), xytext=(6, 0),
                xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
                color=MUTED,
            )  # fmt: skip
        plot.xaxis.set_major_formatter(lambda value, _: _percent(value))
        # The title starts at the left edge of the chart, above the names.
        plot.annotate(
            title, (0, 1), xytext=(4 - left, 12), xycoords="axes fraction",
            textcoords="offset points", fontsize=12, fontweight="bold",
        )  # fmt: skip
        plot.grid(visible=False, axis="y")
        plot.xaxis.set_minor_locator(NullLocator())
        plot.set_yticks(range(len(labels)), labels, color=INK)
        plot.set_ylim(len(labels) - 0.5, -0.5)
    return drawing.markup


def timeline(
    title: str, tracks: Sequence[Track], blocks: Sequence[int], *, description: str
) -> Markup:
    """Return a dot per round, crosses over disturbed rounds, and lines where blocks begin."""
    labels = ("rounds in the order of their processes", "off the cell's median")
    with panel(title, labels, description=description) as drawing:
        plot = drawing.axes
        limits, top = _limits([share for track in tracks for share in track.shares])
        plot.yaxis.set_major_locator(MaxNLocator(6))
        plot.set_ylim(*limits)
        places = [place for track in tracks for place in track.places]
        room = max(0.03 * (max(places) - min(places)), 0.5)
        plot.set_xlim(min(places) - room, max(places) + room)
        plot.axhline(0, color=MUTED, linewidth=0.9)
        for place in blocks:
            plot.axvline(place - 0.5, color=LINE, linewidth=1.2)
        for track in tracks:
            points = list(zip(track.places, track.shares, strict=True))
            _draw(plot, points, track.style, top=top, axis=1, size=3.4, pieces=True)
        for track in tracks:
            rounds = zip(track.places, track.shares, track.disturbed, strict=True)
            marked = [(place, min(share, top)) for place, share, disturbed in rounds if disturbed]
            if marked:
                # Told by its shape in any colour.
                crosses = plot.plot(
                    *zip(*marked, strict=True), marker="x", linestyle="none", markersize=7,
                    color=INK, markeredgewidth=1.3,
                )[0]  # fmt: skip
                crosses.set_gid(track.style.gid)
        plot.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        plot.grid(visible=False, axis="x")
        plot.yaxis.set_major_formatter(lambda value, _: _percent(value))
    return drawing.markup


def _points(place: int, row: Strip) -> list[Point]:
    """Return the share by which each round lies off the estimate, and its height."""
    last = len(row.processes) - 1
    return [
        (seconds / row.middle - 1, place + (_BAND * (number / last - 0.5) if last else 0.0))
        for number, rounds in enumerate(row.processes)
        for seconds in rounds
    ]


def _limits(shares: Sequence[float]) -> tuple[tuple[float, float], float]:
    """Return the limits of the axis, and the share at which what lies beyond is drawn."""
    low, high = min(-_LEAST, *shares), min(max(_LEAST, *shares), _FAR)
    room = 0.05 * (high - low)
    return (low - room, high + room), high


def _draw(
    plot: Any, points: Sequence[Point], style: Style, *, top: float, axis: int, size: float,
    pieces: bool,
) -> None:  # fmt: skip
    """Draw the dots of one implementation, and arrows at the edge for those beyond on ``axis``."""
    inside = [point for point in points if point[axis] <= top]
    if inside:
        draw_dots(plot, inside, style, size=size, pieces=pieces)
    beyond = [point[1 - axis] for point in points if point[axis] > top]
    if beyond:
        edge = [top] * len(beyond)
        x, y = (edge, beyond) if axis == 0 else (beyond, edge)
        arrows = plot.plot(
            x, y, marker=">^"[axis], linestyle="none", markersize=6, color=style.colour
        )[0]
        arrows.set_gid(style.gid)


def _percent(share: float) -> str:
    """Return a share with its sign."""
    return f"{100 * share:+.6g} %" if share else "0 %"
