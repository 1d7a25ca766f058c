"""The memory section: stages, what shares a process, and what is not known."""

from __future__ import annotations

import re

import msgspec

from bench.documents.results import Measured, Results
from bench.documents.timings import Memory
from bench.planning.plan import Cell
from reports.gather import build_context
from reports.section import Absence
from reports.sections.memory import render
from tests.reports import pieces, sample
from tests.reports.pieces import MEMORY, MIB

SHAPE = sample.Shape(batch_sizes=(500, 2000), threads=(2,))


def cell(batch_size: int = 500, name: str = "one") -> Cell:
    return Cell(implementation=name, device="cpu", network="blog", batch_size=batch_size, threads=2)


def measured(
    block: int = 0,
    batch_size: int = 500,
    memory: Memory | None = MEMORY,
    **changes: object,
) -> Measured:
    one = pieces.measured(cell(batch_size), block=block, epoch=[1.0], memory=memory)
    return pieces.remeasured(one, **changes)


def page_of(*outcomes: Measured) -> str:
    body = render(build_context([document(*outcomes)]))
    assert not isinstance(body, Absence)
    return str(body)


def document(*outcomes: Measured) -> Results:
    return sample.document(SHAPE, outcomes=outcomes)


def rows_of(*outcomes: Measured) -> list[list[str]]:
    rows = re.findall(r"<tr data-implementation.*?</tr>", page_of(*outcomes), re.DOTALL)
    return [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in rows]


def test_every_stage_is_what_it_added() -> None:
    assert rows_of(measured(device_memory_bytes=3 * MIB)) == [
        [
            "400 MiB", "90.0 MiB<small>50.0 MiB with its import</small>", "180 MiB",
            "5.00 MiB", "55.0 MiB", "70.0 MiB", "3.00 MiB<small>since the process began</small>",
        ]
    ]  # fmt: skip


def test_the_peak_of_a_device_that_began_anew_needs_no_note() -> None:
    anew = msgspec.structs.replace(MEMORY, device_peak_of_timing=True)
    one = measured(device_memory_bytes=3 * MIB, memory=anew)
    assert rows_of(one)[0][-1] == "3.00 MiB"
    mixed = rows_of(one, measured(block=1, device_memory_bytes=3 * MIB))
    assert mixed[0][-1] == "3.00 MiB<small>since the process began</small>"


def test_a_row_without_a_device_has_none_there() -> None:
    assert rows_of(measured())[0][-1] == "none"


def test_memory_that_was_given_back_has_a_sign() -> None:
    given_back = msgspec.structs.replace(MEMORY, begun=260 * MIB)
    assert rows_of(measured(memory=given_back))[0][3] == "\N{MINUS SIGN}10.0 MiB"


def test_numbers_are_medians_over_processes() -> None:
    rows = rows_of(
        *(measured(block, peak_memory_bytes=n * MIB) for block, n in enumerate((500, 350, 360)))
    )
    assert rows[0][0] == "360 MiB"
    assert rows[0][5] == "30.0 MiB"


def test_what_the_system_does_not_tell_is_said() -> None:
    silent = Memory(imported=90 * MIB)
    assert rows_of(measured(memory=silent))[0][1:6] == ["90.0 MiB", *["unknown"] * 4]


def test_a_peak_of_the_whole_life_is_said() -> None:
    whole = msgspec.structs.replace(MEMORY, peak_of_timing=False)
    assert "it includes the gate and earlier batch sizes" in page_of(measured(memory=whole))
    assert "it includes the gate and earlier batch sizes" not in page_of(measured())


def test_other_batch_sizes_are_folded() -> None:
    page = page_of(measured(), measured(batch_size=2000))
    folded = page.index("Other batch sizes under the same condition")
    assert page.index("Memory: batch") < folded < page.index("one thing changed")


def test_combinations_that_differ_in_both_are_left_to_the_raw_data() -> None:
    places = [(500, 2), (500, 1), (2000, 2), (2000, 1)]
    outcomes = [
        pieces.measured(
            msgspec.structs.replace(cell(size), threads=threads),
            block=0,
            epoch=[1.0 if (size, threads) == (500, 2) else 2.0],
        )
        for size, threads in places
    ]
    page = page_of(*outcomes)
    assert page.count("<tr data-implementation") == 3
    assert "1 further combination of batch size and condition is in the raw data" in page


def test_without_any_account_the_section_says_why() -> None:
    body = render(build_context([document(measured(memory=None))]))
    assert isinstance(body, Absence)
    assert "versions 1 and 2" in body.reason
    mixed = page_of(measured(), measured(batch_size=2000, memory=None))
    assert re.findall(r"<caption>(.*?)</caption>", mixed) == [
        "batch 500, 2 threads",
        "Memory: batch 500, 2 threads",
    ]
