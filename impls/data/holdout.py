"""Which examples are for testing, or are taken, where nobody has said it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from impls.errors import DatasetError

TEST_EVERY = 5

# Chosen examples depend on the data and their number alone, whatever the seed of a training is.
_SEED = 20_017


def every_fifth(labels: npt.NDArray[Any], source: str, remedy: str) -> npt.NDArray[np.bool_]:
    """Return which examples are for testing: every fifth of each class, in their order.

    Raises:
        DatasetError: no class has five examples; ``source`` opens the message, ``remedy`` ends it.
    """
    test = np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        test[np.flatnonzero(labels == label)[TEST_EVERY - 1 :: TEST_EVERY]] = True
    if not test.any():
        raise DatasetError(
            f"{source} has fewer than {TEST_EVERY} examples of every class, too few to keep one "
            f"in {TEST_EVERY} for testing. {remedy}"
        )
    return test


def stratified(labels: npt.NDArray[np.int32], examples: int) -> npt.NDArray[np.intp]:
    """Return the places of ``examples`` examples, in their order, with each class in its share.

    Each class that there is gets at least one.  The same labels and number give the same choice;
    which examples of a class are taken is drawn with a fixed seed, so that an order within a class
    does not show.

    Raises:
        ValueError: fewer examples than classes, or more than there are.
    """
    classes, counts = np.unique(labels, return_counts=True)
    if not len(classes) <= examples <= len(labels):
        raise ValueError(f"{examples} of {len(labels)} examples in {len(classes)} classes")
    exact = counts * (examples / len(labels))
    share = np.maximum(1, np.floor(exact).astype(np.intp))
    # What is left goes where most is missing; what is too much is taken where most is left over.
    while (left := examples - int(share.sum())) != 0:
        can_change = share < counts if left > 0 else share > 1
        most_wrong_first = np.argsort(-np.sign(left) * (exact - share), kind="stable")
        changed = most_wrong_first[can_change[most_wrong_first]][: abs(left)]
        share[changed] += np.sign(left)
    shuffled = np.random.default_rng(_SEED).permutation(len(labels))
    chosen = [
        shuffled[labels[shuffled] == label][:number]
        for label, number in zip(classes, share, strict=True)
    ]
    return np.sort(np.concatenate(chosen))
