"""What is the same in every row of a table is said once."""

from __future__ import annotations

from reports.tables import Table, TableCell, TableRow, columns, compact

TITLES = ("Implementation", "Condition", "Batch size", "Epoch")


def table(*places: tuple[str, str], caption: str = "Cost") -> Table:
    rows = [
        TableRow(
            (
                TableCell("a"),
                TableCell(condition),
                TableCell(size, float(size)),
                TableCell("1 s", 1.0),
            )
        )
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
    by_size = Table(
        "t", columns("Batch size", "Epoch"), (TableRow((TableCell("500"), TableCell("1 s"))),)
    )
    assert compact(by_size) == by_size
