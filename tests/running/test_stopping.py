from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest
from bench.running.stopping import FEWEST_BLOCKS, ratios, reason_to_stop

from bench.documents.results import Measured
from bench.documents.timings import Learning, Timing
from bench.planning.plan import Cell, Plan
from tests.stand_ins import fakes

REFERENCE, OTHER = "numpy-naive", "numpy-optimized"


def plan(blocks: int = 100, **changes: object) -> Plan:
    effort = msgspec.structs.replace(fakes.EFFORT, blocks=blocks)
    return fakes.plan(effort=effort, **changes)


def epochs(cell: Cell, block: int, seconds: float) -> Measured:
    timing = Timing(
        phase="epoch", iterations=1, examples=200, round_seconds=(seconds,), round_cpu_seconds=()
    )
    return msgspec.structs.replace(fakes.measured(cell, block), timings=(timing,))


def outcomes(times: Mapping[str, Sequence[float]], batch_size: int = 8) -> list[Measured]:
    """One outcome per implementation and block."""
    cell = fakes.cell(plan(), batch_size=batch_size)
    return [
        epochs(msgspec.structs.replace(cell, implementation=name), block, seconds)
        for name, row in times.items()
        for block, seconds in enumerate(row)
    ]


PRECISE = outcomes({REFERENCE: [4.0, 4.04] * 5, OTHER: [2.0, 2.02, 2.0, 2.0, 2.02] * 2})
VAGUE = outcomes({REFERENCE: [4.0] * 10, OTHER: [2.0, 3.0, 1.0, 4.0, 2.0] * 2}, batch_size=20)
ENOUGH = [1.0] * FEWEST_BLOCKS


def test_all_blocks_are_the_end() -> None:
    assert reason_to_stop(plan(blocks=3), REFERENCE, PRECISE, [1.0] * 2) is None
    assert reason_to_stop(plan(blocks=3), REFERENCE, PRECISE, [1.0] * 3) == "all 3 blocks"
    assert reason_to_stop(plan(blocks=2), REFERENCE, PRECISE, [1.0] * 2) == "all 2 blocks"
    assert reason_to_stop(plan(blocks=1), REFERENCE, [], [1.0]) == "the one block"


def test_the_wanted_precision_of_every_ratio_is_the_end() -> None:
    wanted = plan(precision=0.02)
    assert reason_to_stop(wanted, REFERENCE, PRECISE, ENOUGH) == (
        "every ratio within 0.5% after 10 blocks"
    )
    assert reason_to_stop(wanted, REFERENCE, PRECISE + VAGUE, ENOUGH) is None
    assert reason_to_stop(plan(precision=0.001), REFERENCE, PRECISE, ENOUGH) is None
    assert reason_to_stop(plan(), REFERENCE, PRECISE, ENOUGH) is None
    assert reason_to_stop(wanted, REFERENCE, [], ENOUGH) is None


def test_the_width_that_is_said_is_the_largest() -> None:
    both = reason_to_stop(plan(precision=0.9), REFERENCE, VAGUE + PRECISE, ENOUGH)
    assert both == reason_to_stop(plan(precision=0.9), REFERENCE, VAGUE, ENOUGH)


def in_blocks(*blocks: int) -> list[Measured]:
    """Both in these blocks alone, at a batch size of their own."""
    both = outcomes({REFERENCE: [4.0] * 30, OTHER: [2.0] * 30}, batch_size=20)
    return [one for one in both if one.block in blocks]


def test_a_ratio_without_an_interval_is_waited_for_while_it_is_still_measured() -> None:
    wanted = plan(precision=0.02)
    assert reason_to_stop(wanted, REFERENCE, PRECISE + in_blocks(2, 5), ENOUGH) is None
    assert reason_to_stop(wanted, REFERENCE, PRECISE + in_blocks(9), ENOUGH) is None
    assert reason_to_stop(wanted, REFERENCE, PRECISE + in_blocks(2, 5, 8), ENOUGH) == (
        "every ratio within 0.5% after 10 blocks"
    )


def test_what_failed_for_some_blocks_in_a_row_is_not_waited_for_but_counted() -> None:
    wanted = plan(precision=0.02)
    rest = "every ratio within 0.5% after 10 blocks, but for 1 not measured in the last 5"
    assert reason_to_stop(wanted, REFERENCE, PRECISE + in_blocks(2, 4), ENOUGH) == rest
    early = [one for one in VAGUE if one.block < 5]
    assert reason_to_stop(wanted, REFERENCE, PRECISE + early, ENOUGH) == rest
    # The reference is what failed: without it there is no ratio either.
    lonely = [one for one in VAGUE if one.block < 5 or one.cell.implementation == OTHER]
    assert reason_to_stop(wanted, REFERENCE, PRECISE + lonely, ENOUGH) == rest


def test_nothing_but_failures_is_no_precision() -> None:
    assert reason_to_stop(plan(precision=0.02), REFERENCE, in_blocks(0, 1), ENOUGH) is None


def test_precision_is_not_believed_before_enough_blocks() -> None:
    assert reason_to_stop(plan(precision=0.5), REFERENCE, PRECISE, ENOUGH[1:]) is None


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_stopping_does_not_look_at_the_direction(factor: float) -> None:
    scaled = [
        epochs(one.cell, one.block, one.timings[0].round_seconds[0] * factor)
        if one.cell.implementation == OTHER
        else one
        for one in PRECISE
    ]
    wanted = plan(precision=0.02)
    expected = reason_to_stop(wanted, REFERENCE, PRECISE, ENOUGH)
    assert reason_to_stop(wanted, REFERENCE, scaled, ENOUGH) == expected


def test_a_budget_ends_the_run_before_the_block_that_would_exceed_it() -> None:
    limited = plan(budget_seconds=10.0)
    assert reason_to_stop(limited, REFERENCE, [], [3.0, 3.0]) is None
    reason = reason_to_stop(limited, REFERENCE, [], [3.0, 3.0, 3.0])
    assert reason == "the budget of 10 s: 3 blocks took 9 s and another would exceed it"
    assert reason_to_stop(limited, REFERENCE, [], [2.5] * 3) is None, "a fourth just fits"


def trained(one: Measured, seconds: Sequence[float], reached: int | None) -> Measured:
    """``one`` as a training of so many epochs, which held its target from ``reached`` on."""
    (timing,) = one.timings
    return msgspec.structs.replace(
        one,
        timings=(msgspec.structs.replace(timing, round_seconds=tuple(seconds)),),
        learning=Learning(
            target=0.9, seed=1, accuracies=(0.5,) * len(seconds), reached_epoch=reached
        ),
    )


LEARNS = plan(precision=0.02, target=0.9)


def test_with_a_target_the_ratios_are_those_of_the_times_to_it() -> None:
    # Epochs scatter, the seconds to the target do not: those after it are none of its time.
    def steady(one: Measured) -> Measured:
        whole = 4.0 if one.cell.implementation == REFERENCE else 1.0
        first = whole * (0.25 + 0.05 * (one.block % 3))
        return trained(one, (first, whole - first, 1.0 + one.block), 2)

    found = [steady(one) for one in PRECISE]
    assert reason_to_stop(LEARNS, REFERENCE, found, ENOUGH) == (
        "every ratio within 0.0% after 10 blocks"
    )
    # Here epochs are steady, but the number of them is not.
    lucky = [
        trained(one, (1.0,) * 6, 1 + one.block % 5 if one.cell.implementation == OTHER else 3)
        for one in PRECISE
    ]
    assert reason_to_stop(LEARNS, REFERENCE, lucky, ENOUGH) is None
    plain = msgspec.structs.replace(LEARNS, target=None)
    assert reason_to_stop(plain, REFERENCE, lucky, ENOUGH) is not None


def test_what_missed_the_target_once_is_counted_and_not_waited_for() -> None:
    held = [trained(one, (1.0, 1.0), 2) for one in PRECISE]
    missed = [trained(one, (1.0, 1.0), None if one.block == 3 else 2) for one in VAGUE]
    assert reason_to_stop(LEARNS, REFERENCE, held + missed, ENOUGH) == (
        "every ratio within 0.0% after 10 blocks; 2 missed the target and are not ranked"
    )


def test_where_nothing_can_be_compared_the_run_ends() -> None:
    found = [
        trained(one, (1.0,), None if one.cell.implementation == REFERENCE else 1) for one in PRECISE
    ]
    assert reason_to_stop(LEARNS, REFERENCE, found, ENOUGH) == (
        f"no time to the target can be compared with one of {REFERENCE}; 1 missed the target and "
        "is not ranked"
    )
    assert reason_to_stop(LEARNS, REFERENCE, found, ENOUGH[1:]) is None
    assert reason_to_stop(LEARNS, REFERENCE, [], ENOUGH) is None, "failures may pass"


def test_ratios_are_taken_under_one_condition_only() -> None:
    other_size = outcomes({OTHER: [1.0] * 5}, batch_size=50)
    found = ratios([*PRECISE, *other_size], REFERENCE)
    assert {(cell.implementation, cell.batch_size) for cell in found} == {(OTHER, 8)}
    assert reason_to_stop(plan(precision=0.5), REFERENCE, other_size, ENOUGH) is None
