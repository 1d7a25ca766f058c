"""Charts with one row for each implementation, as tables: names, a drawing, and its values as text.

Places are percent of the width, so that one chart fits a phone, a column and a page; the text is
that of the page.  The drawing repeats what the text beside it says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Shape = Literal["dense", "sparse", "gpu", "plain"]

_MOST_TICKS = 5
_LEAST_GAP = 17.0
"""Percent of the width that labels are apart at least."""
_LEAST_NARROW_GAP = 26.0
"""The same where two charts stand side by side."""
_EDGE = 3.0
"""Percent of the width that is kept free at either end, so that no marker is cut."""
_STEPS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
_REACH = 3.0
"""Factor by which an interval may lie beyond all values before it leaves the axis."""


@dataclass(frozen=True)
class Line:
    """A vertical line through all rows, in percent of the width, with its name."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """From ``low`` to ``high``; logarithmic axes need both above 0."""

    low: float
    high: float
    log: bool
    form: Callable[[float], str]
    gap: float = _LEAST_GAP

    def at(self, value: float) -> float:
        """Return where ``value`` lies, in percent of the width, held to the ends of the axis."""
        inside = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(inside / self.low) / math.log(self.high / self.low)
        else:
            share = (inside - self.low) / (self.high - self.low)
        return round(_EDGE + (100 - 2 * _EDGE) * share, 1)

    def holds(self, value: float) -> bool:
        """Return whether ``value`` lies on the axis."""
        return self.low <= value <= self.high

    @property
    def ticks(self) -> tuple[Line, ...]:
        """Round values that leave room for their labels."""
        values = _log_ticks(self.low, self.high) if self.log else _ticks(self.low, self.high)
        ticks: list[Line] = []
        for value in values:
            place = self.at(value)
            if not ticks or place - ticks[-1].at >= self.gap:
                ticks.append(Line(place, self.form(value)))
        return tuple(ticks)


@dataclass(frozen=True)
class Dot:
    """A marker with its whisker, in percent; ``tip`` shows its value to a pointer or the keyboard.

    ``open_low`` and ``open_high`` say that the whisker goes on beyond the axis.  ``place`` and
    ``value`` are for filters.
    """

    at: float
    tip: str
    shape: Shape = "plain"
    filled: bool = True
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    place: int | None = None
    value: float | None = None


@dataclass(frozen=True)
class Segment:
    """A piece of a bar, in percent; ``fill`` is a place in the palette, or ``hatch``."""

    at: float
    width: float
    fill: str
    tip: str


@dataclass(frozen=True)
class ChartRow:
    """The row of one implementation: what is drawn, and the values as text.

    ``title`` explains the name to a pointer, ``reason`` the note.
    """

    name: str
    value: str = ""
    note: str = ""
    title: str = ""
    dots: tuple[Dot, ...] = ()
    segments: tuple[Segment, ...] = ()
    strong: bool = False
    reason: str = ""


@dataclass(frozen=True)
class RowChart:
    """A captioned chart; ``heads`` name the columns of value and note."""

    caption: str
    rows: tuple[ChartRow, ...]
    axis: Axis
    heads: tuple[str, str] = ("", "")
    lines: tuple[Line, ...] = ()
    batch_size: int | None = None


def log_axis(
    values: Sequence[float],
    ends: Iterable[float | None],
    form: Callable[[float], str],
    *,
    narrow: bool = False,
) -> Axis:
    """Return an axis for ``values``, and for the ``ends`` of intervals that are not very wide.

    A ``narrow`` one, beside another, has room for fewer labels.
    """
    low, high = reach(values, ends)
    room = max((high / low) ** 0.02, 1.02)
    gap = _LEAST_NARROW_GAP if narrow else _LEAST_GAP
    return Axis(low / room, high * room, log=True, form=form, gap=gap)


def reach(values: Sequence[float], ends: Iterable[float | None]) -> tuple[float, float]:
    """Return limits for ``values``, and for the ``ends`` of intervals that are not very wide."""
    known = [*values, *(end for end in ends if end)]
    return max(min(known), min(values) / _REACH), min(max(known), max(values) * _REACH)


def linear_axis(most: float, form: Callable[[float], str]) -> Axis:
    """Return an axis from 0 to ``most``."""
    return Axis(0.0, most, log=False, form=form)


def dot(
    axis: Axis,
    value: float,
    interval: tuple[float | None, float | None],
    tip: str,
    *,
    shape: Shape = "plain",
    filled: bool = True,
    place: int | None = None,
) -> Dot:
    """Return a marker at ``value``, with a whisker where the interval has both ends."""
    low, high = interval
    if low is None or high is None:
        return Dot(axis.at(value), tip, shape, filled, place=place, value=value)
    return Dot(
        axis.at(value), tip, shape, filled, axis.at(low), axis.at(high),
        open_low=not axis.holds(low), open_high=not axis.holds(high), place=place, value=value,
    )  # fmt: skip


def segment(axis: Axis, start: float, end: float, fill: str, tip: str) -> Segment:
    """Return a piece of a bar from ``start`` to ``end``."""
    left, right = axis.at(start), axis.at(end)
    return Segment(left, round(max(right - left, 0.0), 1), fill, tip)


def stacked(axis: Axis, pieces: Iterable[tuple[str, float, str]]) -> tuple[Segment, ...]:
    """Return the pieces of a bar end to end, each given as its fill, its length and its tip."""
    segments = []
    end = 0.0
    for fill, length, tip in pieces:
        start, end = end, end + length
        segments.append(segment(axis, start, max(start, end), fill, tip))
    return tuple(segments)


def _log_ticks(low: float, high: float) -> list[float]:
    """Return some values of each decade, or of as many decades as there is room for."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    best: list[float] = []
    for steps in _STEPS:
        every = [step * 10.0**power for power in decades for step in steps]
        inside = [value for value in every if low <= value <= high]
        if len(inside) > _MOST_TICKS:
            break
        best = inside
    if best:
        return best
    powers = [10.0**power for power in decades if low <= 10.0**power <= high]
    if not powers:
        return [math.sqrt(low * high)]
    return powers[:: math.ceil(len(powers) / _MOST_TICKS)]


def _ticks(low: float, high: float) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step)
    return [step * number for number in range(first, math.floor(high / step + 1e-9) + 1)]
