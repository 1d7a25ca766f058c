from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from bench.documents.results import Measured, Timing
from bench.planning.plan import Cell, Plan
from bench.running.stopping import FEWEST_BLOCKS, ratios, reason_to_stop, widest_interval
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


PRECISE = outcomes({REFERENCE: [4.0, 4.04, 4.0, 4.04, 4.0], OTHER: [2.0, 2.0, 2.02, 2.0, 2.02]})
VAGUE = outcomes({REFERENCE: [4.0] * 5, OTHER: [2.0, 3.0, 1.0, 4.0, 2.0]}, batch_size=20)


def test_all_blocks_are_the_end() -> None:
    assert reason_to_stop(plan(blocks=3), REFERENCE, PRECISE, [1.0] * 2) is None
    assert reason_to_stop(plan(blocks=3), REFERENCE, PRECISE, [1.0] * 3) == "all 3 blocks"
    assert reason_to_stop(plan(blocks=1), REFERENCE, [], [1.0]) == "the one block"


def test_the_wanted_precision_of_every_ratio_is_the_end() -> None:
    wanted = plan(precision=0.02)
    reason = reason_to_stop(wanted, REFERENCE, PRECISE, [1.0] * FEWEST_BLOCKS)
    assert reason is not None
    assert reason.startswith("every ratio within ")
    assert reason_to_stop(wanted, REFERENCE, PRECISE + VAGUE, [1.0] * FEWEST_BLOCKS) is None
    assert reason_to_stop(plan(precision=0.001), REFERENCE, PRECISE, [1.0] * FEWEST_BLOCKS) is None
    assert reason_to_stop(plan(), REFERENCE, PRECISE, [1.0] * FEWEST_BLOCKS) is None


def test_precision_is_not_believed_before_enough_blocks() -> None:
    early = [1.0] * (FEWEST_BLOCKS - 1)
    assert reason_to_stop(plan(precision=0.5), REFERENCE, PRECISE, early) is None


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_stopping_does_not_look_at_the_direction(factor: float) -> None:
    scaled = [
        epochs(one.cell, one.block, one.timings[0].round_seconds[0] * factor)
        if one.cell.implementation == OTHER
        else one
        for one in PRECISE
    ]
    assert widest_interval(scaled, REFERENCE) == pytest.approx(widest_interval(PRECISE, REFERENCE))


def test_a_budget_ends_the_run_before_the_block_that_would_exceed_it() -> None:
    limited = plan(budget_seconds=10.0)
    assert reason_to_stop(limited, REFERENCE, [], [3.0, 3.0]) is None
    reason = reason_to_stop(limited, REFERENCE, [], [3.0, 3.0, 3.0])
    assert reason == "the budget of 10 s: 3 blocks took 9 s and another would exceed it"


def test_ratios_are_taken_under_one_condition_only() -> None:
    other_size = outcomes({OTHER: [1.0] * 5}, batch_size=50)
    found = ratios([*PRECISE, *other_size], REFERENCE)
    assert {(cell.implementation, cell.batch_size) for cell in found} == {(OTHER, 8)}
    assert widest_interval(other_size, REFERENCE) is None
