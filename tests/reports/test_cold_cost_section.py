"""The cold cost: what is paid once, part by part."""

from __future__ import annotations

import re

import msgspec
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
    return [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows]


def test_import_set_up_data_and_first_call_stand_beside_each_other() -> None:
    (row,) = rows_of(measured(setup_seconds=0.03, bind_seconds=0.25))
    rate = DATA_BYTES / 0.25 / 1e9
    assert row == [
        "200 ms", "30.0 ms", f"250 ms<small>{rate:.3f} GB/s</small>", "500 ms", "not recorded",
        "970 ms", "10.0 ms", "1.00 s", "reference",
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
    ("bind", "expected"), [(0.0, "starts alike"), (10.0, "20 epochs"), (None, "starts alike")]
)
def test_handing_over_the_data_has_to_be_earned_back(bind: float | None, expected: str) -> None:
    slow = measured("one", setup_seconds=0.0, bind_seconds=0.0)
    fast = measured("two", epoch=0.5, setup_seconds=0.0, bind_seconds=bind)
    assert [row[-1] for row in rows_of(slow, fast)] == ["reference", expected]


def test_what_the_first_call_of_the_epoch_compiles_is_part_of_the_cold_cost() -> None:
    fresh: dict[str, float] = {"setup_seconds": 0.0, "bind_seconds": 0.0}
    slow = measured("one", **fresh)
    # A tenth of the examples in a tenth of the half second, after two seconds of compiling.
    start = {"first_epoch_seconds": 2.05, "first_epoch_examples": 6000}
    compiled = measured("two", epoch=0.5, **fresh, **start)
    first, second = rows_of(slow, compiled)
    assert (first[4], first[5]) == ("not recorded", "690 ms")
    assert (second[4], second[5]) == ("2.05 s", "2.69 s")
    assert second[-1] == "4 epochs"


def test_a_whole_first_epoch_costs_no_more_than_it_compiles() -> None:
    start = {"first_epoch_seconds": 1.0, "first_epoch_examples": 60000}
    (row,) = rows_of(measured(setup_seconds=0.0, bind_seconds=0.0, **start))
    assert (row[4], row[5]) == ("1.00 s", "690 ms")


@pytest.mark.parametrize(
    ("setup", "epoch", "expected"),
    [
        (0.0, 1.01, "ahead for 100 epochs"),
        (0.0, 3.0, "ahead for less than an epoch"),
        (0.0, 1.0, "at once"),
        (0.0, 0.9, "at once"),
        (0.99, 1.01, "starts alike"),
        (0.99, 0.5, "starts alike"),
        (2.0, 1.0, "never"),
        (2.0, 1.01, "never"),
    ],
)
def test_a_start_is_earned_back_or_is_ahead_or_is_no_different(
    setup: float, epoch: float, expected: str
) -> None:
    reference = measured("one", setup_seconds=1.005)
    other = measured("two", epoch=epoch, setup_seconds=setup)
    # The baseline, so that what starts cheaper is not itself the reference.
    reference, other = (
        pieces.remeasured(one, cell=msgspec.structs.replace(one.cell, implementation=name))
        for one, name in ((reference, "numpy-naive"), (other, "two"))
    )
    assert rows_of(reference, other)[1][-1] == expected


@pytest.mark.parametrize(
    ("step", "setup", "expected"),
    [(0.01, 0.04, "starts alike"), (0.01, 0.06, "never"), (0.3, 0.29, "starts alike")],
)
def test_starts_that_differ_by_milliseconds_or_a_step_are_alike(
    step: float, setup: float, expected: str
) -> None:
    one, other = (
        measured(
            name,
            setup_seconds=seconds,
            timings=tuple(
                pieces.retimed(timing, round_seconds=(step,)) if timing.phase == "step" else timing
                for timing in measured().timings
            ),
        )
        for name, seconds in (("numpy-naive", 0.0), ("two", setup))
    )
    assert rows_of(one, other)[1][-1] == expected


def test_imports_that_scatter_hide_a_difference_of_their_size() -> None:
    def process(name: str, block: int, import_seconds: float, setup: float) -> Measured:
        return pieces.reprocessed(
            measured(name, block=block, setup_seconds=setup), import_seconds=import_seconds
        )

    slow = [process("one", block, 1.0 + 0.5 * block, 0.0) for block in range(3)]
    near = [process("two", block, 1.5, 0.9) for block in range(3)]
    far = [process("two", block, 1.5, 1.1) for block in range(3)]
    assert rows_of(*slow, *near)[1][-1] == "starts alike"
    assert rows_of(*slow, *far)[1][-1] == "never"


def test_what_was_not_recorded_is_not_invented() -> None:
    (row,) = rows_of(measured(setup_seconds=None, bind_seconds=None))
    assert row[1:3] == ["not recorded"] * 2
    assert row[4] == "not recorded"
