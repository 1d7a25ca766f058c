"""The cold cost: what is paid once, part by part."""

from __future__ import annotations

import re

import pytest

from bench.documents.results import Measured
from bench.planning.plan import Cell
from reports.gather import build_context
from reports.section import Absence
from reports.sections.cold_cost import render
from tests.reports import pieces, sample

SHAPE = sample.Shape(batch_sizes=(500,), threads=(2,))
DATA_BYTES = 60000 * 794 * 4


def measured(name: str = "one", block: int = 0, epoch: float = 1.0, **changes: object) -> Measured:
    cell = Cell(implementation=name, device="cpu", network="blog", batch_size=500, threads=2)
    one = pieces.measured(cell, block=block, epoch=[epoch], step=[0.01], first_call=0.5)
    return pieces.remeasured(one, **changes)


def rows_of(*outcomes: Measured) -> list[list[str]]:
    body = render(build_context([sample.document(SHAPE, outcomes=outcomes)]))
    assert not isinstance(body, Absence)
    rows = re.findall(r"<tr data-implementation.*?</tr>", str(body), re.DOTALL)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)[2:] for row in rows]


def test_import_set_up_data_and_first_call_stand_beside_each_other() -> None:
    (row,) = rows_of(measured(setup_seconds=0.03, bind_seconds=0.25))
    rate = DATA_BYTES / 0.25 / 1e9
    assert row == [
        "200 ms", "30.0 ms", f"250 ms<small>{rate:.3f} GB/s</small>", "500 ms", "10.0 ms", "1.00 s",
        "reference",
    ]  # fmt: skip


def test_data_that_stayed_where_they_were_have_no_rate() -> None:
    assert rows_of(measured(bind_seconds=0.00099))[0][2] == "990 µs"


def test_the_longest_process_counts_but_for_the_import() -> None:
    blocks = [
        measured(block=block, setup_seconds=2.0 * block, bind_seconds=3.0 * block)
        for block in range(3)
    ]
    (row,) = rows_of(*blocks)
    assert (row[1], row[2].partition("<")[0]) == ("4.00 s", "6.00 s")


@pytest.mark.parametrize(
    ("bind", "expected"), [(0.0, "at once"), (10.0, "20 epochs"), (None, "at once")]
)
def test_handing_over_the_data_has_to_be_earned_back(bind: float | None, expected: str) -> None:
    slow = measured("one", setup_seconds=0.0, bind_seconds=0.0)
    fast = measured("two", epoch=0.5, setup_seconds=0.0, bind_seconds=bind)
    assert [row[-1] for row in rows_of(slow, fast)] == ["reference", expected]


def test_what_was_not_recorded_is_not_invented() -> None:
    (row,) = rows_of(measured(setup_seconds=None, bind_seconds=None))
    assert row[1:3] == ["not recorded"] * 2
