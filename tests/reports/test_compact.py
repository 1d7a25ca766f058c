"""What is the same in every row of a table is said once, and notes of a chart stay off its line."""

from __future__ import annotations

import re

from reports import charts
from reports.charts.bars import Stack
from reports.tables import Cell, Row, Table, columns, compact

WIDTH, EDGE = 460, 62
"""Pixels of a chart, and of its margin on the right."""
TITLES = ("Implementation", "Condition", "Batch size", "Epoch")


def table(*places: tuple[str, str], caption: str = "Cost") -> Table:
    rows = [
        Row((Cell("a"), Cell(condition), Cell(size, float(size)), Cell("1 s", 1.0)))
        for condition, size in places
    ]
    return Table(caption, columns(*TITLES, text_columns=2), tuple(rows))


def titles(shown: Table) -> list[str]:
    return [column.title for column in shown.columns]


def test_columns_of_one_place_go_into_the_caption() -> None:
    shown = compact(table(("1 thread", "500"), ("1 thread", "500")))
    assert titles(shown) == ["Implementation", "Epoch"]
    assert shown.caption == "Cost (batch 500, 1 thread)"
    assert [[cell.text for cell in row.cells] for row in shown.rows] == [["a", "1 s"]] * 2


def test_what_the_caption_says_already_is_not_said_again() -> None:
    shown = compact(table(("1 thread", "500"), caption="Cost: batch 500, 1 thread"))
    assert shown.caption == "Cost: batch 500, 1 thread"
    assert titles(shown) == ["Implementation", "Epoch"]


def test_columns_that_differ_stay() -> None:
    both = table(("1 thread", "500"), ("2 threads", "100"))
    assert compact(both) == both
    size = compact(table(("1 thread", "500"), ("1 thread", "100")))
    assert titles(size) == ["Implementation", "Batch size", "Epoch"]
    assert size.caption == "Cost (1 thread)"


def test_a_heading_and_a_table_without_rows_stay() -> None:
    empty = table()
    assert compact(empty) == empty
    by_size = Table("t", columns("Batch size", "Epoch"), (Row((Cell("500"), Cell("1 s"))),))
    assert compact(by_size) == by_size


def places(chart: str, note: str) -> tuple[float, float]:
    """Where the text ``note`` begins, and where the line of the whole is, in pixels."""
    (begin,) = re.findall(rf'<text [^>]*?x="([\d.]+)[^>]*>{note}<', chart)
    (line,) = re.findall(r'd="M([\d.]+)[^"]*" style="[^"]*var\(--ink\)[^"]*width:1.6', chart)
    return float(begin), float(line)


def chart(*rows: Stack) -> str:
    return str(charts.stacked("t", rows, description="d"))


NOTE = "not separable"
NONE = Stack("none", (None,), 1.0, NOTE)


def test_a_note_that_would_cross_the_line_of_the_whole_stands_behind_it() -> None:
    begin, line = places(chart(Stack("long", (1.0, 3.5), 1.0), NONE), NOTE)
    assert begin > line
    begin, line = places(chart(Stack("short", (0.9,), 1.0, NOTE)), NOTE)
    assert begin > line


def test_a_note_that_fits_before_the_line_stands_behind_its_bar() -> None:
    begin, line = places(chart(NONE, Stack("whole", (1.0,), 1.0)), NOTE)
    assert begin + 6 * len(NOTE) < line


def test_the_axis_has_room_for_a_note_behind_the_line() -> None:
    begin, _ = places(chart(Stack("short", (0.9,), 1.0, NOTE)), NOTE)
    assert begin + 6 * len(NOTE) < WIDTH - EDGE
