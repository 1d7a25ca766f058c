"""What a reader hands over, and the rules it must fulfil before anything is computed from it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from impls.errors import DatasetError

CLASSES_LIMIT = 1000
"""More classes than this are taken for a mistake, such as values given as labels."""

_BRIGHTEST = 255
_APART = 10
TEST_EVERY = 5
"""One in five of each class is for testing where a file names no test examples."""
MANY_SHARED = 0.1
"""Fewer test examples than this share may be in the training set by chance."""


@dataclass(frozen=True, eq=False)
class RawData:
    """Arrays as they were stored; only :func:`check` finds out whether they make sense.

    ``images`` has shape ``(examples, ...)``, usually ``(examples, height, width)``, ``labels`` has
    shape ``(examples,)``; the other two hold the test examples.  ``source`` opens every message.
    ``class_names`` names the classes where labels were stored as text.
    """

    name: str
    source: str
    images: npt.NDArray[Any]
    labels: npt.NDArray[Any]
    images_test: npt.NDArray[Any]
    labels_test: npt.NDArray[Any]
    note: str = ""
    class_names: tuple[str, ...] = ()


def every_fifth(labels: npt.NDArray[Any], first: int = TEST_EVERY - 1) -> npt.NDArray[np.bool_]:
    """Return which examples are for testing: from the ``first`` of each class every fifth."""
    test = np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        test[np.flatnonzero(labels == label)[first::TEST_EVERY]] = True
    return test


def held_out(labels: npt.NDArray[Any], source: str, remedy: str) -> npt.NDArray[np.bool_]:
    """Return :func:`every_fifth` for data without test examples.

    Raises:
        DatasetError: no class has five examples; ``source`` opens the message, ``remedy`` ends it.
    """
    test = every_fifth(labels)
    if not test.any():
        raise DatasetError(
            f"{source} has fewer than {TEST_EVERY} examples of every class, too few to keep one "
            f"in {TEST_EVERY} for testing. {remedy}"
        )
    return test


def check(raw: RawData) -> None:
    """Refuse data that no network could be trained on.

    Raises:
        DatasetError: images that are not finite numbers in float32, labels that do not count
            classes from 0, a single class, test examples of classes that training lacks, pixels
            on two scales, lengths or features that do not match, or no examples at all.
    """
    _check_part(raw.source, "training", raw.images, raw.labels)
    _check_part(raw.source, "test", raw.images_test, raw.labels_test)
    shape, shape_test = raw.images.shape[1:], raw.images_test.shape[1:]
    if shape != shape_test:
        raise DatasetError(
            f"{raw.source}: training images have shape {shape}, test images {shape_test}; both "
            "must have the same. Take both from the same data set."
        )
    lowest, highest = int(raw.labels.min()), int(raw.labels.max())
    begins = lowest >= 0 if raw.class_names else lowest == 0
    if not begins or highest >= CLASSES_LIMIT:
        raise DatasetError(
            f"{raw.source}: training labels run from {lowest} to {highest}; they must start at 0 "
            f"and stay below {CLASSES_LIMIT}. Number the classes 0, 1, 2 and so on."
        )
    if lowest == highest:
        only = raw.class_names[lowest] if raw.class_names else lowest
        raise DatasetError(
            f"{raw.source}: all training examples are of one class, {only}, so that there is "
            "nothing to learn. Check which column or array holds the labels."
        )
    _check_test_classes(raw)
    _check_scales(raw)


def _check_test_classes(raw: RawData) -> None:
    """Refuse test examples of classes that training does not have."""
    highest = int(raw.labels.max())
    lowest_test, highest_test = int(raw.labels_test.min()), int(raw.labels_test.max())
    if not raw.class_names and (lowest_test < 0 or highest_test > highest):
        raise DatasetError(
            f"{raw.source}: test labels run from {lowest_test} to {highest_test}, but training "
            f"labels from {int(raw.labels.min())} to {highest}. Take both from the same data set."
        )
    unknown = np.setdiff1d(raw.labels_test, raw.labels)
    if len(unknown):
        first = raw.class_names[int(unknown[0])] if raw.class_names else unknown[0]
        raise DatasetError(
            f"{raw.source}: test examples have class {first}, but no training example has it. "
            "Take both from the same data set, or leave these test examples out."
        )


def _check_scales(raw: RawData) -> None:
    """Refuse pixels of 0 to 1 in one part and of up to 255 in the other."""
    parts = {"training": raw.images, "test": raw.images_test}
    tops = {part: float(images.max()) for part, images in parts.items()}
    means = {part: float(images.mean(dtype=np.float64)) for part, images in parts.items()}
    low, high = sorted(parts, key=tops.__getitem__)
    if min(float(images.min()) for images in parts.values()) < 0:
        return
    if 0 < tops[low] <= 1 and 1 < tops[high] <= _BRIGHTEST and means[high] > _APART * means[low]:
        raise DatasetError(
            f"{raw.source}: {low} images run from 0 to {tops[low]:g}, {high} images to "
            f"{tops[high]:g}; they must have the same scale. Divide both by the same number."
        )


def scale_note(raw: RawData) -> str:
    """Return that training and test values are of different sizes, where that may be a mistake."""
    means = []
    for part in (raw.images, raw.images_test):
        if part.dtype.kind not in "uif" or not part.size:
            return ""
        # What is too large for a mean is refused by check, with its value.
        with np.errstate(over="ignore", invalid="ignore"):
            means.append(float(np.abs(part).mean(dtype=np.float64)))
    if not (np.isfinite(means).all() and min(means) > 0 and max(means) > _APART * min(means)):
        return ""
    return (
        f"Training values are {means[0]:.3g} on average, test values {means[1]:.3g} (without their "
        "signs): make sure that both have the same scale."
    )


def overlap_note(raw: RawData) -> str:
    """Return how many test examples are training examples as well, where they are many.

    The accuracy on a test set that was not held out is not that on new examples.
    """
    if min(raw.images.ndim, raw.images_test.ndim) < 2 or not raw.images.size:
        return ""
    if raw.images.shape[1:] != raw.images_test.shape[1:] or not raw.images_test.size:
        return ""
    train, test = (part.reshape(len(part), -1) for part in (raw.images, raw.images_test))
    if not {train.dtype.kind, test.dtype.kind} <= set("uif"):
        return ""
    known = {row.tobytes() for row in train.astype(test.dtype, copy=False)}
    shared = sum(row.tobytes() in known for row in test)
    if shared < MANY_SHARED * len(test):
        return ""
    return (
        f"{shared} of {len(test)} test examples are training examples as well, so that the "
        "accuracy on them says little about new ones."
    )


def _check_part(source: str, part: str, images: npt.NDArray[Any], labels: npt.NDArray[Any]) -> None:
    if images.dtype.kind not in "uif" or images.ndim <= 1:
        raise DatasetError(
            f"{source}: {part} images are {images.dtype} of shape {images.shape}; they must be "
            "integers or floats of shape (examples, height, width) or (examples, features). "
            "Convert them."
        )
    if labels.dtype.kind not in "ui" or labels.ndim != 1:
        raise DatasetError(
            f"{source}: {part} labels are {labels.dtype} of shape {labels.shape}; they must be "
            "integers of shape (examples,), one class number each. Convert them."
        )
    if images.size == 0:
        raise DatasetError(
            f"{source}: {part} images have shape {images.shape}, which holds nothing; at least one "
            "example with one feature is needed. Check how the file was written."
        )
    if len(images) != len(labels):
        raise DatasetError(
            f"{source}: {len(images)} {part} images, but {len(labels)} labels; the two "
            "numbers must be equal. Check how the file was written."
        )
    limit = np.finfo(np.float32).max
    # NaN is the minimum and the maximum of whatever contains it, and fails every comparison.
    if not (images.min() >= -limit and images.max() <= limit):
        raise DatasetError(
            f"{source}: {part} images run from {images.min()} to {images.max()}; all values must "
            "be finite numbers within the range of float32. Remove or replace the others."
        )


def content_hash(raw: RawData) -> str:
    """Return the SHA-256 of all four arrays, the same whichever kind of file they came from.

    Types and shapes go in as well.  Labels count as int32 and everything as little-endian, so that
    neither a writer's choice of integer nor a machine's byte order shows.
    """
    digest = hashlib.sha256()
    for array in (
        raw.images,
        raw.labels.astype(np.int32),
        raw.images_test,
        raw.labels_test.astype(np.int32),
    ):
        stored = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{stored.dtype.str} {stored.shape}\n".encode())
        digest.update(stored.data)
    return digest.hexdigest()
