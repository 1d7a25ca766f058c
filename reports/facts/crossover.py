"""Where a curve of ratios crosses 1 between the batch sizes at which it was measured.

Between neighbouring sizes the logarithm of the ratio is taken to be linear in the logarithm of the
batch size, and so are the ends of its interval.  Nothing is said beyond the sizes measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

from bench.stats.estimates import BLOCKS_FOR_INTERVAL
from reports import format as text
from reports.templates import sentence

_ROUNDING = 1e-12
"""Logarithms closer to 0 than this are 0."""


@dataclass(frozen=True)
class Node:
    """A ratio at one batch size; ``low`` and ``high`` are None where it has no interval.

    ``likely`` says that the verdict on it is no more than likely: it would count alone, but not
    among all comparisons.
    """

    size: float
    ratio: float
    low: float | None = None
    high: float | None = None
    likely: bool = False


@dataclass(frozen=True)
class Stretch:
    """Batch sizes from ``low`` to ``high``; None where it reaches the end of what was measured."""

    low: float | None
    high: float | None


@dataclass(frozen=True)
class Crossing:
    """A batch size at which the ratio passes 1.

    ``falls`` is true where it is below 1 on the side of larger batches.  ``interval`` is the
    stretch around the crossing in which the interval of the ratio holds 1, so from the crossing of
    one end of that interval to the crossing of the other; None where a ratio has no interval.
    """

    size: float
    falls: bool
    interval: Stretch | None


def crossings(nodes: Sequence[Node]) -> tuple[Crossing, ...]:
    """Return every crossing of a curve, by batch size; ``nodes`` are in order of their sizes.

    A curve that touches 1 and turns back does not cross it.  Where it stays at 1 for several sizes
    on its way, the crossing is in their middle.
    """
    places = [math.log(node.size) for node in nodes]
    heights = [math.log(node.ratio) for node in nodes]
    pieces = _pieces(nodes)
    passed = []
    for first, second in pairwise(number for number, height in enumerate(heights) if height):
        if (heights[first] > 0) == (heights[second] > 0):
            continue
        if second == first + 1:
            share = heights[first] / (heights[first] - heights[second])
            place = places[first] + share * (places[second] - places[first])
        else:
            place = (places[first + 1] + places[second - 1]) / 2
        interval = None
        if pieces:
            nearest = min(pieces, key=lambda piece: max(piece[0] - place, place - piece[1]))
            interval = _stretch(nearest, places)
        passed.append(Crossing(math.exp(place), heights[first] > 0, interval))
    return tuple(passed)


def undecided(nodes: Sequence[Node]) -> tuple[Stretch, ...] | None:
    """Return where the interval of the ratio holds 1, by batch size; None without intervals.

    Interpolated ends lie rather too far apart: an interval of the interpolated ratio, whose
    neighbours were measured apart from each other, would be narrower.
    """
    pieces = _pieces(nodes)
    if pieces is None:
        return None
    places = [math.log(node.size) for node in nodes]
    return tuple(_stretch(piece, places) for piece in pieces)


_Piece = tuple[float, float]


def _stretch(piece: _Piece, places: Sequence[float]) -> Stretch:
    """Return a piece in batch sizes."""
    low, high = piece
    return Stretch(
        None if low <= places[0] else math.exp(low),
        None if high >= places[-1] else math.exp(high),
    )


def _pieces(nodes: Sequence[Node]) -> list[_Piece] | None:
    """Return where the interval holds 1, in logarithms of batch sizes; None without intervals."""
    ends = [(node.low, node.high) for node in nodes if node.low and node.high]
    if len(ends) < len(nodes):
        return None
    places = [math.log(node.size) for node in nodes]
    lows, highs = ([math.log(end) for end in of_all] for of_all in zip(*ends, strict=True))
    edges = sorted({*places, *_zeros(places, lows), *_zeros(places, highs)})
    holds = (np.interp(edges, places, lows) <= _ROUNDING) & (
        np.interp(edges, places, highs) >= -_ROUNDING
    )
    # Both ends are lines between neighbouring edges, so what holds at these holds between them.
    pieces = []
    for is_held, group in groupby(zip(edges, holds, strict=True), key=lambda edge: edge[1]):
        if is_held:
            held = [place for place, _ in group]
            pieces.append((held[0], held[-1]))
    return pieces


def _zeros(places: Sequence[float], heights: Sequence[float]) -> Iterator[float]:
    """Yield where lines between the heights pass 0."""
    for (left, first), (right, second) in pairwise(zip(places, heights, strict=True)):
        if first * second < 0:
            yield left + first / (first - second) * (right - left)


def told(nodes: Sequence[Node]) -> str:
    """Return a sentence on a curve of GPU time over CPU time; ``nodes`` has at least one."""
    crossed = crossings(nodes)
    if crossed:
        intervals = [crossing.interval for crossing in crossed if crossing.interval]
        return sentence(
            "crossover",
            "crossings",
            crossings=[
                {
                    "size": _size(crossing.size),
                    "faster": "GPU" if crossing.falls else "CPU",
                    "interval": _range(crossing.interval, nodes) if crossing.interval else "",
                }
                for crossing in crossed
            ],
            share_interval=len(set(intervals)) < len(intervals),
            minimum=BLOCKS_FOR_INTERVAL,
        )
    if all(node.ratio == 1 for node in nodes):
        return "both take the same time at every batch size measured: no crossover."
    stretches = undecided(nodes)
    return sentence(
        "crossover",
        "one_side",
        faster="GPU" if any(node.ratio < 1 for node in nodes) else "CPU",
        sizes=[_size(node.size) for node in nodes],
        likely=[_size(node.size) for node in nodes if node.likely],
        undecided=None
        if stretches is None
        else [f"from {_range(stretch, nodes)}" for stretch in stretches],
        minimum=BLOCKS_FOR_INTERVAL,
    )


def _range(stretch: Stretch, nodes: Sequence[Node]) -> str:
    """Return a stretch; an open end is said to lie beyond the sizes measured."""
    low = f"below {_size(nodes[0].size)}" if stretch.low is None else _size(stretch.low)
    high = f"above {_size(nodes[-1].size)}" if stretch.high is None else _size(stretch.high)
    return f"{low} to {high}"


def _size(size: float) -> str:
    """Return a batch size; interpolated ones have no more digits than they deserve."""
    if math.isclose(size, round(size)):
        return str(round(size))
    return text.significant(size, 3 if size >= 100 else 2)
