"""Scikit-learn's handwritten digits in the size of MNIST: real data that needs no network."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from impls.data.raw import RawData, every_fifth

SIDE = 28
"""Height and width of the resized images, in pixels."""

EXAMPLES = 60_000
EXAMPLES_TEST = 10_000

# Scikit-learn stores how many of the 16 pixels of a 4 x 4 block are dark.
_DARKEST = 16


def read_digits() -> RawData:
    """Return all digits, resized and repeated to as many examples as MNIST has.

    The same on every machine: neither the split nor the resizing depends on a random number or on
    how floats are rounded.  An image is either among the training or among the test examples.
    """
    # Scikit-learn takes a second to import, and loads thread pools that nothing else needs.
    from sklearn.datasets import load_digits  # noqa: PLC0415

    stored = load_digits()
    images, labels = resize(stored.images.astype(np.int64)), stored.target
    test = every_fifth(labels, first=0)
    train_rows = np.resize(np.flatnonzero(~test), EXAMPLES)
    test_rows = np.resize(np.flatnonzero(test), EXAMPLES_TEST)
    real_test = np.count_nonzero(test)
    return RawData(
        name="digits",
        source="scikit-learn",
        images=images[train_rows],
        labels=labels[train_rows],
        images_test=images[test_rows],
        labels_test=labels[test_rows],
        note=(
            f"{len(labels)} real handwritten digits of 8 x 8 pixels, resized to {SIDE} x {SIDE}: "
            f"{len(labels) - real_test} of them repeated to {EXAMPLES} training examples, the "
            f"other {real_test} repeated to {EXAMPLES_TEST} test examples. The shapes are "
            "MNIST's; the accuracies are not comparable."
        ),
    )


def resize(images: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Enlarge ``(n, side, side)`` images with values 0 to 16 bilinearly, corners on corners.

    Computed in whole numbers: the weights are multiples of ``1 / (SIDE - 1)``.
    """
    side, steps = images.shape[1], SIDE - 1
    place = np.arange(SIDE)[:, None] * (side - 1)
    weights = np.maximum(0, steps - np.abs(place - steps * np.arange(side)))
    enlarged = weights @ images @ weights.T
    whole = _DARKEST * steps * steps
    rounded: npt.NDArray[np.uint8] = ((enlarged * 255 + whole // 2) // whole).astype(np.uint8)
    return rounded
