"""In which order things are measured, block by block, so that a drifting machine favours none."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def orders(items: Sequence[T], blocks: int, rng: random.Random) -> list[list[T]]:
    """The order of ``items`` in each block.

    Blocks come in pairs: the first has a fresh random order, the second runs it backwards.  An odd
    number of them begins with three arrangements of one random order.  On a machine that gets
    steadily slower or faster, what one of these blocks gives to an item the others take: its
    places add up to the same for every item (to within one, where three arrange an even number).
    The shuffling does the same on average for whatever is less steady.
    """
    found: list[list[T]] = []
    if blocks > 1 and blocks % 2:
        first = rng.sample(items, len(items))
        evens, odds = first[::2][::-1], first[1::2][::-1]
        found += [first, evens + odds, odds + evens]
    while len(found) < blocks:
        there = rng.sample(items, len(items))
        found += [there, there[::-1]]
    return found[:blocks]
