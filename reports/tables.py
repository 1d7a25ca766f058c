"""Tables as data: sections fill them, one macro draws them all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.stats import Ratio
from reports import format as text
from reports.context import Context
from reports.points import Condition, Point

_COLDEST = 8.0
"""A cell this many times slower than the best of its column has no colour left."""


@dataclass(frozen=True)
class Cell:
    """One cell: its text, smaller lines below it, and the number by which it sorts.

    ``heat`` and ``bar`` lie between 0 and 1 and only repeat what the text says.
    """

    text: str
    value: float | None = None
    notes: tuple[str, ...] = ()
    heat: float | None = None
    bar: float | None = None
    strong: bool = False
    dim: bool = False


@dataclass(frozen=True)
class Row:
    """One row; the first cell is its heading.  The rest is what a reader can filter by."""

    cells: tuple[Cell, ...]
    implementation: str | None = None
    batch_size: int | None = None
    place: int | None = None


@dataclass(frozen=True)
class Column:
    """A heading; numeric columns are aligned to the right."""

    title: str
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A captioned table."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def columns(*titles: str, text_columns: int = 1) -> tuple[Column, ...]:
    """Columns of which the first ``text_columns`` hold text and the rest numbers."""
    return tuple(Column(title, number >= text_columns) for number, title in enumerate(titles))


def duration(value: float | None, *, missing: str = "not timed") -> Cell:
    """A duration in seconds."""
    return word(missing) if value is None else Cell(text.seconds(value), value)


def number(value: float | None, shown: str, *, missing: str = "-") -> Cell:
    """A number with the text that shows it."""
    return word(missing) if value is None else Cell(shown, value)


def word(shown: str) -> Cell:
    """What stands where a number is missing."""
    return Cell(shown, dim=True)


def ratio(found: Ratio | None, *, missing: str = "-") -> Cell:
    """A ratio over its interval."""
    if found is None:
        return word(missing)
    if found.low is None or found.high is None:
        note = "unpaired" if not found.paired else "no interval"
    else:
        note = f"{text.significant(found.low)} to {text.significant(found.high)}"
    return Cell(text.times(found.value), found.value, (note,))


def row(
    context: Context,
    cells: Sequence[Cell],
    *,
    implementation: str | None = None,
    batch_size: int | None = None,
    condition: Condition | None = None,
) -> Row:
    """A row with what it can be filtered by."""
    place = None if condition is None else context.conditions.index(condition)
    return Row(tuple(cells), implementation, batch_size, place)


def heat(point: Point, best: Point | None) -> float | None:
    """How close ``point`` is to the best of its group: 1 is the best itself."""
    if best is None or best.epoch is None or point.epoch is None:
        return None
    times_slower = point.epoch.value / best.epoch.value
    return round(min(max(1 - math.log(times_slower) / math.log(_COLDEST), 0), 1), 2)
