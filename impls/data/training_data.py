"""The data set as implementations, reports and people use it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from impls.data.normalise import Normaliser
from impls.data.raw import RawData, check, content_hash
from impls.errors import DatasetError
from impls.parameters import Floats, read_only

from . import normalise

# Chosen examples depend on the data and their number alone, whatever the seed of a training is.
_SEED = 20_017


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Training and test examples, normalised, with the images they came from.

    ``X`` and ``X_test`` are float32 of shape ``(examples, features)`` in C order and cannot be
    written to.  Both are as ``normaliser`` says, which was fitted on training examples alone.
    ``labels`` and ``labels_test`` have shape ``(examples,)`` and count from 0 to ``classes - 1``;
    ``class_names`` has a name for each.  ``pixels`` and ``pixels_test`` are for pictures: uint8 in
    the shape in which they were stored, mostly ``(examples, height, width)``.  ``sha256``
    identifies the whole data set as it was stored, also after :meth:`take`.  ``note`` is not empty
    where a reader must know something, such as a fallback.
    """

    name: str
    source: str
    X: Floats
    labels: npt.NDArray[np.int32]
    X_test: Floats
    labels_test: npt.NDArray[np.int32]
    pixels: npt.NDArray[np.uint8]
    pixels_test: npt.NDArray[np.uint8]
    classes: int
    sha256: str
    normaliser: Normaliser
    class_names: tuple[str, ...]
    note: str = ""

    def __post_init__(self) -> None:
        # Several trainers share the examples, and none of them may change those of another one.
        for name in ("X", "X_test"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    def one_hot(self, dtype: npt.DTypeLike = np.float32) -> Floats:
        """Return the training labels as targets, shape ``(examples, classes)``."""
        rows: Floats = np.eye(self.classes, dtype=dtype)[self.labels]
        return rows

    def take(self, examples: int) -> TrainingData:
        """Return the same data with only ``examples`` of the training examples.

        Each class keeps its share, and at least one example.  The choice depends on the data and
        on ``examples`` alone, see :func:`stratified`; the order stays.  Test examples and
        normalisation stay those of the whole.

        Raises:
            DatasetError: fewer than there are classes, or more than there are examples.
        """
        present = len(np.unique(self.labels))
        if not present <= examples <= len(self.labels):
            raise DatasetError(
                f"cannot take {examples} training examples of {self.name}: it has "
                f"{len(self.labels)} in {present} classes, of which each keeps at least one. Ask "
                f"for {present} to {len(self.labels)}."
            )
        if examples == len(self.labels):
            return self
        rows = stratified(self.labels, examples)
        return dataclasses.replace(
            self, X=self.X[rows], labels=self.labels[rows], pixels=self.pixels[rows]
        )


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


def from_raw(raw: RawData, normalisation: str | Normaliser = "standard") -> TrainingData:
    """Check and normalise what a reader found.

    ``normalisation`` is a name in :data:`impls.data.normalise.NORMALISATIONS`, or the normaliser
    of a trained network, which must see examples as it has learned them.

    Raises:
        DatasetError: it breaks a rule of :func:`impls.data.raw.check`, does not fit the normaliser,
            or some images are beyond all proportion to those that the normaliser was fitted on.
        UnknownNameError: there is no such normalisation.
    """
    check(raw)
    features = raw.images.reshape(len(raw.images), -1)
    features_test = raw.images_test.reshape(len(raw.images_test), -1)
    if isinstance(normalisation, Normaliser):
        normaliser = normalisation
    else:
        normaliser = normalise.fit(features, normalisation)
    X, X_test = normaliser.apply(features), normaliser.apply(features_test)
    for part, values in (("test", X_test), ("training", X)):
        if not np.isfinite(values).all():
            raise DatasetError(
                f"{raw.source}: some {part} images are so far from those that the normalisation "
                "was fitted on that float32 cannot hold them. Take both from the same data set."
            )
    classes = int(raw.labels.max()) + 1
    darkest, brightest = raw.images.min(), raw.images.max()
    return TrainingData(
        name=raw.name,
        source=raw.source,
        X=X,
        labels=raw.labels.astype(np.int32),
        X_test=X_test,
        labels_test=raw.labels_test.astype(np.int32),
        pixels=_pixels(raw.images, darkest, brightest),
        pixels_test=_pixels(raw.images_test, darkest, brightest),
        classes=classes,
        sha256=content_hash(raw),
        normaliser=normaliser,
        class_names=raw.class_names or tuple(map(str, range(classes))),
        note=raw.note,
    )


def _pixels(
    images: npt.NDArray[Any], darkest: np.number[Any], brightest: np.number[Any]
) -> npt.NDArray[np.uint8]:
    """Return ``images`` as uint8, other types from ``darkest`` to ``brightest`` as 0 to 255."""
    if images.dtype == np.uint8:
        return np.ascontiguousarray(images)
    low, high = float(darkest), float(brightest)
    spread = (images.astype(np.float64) - low) / (high - low or 1.0)
    return np.rint(np.clip(spread, 0, 1) * 255).astype(np.uint8)
