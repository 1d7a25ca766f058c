"""A comparison's tables for the terminal."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from bench.stats.verdicts import Kind
from reports import format as text
from reports.comparison.answer import MOST_NAMED, Answer
from reports.comparison.columns import ComparisonColumn, columns, constant, kinds

STYLES: dict[Kind, str] = {
    "faster": "green",
    "slower": "bold red",
    "same": "",
    "likely faster": "yellow",
    "likely slower": "yellow",
    "unclear": "yellow",
}


def verdict_table(answer: Answer, *, narrow: bool = False) -> Table:
    """Return one row per pair; where it is to be ``narrow``, of several lines."""
    table = _table(", ".join(constant(answer)))
    table.show_lines = narrow
    found = [_printable(column) for column in columns(answer)]
    if narrow:
        found = _stacked(found)
    for column in found:
        heading = Text(column.heading)
        whole = not narrow or column.justify == "left"
        table.add_column(heading, justify=column.justify, no_wrap=whole, overflow="fold")
    for place, kind in enumerate(kinds(answer)):
        cells = [
            Text(column.cells[place], STYLES[kind] if column.heading.startswith("verdict") else "")
            for column in found
        ]
        table.add_row(*cells)
    return table


def _stacked(found: list[ComparisonColumn]) -> list[ComparisonColumn]:
    """Return the columns with what belongs together below each other."""
    *coordinates, reference, other, change, interval, verdict, why = found
    return [
        _joined(coordinates),
        reference,
        other,
        _joined([change, interval]),
        _joined([verdict, why]),
    ]


def _joined(found: list[ComparisonColumn]) -> ComparisonColumn:
    rows = zip(*(column.cells for column in found), strict=True)
    heading = "\n".join(column.heading for column in found)
    return ComparisonColumn(heading, tuple("\n".join(row) for row in rows), found[0].justify)


def difference_table(answer: Answer) -> Table:
    """Return one row per field that differs and may explain a verdict."""
    table = _table("What differs beside it")
    differences = answer.of_interest
    labels = [answer.labels[difference.run] for difference in differences]
    several = len(set(labels)) > 1
    for heading in ("field", "reference", "compared", "in", "what it means"):
        table.add_column(heading, no_wrap=heading == "field", overflow="fold")
    for one, label in zip(differences, labels, strict=True):
        where = [label] if several else []
        where += (
            [text.count(len(one.where), "implementation")]
            if len(one.where) > MOST_NAMED
            else one.where
        )
        table.add_row(
            *map(_text, (one.field, one.reference, one.other, ", ".join(where), one.reason))
        )
    return table


def apart_table(answer: Answer) -> Table:
    """Return one row per cell that is not compared, or not in full."""
    table = _table("Not compared, or not in full")
    for heading in ("cell", "why"):
        table.add_column(heading, overflow="fold")
    for cell, reason in answer.apart:
        table.add_row(_text(cell), _text(reason))
    return table


def _table(title: str) -> Table:
    return Table(title=_text(title), title_justify="left")


def _printable(column: ComparisonColumn) -> ComparisonColumn:
    cells = tuple(map(text.printable, column.cells))
    return ComparisonColumn(text.printable(column.heading), cells, column.justify)


def _text(content: str) -> Text:
    """Text, not str: rich would read square brackets in a name as markup."""
    return Text(text.printable(content))
