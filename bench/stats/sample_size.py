"""What would answer an open question: how many blocks, with this ratio and this scatter."""

from __future__ import annotations

import math
from bisect import bisect_left

from bench.stats import estimates
from bench.stats.estimates import LEAST_ERROR, Ratio

MOST_BLOCKS = 1000
"""Nobody measures more, so that no larger number is reckoned."""


def blocks_needed(ratio: Ratio, apart: float, p: float) -> float:
    """Return the fewest blocks that tell the size of ``ratio`` from a log ratio of ``apart``.

    ``p`` is the one-sided p that this takes.  Ratio and scatter are taken to stay as they are,
    while the error shrinks with the square root of the number of blocks, and each further block
    adds one degree of freedom.  At least one block more than there are; infinite above
    :data:`MOST_BLOCKS`.
    """
    gap = abs(abs(math.log(ratio.value)) - apart)
    error = max(ratio.error or 0.0, LEAST_ERROR)

    def told_apart(blocks: int) -> bool:
        df = ratio.df + blocks - ratio.processes
        shrunk = error * math.sqrt(ratio.processes / blocks)
        return estimates.quantile(1 - p, df) * shrunk <= gap

    numbers = range(ratio.processes + 1, MOST_BLOCKS + 1)
    place = bisect_left(numbers, 1, key=told_apart)
    return numbers[place] if place < len(numbers) else math.inf


def advice(ratio: Ratio, blocks: float) -> str:
    """Return what the number of ``blocks`` means, in words."""
    if math.isinf(blocks):
        return f"Even {counted(ratio, MOST_BLOCKS)} would hardly settle it."
    return f"About {counted(ratio, int(blocks))} would settle it."


def counted(ratio: Ratio, number: int) -> str:
    """Return a number of blocks, or of processes where the two sides do not share blocks."""
    noun = "block" if ratio.paired else "process on each side"
    plural = "blocks" if ratio.paired else "processes on each side"
    return f"{number} {noun if number == 1 else plural}"
