from __future__ import annotations

import msgspec
import pytest

from bench.documents.results import Failed, Measured, Outcome, Unverified
from bench.documents.rounds import agreeing
from bench.provenance.records import Accelerator
from tests.stand_ins import fakes

PLAN = fakes.plan()
CELL = fakes.cell(PLAN)
OTHER = fakes.cell(PLAN, batch_size=20)


def declaring(block: int, cell: object = CELL, **declared: str) -> Measured:
    one = fakes.measured(cell, block)  # type: ignore[arg-type]
    process = msgspec.structs.replace(one.process, declared=declared)
    return msgspec.structs.replace(one, process=process)


def test_the_same_declarations_agree_whatever_their_order() -> None:
    one, other = declaring(0, tf32="off", look="8"), declaring(1, look="8", tf32="off")
    assert agreeing([one, other]) == [one, other]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"tf32": "on"}, "tf32: 'on' instead of 'off'"),
        ({}, "tf32: nothing instead of 'off'"),
        ({"tf32": "off", "look": "8"}, "look: '8' instead of nothing"),
    ],
)
def test_another_declaration_is_unverified_with_both_values(
    declared: dict[str, str], said: str
) -> None:
    other = declaring(1, **declared)
    _, found = agreeing([declaring(0, tf32="off"), other])
    assert isinstance(found, Unverified)
    assert found.measured == other
    assert (found.cell, found.block) == (CELL, 1)
    assert f"other settings than that of block 1 ({said})" in found.reason


def test_another_device_is_another_setting() -> None:
    def on(name: str, block: int) -> Measured:
        one = declaring(block)
        process = msgspec.structs.replace(one.process, accelerator=Accelerator(name=name))
        return msgspec.structs.replace(one, process=process)

    _, found = agreeing([on("Small GPU", 0), on("Large GPU", 1)])
    assert isinstance(found, Unverified)
    assert "device: 'Large GPU' instead of 'Small GPU'" in found.reason
    # A device of which nothing is known is not another one by name.
    unknown = [on("", 0), on("", 1)]
    assert agreeing(unknown) == unknown


def test_only_measured_processes_of_the_same_cell_are_held_against_each_other() -> None:
    failed = Failed(cell=CELL, block=0, reason="died")
    elsewhere = declaring(0, OTHER, tf32="on")
    outcomes: list[Outcome] = [failed, elsewhere, declaring(1, tf32="off"), failed]
    assert agreeing(outcomes) == outcomes


def test_the_first_process_of_a_cell_holds_for_all_later_ones() -> None:
    first, second = declaring(0, tf32="off"), declaring(1, tf32="on")
    third = declaring(2, tf32="off")
    one, odd, last = agreeing([first, second, third])
    assert isinstance(odd, Unverified)
    assert [one, last] == [first, third]
