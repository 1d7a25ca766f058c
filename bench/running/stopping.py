"""When enough has been measured: after the last block, at the wanted precision, or at the budget.

The rule looks at the widths of intervals and at the clock, never at which way a difference points:
stopping as soon as something is significant would find differences where there are none.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from bench.documents.results import Measured, Outcome
from bench.documents.timings import EPOCH
from bench.judging import stats
from bench.planning.plan import Cell, Plan

FEWEST_BLOCKS = 10
"""Precision is not believed earlier: the scatter of a few ratios is itself a guess.

Whoever stops where the interval looks narrow stops where it is too narrow: with a single ratio,
95 % intervals hold the truth in 91.9 % of simulated runs that may end after 5 blocks, in 93.0 %
after 8 and in 93.8 % after 10.  With several ratios, all of which must be precise, it is more.
"""

LATELY = 5
"""What failed in so many blocks in a row is not waited for: others are known well enough."""

Rounds = dict[int, tuple[float, ...]]


def reason_to_stop(
    plan: Plan, reference: str, outcomes: Iterable[Outcome], block_seconds: Sequence[float]
) -> str | None:
    """Why no further block is needed, or None where one is.

    ``reference`` names the implementation to which the others' ratios are taken; ``block_seconds``
    are the durations of the finished blocks.
    """
    blocks = len(block_seconds)
    if blocks >= plan.effort.blocks:
        return f"all {blocks} blocks" if blocks > 1 else "the one block"
    if plan.precision is not None and blocks >= FEWEST_BLOCKS:
        known = list(outcomes)
        if plan.target is None:
            reason = _precise(plan.precision, rounds_of(known), reference, blocks)
        else:
            reason = _learned(plan.precision, known, reference, blocks)
        if reason is not None:
            return reason
    if plan.budget_seconds is not None:
        spent = sum(block_seconds)
        if spent + statistics.median(block_seconds) > plan.budget_seconds:
            return (
                f"the budget of {plan.budget_seconds:.0f} s: {blocks} blocks took {spent:.0f} s "
                "and another would exceed it"
            )
    return None


def _learned(
    precision: float, outcomes: Iterable[Outcome], reference: str, blocks: int
) -> str | None:
    """That times to the target are known well enough, or None where another block may help.

    They are those of the cells that held the target in every training.  Others are not ranked,
    whatever further trainings do: they are counted, not waited for.
    """
    measured = {one.cell for one in outcomes if isinstance(one, Measured)}
    times = times_to_target(outcomes)
    missed = len(measured) - len(times)
    but = f"; {missed} missed the target and {'is' if missed == 1 else 'are'} not ranked"
    if measured and not any(
        cell.implementation != reference and _reference_of(cell, reference, times) for cell in times
    ):
        return f"no time to the target can be compared with one of {reference}{but}"
    reason = _precise(precision, times, reference, blocks)
    return reason and reason + (but if missed else "")


def _precise(
    precision: float, rounds: Mapping[Cell, Rounds], reference: str, blocks: int
) -> str | None:
    """That every ratio is known well enough, or None where further blocks may make one so.

    Ratios are those of ``rounds`` under one condition, paired by block.  One that is not known well
    enough is waited for, even without an interval, as long as its two cells are still measured now
    and then; further blocks would not help any other, and it is counted.
    """
    widest, left = None, 0
    for cell, own in rounds.items():
        theirs = _reference_of(cell, reference, rounds)
        if cell.implementation == reference or not theirs:
            continue
        shared = theirs.keys() & own.keys()
        width = stats.half_width(stats.paired_ratio(theirs, own)) if shared else None
        if width is not None and width <= precision:
            widest = max(width, widest or 0.0)
        elif min(max(theirs), max(own)) >= blocks - LATELY:
            return None
        else:
            left += 1
    if widest is None:
        return None
    but = f", but for {left} not measured in the last {LATELY}" if left else ""
    return f"every ratio within {widest:.1%} after {blocks} blocks{but}"


def rounds_of(outcomes: Iterable[Outcome]) -> Mapping[Cell, Rounds]:
    """Seconds of the epochs of every measured cell by block."""
    rounds: dict[Cell, Rounds] = defaultdict(dict)
    for outcome in outcomes:
        if isinstance(outcome, Measured):
            epochs = (timing for timing in outcome.timings if timing.phase == EPOCH)
            rounds[outcome.cell][outcome.block] = next(epochs).round_seconds
    return rounds


def times_to_target(outcomes: Iterable[Outcome]) -> Mapping[Cell, Rounds]:
    """Seconds of training to the target by block, of the cells that held it in every training."""
    found: dict[Cell, Rounds] = defaultdict(dict)
    missed = set()
    for outcome in outcomes:
        if not isinstance(outcome, Measured):
            continue
        reached = None if outcome.learning is None else outcome.learning.reached_epoch
        if reached is None:
            missed.add(outcome.cell)
        else:
            epochs = next(timing for timing in outcome.timings if timing.phase == EPOCH)
            found[outcome.cell][outcome.block] = (sum(epochs.round_seconds[:reached]),)
    return {cell: times for cell, times in found.items() if cell not in missed}


def ratios(outcomes: Iterable[Outcome], reference: str) -> Mapping[Cell, stats.Ratio]:
    """How many times faster than ``reference`` each measured cell is, where blocks hold both."""
    rounds = rounds_of(outcomes)
    found = {}
    for cell, own in rounds.items():
        other = _reference_of(cell, reference, rounds)
        if cell.implementation != reference and other.keys() & own.keys():
            found[cell] = stats.paired_ratio(other, own)
    return found


def _reference_of(cell: Cell, reference: str, rounds: Mapping[Cell, Rounds]) -> Rounds:
    """Rounds of the reference under the condition of ``cell``, whatever device it runs on."""
    wanted = (cell.network, cell.batch_size, cell.threads, cell.setting)
    for other, found in rounds.items():
        condition = (other.network, other.batch_size, other.threads, other.setting)
        if other.implementation == reference and condition == wanted:
            return found
    return {}
