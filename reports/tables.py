"""Tables as data; a page, a terminal and Markdown draw them.

``table`` of ``reports/macros.html`` draws one on a page, :func:`reports.terminal.draw` in a
terminal and :func:`reports.markdown.draw` in Markdown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from bench.observations.points import Condition, Point, PointKey
from bench.stats.estimates import Estimate, Ratio
from bench.stats.verdicts import Verdict, within
from reports import format as text
from reports import rounding
from reports.context import Context

_Item = TypeVar("_Item")
"""What is known of one cell."""
_COLDEST = 8.0
"""A cell this many times slower than the best of its column has no colour left."""

_PLACES = {"Batch size": "batch {}", "Condition": "{}"}
"""Titles of columns that say where something was measured, and their values in words."""


@dataclass(frozen=True)
class TableCell:
    """One cell: its text, smaller lines below it, and the number by which it sorts.

    Of ``ratios``, pairs of kind and text, a switch shows one beside the text.
    ``heat`` and ``bar`` lie between 0 and 1 and only repeat what the text says; ``title`` explains
    it to a pointer that rests on it, and stands elsewhere for whoever has none.  ``colour`` is for
    terminals.
    """

    text: str
    value: float | None = None
    notes: tuple[str, ...] = ()
    heat: float | None = None
    bar: float | None = None
    strong: bool = False
    dim: bool = False
    title: str = ""
    ratios: tuple[tuple[str, str], ...] = ()
    colour: str = ""


@dataclass(frozen=True)
class TableRow:
    """One row; the first cell is its heading.  The rest is what a reader can filter by."""

    cells: tuple[TableCell, ...]
    implementation: str | None = None
    batch_size: int | None = None
    place: int | None = None


@dataclass(frozen=True)
class Column:
    """A heading; numeric columns are aligned to the right, a ``whole`` one is never wrapped."""

    title: str
    numeric: bool = True
    whole: bool = False


@dataclass(frozen=True)
class Table:
    """A captioned table."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]


def columns(*titles: str, text_columns: int = 1) -> tuple[Column, ...]:
    """Return the columns of which the first ``text_columns`` hold text and the rest numbers."""
    return tuple(Column(title, number >= text_columns) for number, title in enumerate(titles))


def compact(table: Table) -> Table:
    """Return ``table`` without columns of one and the same place, which its caption names."""
    constant = {
        number: table.rows[0].cells[number].text
        for number, column in enumerate(table.columns)
        if number and table.rows and column.title in _PLACES
        if len({(row.cells[number].text, row.cells[number].notes) for row in table.rows}) == 1
    }
    if not constant:
        return table
    fixed = {table.columns[number].title: shown for number, shown in constant.items()}
    words = [form.format(fixed[title]) for title, form in _PLACES.items() if title in fixed]
    missing = ", ".join(word for word in words if word not in table.caption)
    return replace(
        table,
        caption=f"{table.caption} ({missing})" if missing else table.caption,
        columns=tuple(column for n, column in enumerate(table.columns) if n not in constant),
        rows=tuple(
            replace(row, cells=tuple(cell for n, cell in enumerate(row.cells) if n not in constant))
            for row in table.rows
        ),
    )


def whole(number: int) -> TableCell:
    """Return a whole number."""
    return TableCell(str(number), number)


def share(value: float) -> TableCell:
    """Return a share of one in percent."""
    return TableCell(text.percent(value), value)


def duration(value: float | None, *, missing: str = "not timed") -> TableCell:
    """Return a duration in seconds."""
    return word(missing) if value is None else TableCell(text.seconds(value), value)


def estimate(of: Estimate | None) -> TableCell:
    """Return an estimated duration in seconds."""
    return duration(of.value if of else None)


def number(value: float | None, shown: str, *, missing: str = "-") -> TableCell:
    """Return a number with the text that shows it."""
    return word(missing) if value is None else TableCell(shown, value)


def word(shown: str) -> TableCell:
    """Return what stands where a number is missing."""
    return TableCell(shown, dim=True)


def ratio(of: Ratio | None, *, missing: str = "-", verdict: Verdict | None = None) -> TableCell:
    """Return a ratio over its interval and its verdict, if it was judged."""
    if of is None:
        return word(missing)
    notes = [rounding.interval(of) or "no interval"]
    if not of.paired:
        notes.append("unpaired")
    if verdict is not None:
        notes.append(verdict.kind)
    title = verdict.reason if verdict else ""
    return TableCell(rounding.times(of), of.value, tuple(notes), title=title)


def open_verdict(verdict: Verdict | None) -> str:
    """Return what a ratio does not show of its verdict; empty where it counts as it stands."""
    if verdict is None or verdict.kind in ("faster", "slower"):
        return ""
    if verdict.code == "too-few":
        return "too few blocks to judge"
    return f"the same {within(verdict.margin)}" if verdict.kind == "same" else verdict.kind


def of_items(
    caption: str,
    items: Iterable[_Item],
    cells: Mapping[str, Callable[[_Item], TableCell]],
    *,
    text_columns: int = 1,
    implementation: Callable[[_Item], str | None] = lambda _: None,
) -> Table:
    """Return a table with a row for each of ``items``.

    ``cells`` maps the title of each column to what makes its cells; the first ``text_columns`` hold
    text.  ``implementation`` is what rows can be filtered by.
    """
    rows = tuple(
        TableRow(tuple(cell(item) for cell in cells.values()), implementation(item))
        for item in items
    )
    return Table(caption, columns(*cells, text_columns=text_columns), rows)


def of_cells(
    context: Context,
    caption: str,
    items: Iterable[tuple[PointKey, _Item]],
    cells: Mapping[str, Callable[[_Item], TableCell]],
    notes: Callable[[_Item], tuple[str, ...]] = lambda _: (),
) -> Table:
    """Return a table with a row for each of ``items``: what is known of a cell, with its key.

    A row begins with the implementation and ``notes`` below it, the condition and the batch size;
    ``cells`` maps the title of each further column to what makes its cells.
    """
    rows = tuple(
        TableRow(
            (
                TableCell(key.implementation, notes=notes(item)),
                TableCell(context.label(key.condition)),
                whole(key.batch_size),
                *(cell(item) for cell in cells.values()),
            ),
            key.implementation,
            key.batch_size,
            context.place(key.condition),
        )
        for key, item in items
    )
    titles = ("Implementation", "Condition", "Batch size", *cells)
    return Table(caption, columns(*titles, text_columns=2), rows)


def of_grid(
    context: Context,
    caption: str,
    lines: Iterable[tuple[str, Condition]],
    batch_sizes: Iterable[int],
    cell: Callable[[PointKey], TableCell],
    *,
    heading: Callable[[str], TableCell] = TableCell,
    with_condition: bool = True,
) -> Table:
    """Return a table of implementations under conditions against batch sizes.

    Each of ``lines`` is a row, ``heading`` makes its first cell.  Without ``with_condition`` there
    is no column of conditions: the caption names the only one.
    """
    sizes = list(batch_sizes)
    rows = []
    for name, condition in lines:
        cells = [heading(name), *([TableCell(context.label(condition))] if with_condition else [])]
        cells += [cell(PointKey(name, condition, size)) for size in sizes]
        rows.append(row(context, cells, implementation=name, condition=condition))
    first = ("Implementation", "Condition") if with_condition else ("Implementation",)
    titles = (*first, *(f"batch {size}" for size in sizes))
    return Table(caption, columns(*titles, text_columns=len(first)), tuple(rows))


def reasons(context: Context, caption: str, verdicts: Mapping[PointKey, Verdict]) -> Table:
    """Return every verdict with its reason: what the titles of cells say, for everyone."""
    rows = [
        row(
            context,
            [
                TableCell(name),
                TableCell(str(batch_size), batch_size),
                TableCell(context.label(condition)),
                TableCell(verdict.kind),
                TableCell(verdict.reason),
            ],
            implementation=name,
            batch_size=batch_size,
            condition=condition,
        )
        for (name, condition, batch_size), verdict in verdicts.items()
    ]
    titles = ("Implementation", "Batch size", "Condition", "Verdict", "Reason")
    kinds = tuple(Column(title, title == "Batch size") for title in titles)
    return Table(caption, kinds, tuple(rows))


def row(
    context: Context,
    cells: Sequence[TableCell],
    *,
    implementation: str | None = None,
    batch_size: int | None = None,
    condition: Condition | None = None,
) -> TableRow:
    """Return a row with what it can be filtered by."""
    place = None if condition is None else context.place(condition)
    return TableRow(tuple(cells), implementation, batch_size, place)


def heat(point: Point, best: Point | None) -> float | None:
    """Return how close ``point`` is to the best of its group: 1 is the best itself."""
    if best is None or best.epoch is None or point.epoch is None:
        return None
    times_slower = point.epoch.value / best.epoch.value
    return round(min(max(1 - math.log(times_slower) / math.log(_COLDEST), 0), 1), 2)
