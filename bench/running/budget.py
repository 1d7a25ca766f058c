"""Fit a plan into the time that there is, and say what precision to expect of it."""

from __future__ import annotations

import math

import msgspec
from scipy import stats as distributions

from bench.errors import UsageError
from bench.judging.stats import CONFIDENCE, MINIMUM_PROCESSES
from bench.planning.plan import Effort, Plan
from bench.running.estimate import Pace, block_seconds

MOST_BLOCKS = 200
"""Where precision or a budget decides, so many blocks are scheduled at most."""
SHRINKS = (1.0, 0.5, 0.25, 0.1)
"""Shares of the profile's effort that are tried until enough blocks fit."""


def fit(plan: Plan, at: Pace, budget_seconds: float) -> Plan:
    """``plan`` with as much effort per process as lets enough blocks fit into the budget.

    Several blocks with less effort beat one with more: the process is the unit of inference.

    Raises:
        UsageError: not even one block fits.
    """
    for share in SHRINKS:
        effort = _shrunk(plan.effort, share)
        if fitting(plan, at, effort, budget_seconds) >= MINIMUM_PROCESSES:
            break
    if not fitting(plan, at, effort, budget_seconds):
        raise UsageError(
            f"--budget of {budget_seconds:.0f} s is less than one block of this grid, about "
            f"{block_seconds(plan, at, effort):.0f} s: give more, or fewer implementations, "
            "batch sizes or thread counts"
        )
    effort = msgspec.structs.replace(effort, blocks=MOST_BLOCKS)
    return msgspec.structs.replace(plan, effort=effort, budget_seconds=budget_seconds)


def fitting(plan: Plan, at: Pace, effort: Effort, budget_seconds: float) -> int:
    """How many blocks with ``effort`` fit into the budget."""
    return int(budget_seconds / block_seconds(plan, at, effort))


def expected_half_width(blocks: int, scatter: float) -> float | None:
    """Relative half-width of a ratio's interval after ``blocks`` blocks; None for too few.

    ``scatter`` is the standard deviation of the logarithms of one implementation's times; a
    ratio within a block carries it twice.
    """
    if blocks < MINIMUM_PROCESSES:
        return None
    reach = float(distributions.t.ppf((1 + CONFIDENCE) / 2, blocks - 1))
    return math.expm1(reach * scatter * math.sqrt(2 / blocks))


def _shrunk(effort: Effort, share: float) -> Effort:
    return msgspec.structs.replace(
        effort,
        rounds=max(2, round(effort.rounds * share)),
        epoch_rounds=max(1, round(effort.epoch_rounds * share)),
        cell_seconds=effort.cell_seconds * share,
        warmup_seconds=effort.warmup_seconds * share,
    )
