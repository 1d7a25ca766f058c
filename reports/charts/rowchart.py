"""Charts with one row for each implementation, as tables: names, a drawing, and its values as text.

Places are percent of the width, so that one chart fits a phone, a column and a page; the text is
that of the page.  The drawing repeats what the text beside it says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.charts.axis import Axis

Shape = Literal["dense", "sparse", "gpu", "plain"]


@dataclass(frozen=True)
class Dot:
    """A marker with its whisker, in percent; ``tip`` says its value to a pointer or the keyboard.

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
class Block:
    """A piece of a bar, in percent; ``fill`` is a place in the palette, or ``hatch``."""

    at: float
    width: float
    fill: str
    tip: str


@dataclass(frozen=True)
class Line:
    """A vertical line through all rows, dashed, with its name."""

    at: float
    text: str


@dataclass(frozen=True)
class ChartRow:
    """One row: a name, what is drawn, and the values as text; ``title`` explains the name."""

    name: str
    value: str = ""
    note: str = ""
    title: str = ""
    dots: tuple[Dot, ...] = ()
    blocks: tuple[Block, ...] = ()
    implementation: str | None = None
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
    place: int | None = None


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


def block(axis: Axis, start: float, end: float, fill: str, tip: str) -> Block:
    """Return a piece of a bar from ``start`` to ``end``."""
    left, right = axis.at(start), axis.at(end)
    return Block(left, round(max(right - left, 0.0), 1), fill, tip)
