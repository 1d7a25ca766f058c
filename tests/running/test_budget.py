from __future__ import annotations

import math

import msgspec
import pytest
from bench.running.estimate import Pace, block_seconds

from bench.errors import UsageError
from bench.running import budget
from tests.stand_ins import fakes

PLAN = fakes.plan(
    effort=msgspec.structs.replace(
        fakes.EFFORT, rounds=20, epoch_rounds=10, round_seconds=0.1, cell_seconds=5.0
    )
)
PACE = Pace({8: 0.2, 20: 0.1, 50: 0.1}, scatter=0.02)
BLOCK = block_seconds(PLAN, PACE, PLAN.effort)


def test_a_large_budget_keeps_the_effort_and_buys_blocks() -> None:
    fitted = budget.fit(PLAN, PACE, 20 * BLOCK)
    assert fitted.effort == msgspec.structs.replace(PLAN.effort, blocks=budget.MOST_BLOCKS)
    assert fitted.budget_seconds == 20 * BLOCK
    assert budget.fitting(PLAN, PACE, PLAN.effort, 20 * BLOCK) == 20


def test_a_small_budget_shortens_processes_so_that_three_blocks_fit() -> None:
    fitted = budget.fit(PLAN, PACE, 1.6 * BLOCK)
    assert fitted.effort.cell_seconds < PLAN.effort.cell_seconds
    assert budget.fitting(fitted, PACE, fitted.effort, 1.6 * BLOCK) >= 3


def test_all_of_the_effort_is_kept_where_three_blocks_fit_and_no_more() -> None:
    fitted = budget.fit(PLAN, PACE, 3.01 * BLOCK)
    assert fitted.effort == msgspec.structs.replace(PLAN.effort, blocks=budget.MOST_BLOCKS)


def test_rounds_and_seconds_shrink_by_the_same_share() -> None:
    half = msgspec.structs.replace(
        PLAN.effort, rounds=10, epoch_rounds=5, cell_seconds=2.5, warmup_seconds=5e5
    )
    fitted = budget.fit(PLAN, PACE, 3.01 * block_seconds(PLAN, PACE, half))
    assert fitted.effort == msgspec.structs.replace(half, blocks=budget.MOST_BLOCKS)


def test_the_shortest_process_has_two_rounds_of_the_step_and_one_of_the_epoch() -> None:
    effort = msgspec.structs.replace(PLAN.effort, rounds=4, epoch_rounds=4)
    plan = msgspec.structs.replace(PLAN, effort=effort)
    shortest = msgspec.structs.replace(effort, rounds=2, epoch_rounds=1, cell_seconds=0.5)
    fitted = budget.fit(plan, PACE, 1.01 * block_seconds(plan, PACE, shortest))
    assert (fitted.effort.rounds, fitted.effort.epoch_rounds) == (2, 1)


def test_a_budget_below_one_block_is_refused_with_what_it_would_take() -> None:
    with pytest.raises(UsageError, match=r"--budget of 1 s is less than one block .* about \d+ s"):
        budget.fit(PLAN, PACE, 1.0)


def test_expected_precision_is_that_of_a_t_interval_of_a_ratio() -> None:
    # t(0.975) with 9 degrees of freedom is 2.262; a ratio scatters sqrt(2) times as much.
    expected = math.expm1(2.2622 * 0.02 * math.sqrt(2 / 10))
    assert budget.expected_half_width(10, 0.02) == pytest.approx(expected, rel=1e-4)
    # Three blocks are the fewest: t(0.975) with 2 degrees of freedom is 4.3027.
    fewest = math.expm1(4.3027 * 0.02 * math.sqrt(2 / 3))
    assert budget.expected_half_width(3, 0.02) == pytest.approx(fewest, rel=1e-4)
    assert budget.expected_half_width(2, 0.02) is None
