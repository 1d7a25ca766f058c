"""The reference with a planted bug in what it drops."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from impls.mathematics import dropout, reference
from impls.parameters import Floats, Indices, batches

Masks = list[Floats | None]


class NothingDropped(reference.Trainer):
    def draw_masks(self, rows: int) -> Masks:
        return [None] * len(self.W)


class NotScaled(reference.Trainer):
    """Dropout that is not inverted: what is kept keeps its size."""

    def draw_masks(self, rows: int) -> Masks:
        return [None if mask is None else np.sign(mask) for mask in super().draw_masks(rows)]


class ScaledByTheRate(reference.Trainer):
    def draw_masks(self, rows: int) -> Masks:
        rates = (0.0, *self.network.dropout_rates)
        found = zip(super().draw_masks(rows), rates, strict=True)
        return [None if mask is None else np.sign(mask) / rate for mask, rate in found]


class KeepsWhatIsToBeDropped(reference.Trainer):
    def draw_masks(self, rows: int) -> Masks:
        return [None if mask is None else mask.max() - mask for mask in super().draw_masks(rows)]


class SameMaskEveryStep(reference.Trainer):
    def draw_masks(self, rows: int) -> Masks:
        return dropout.masks(self.network, self.training.dropout_seed, 0, rows, self.dtype)


class StepsCountFromOne(reference.Trainer):
    def draw_masks(self, rows: int) -> Masks:
        seed = self.training.dropout_seed
        return dropout.masks(self.network, seed, self.updates + 1, rows, self.dtype)


class AnotherSeed(reference.Trainer):
    def draw_masks(self, rows: int) -> Masks:
        return dropout.masks(self.network, 12345, self.updates, rows, self.dtype)


class SameMaskInEveryRow(reference.Trainer):
    def draw_masks(self, rows: int) -> Masks:
        return [None if mask is None else mask[:1] + 0 * mask for mask in super().draw_masks(rows)]


class SameMaskInEveryLayer(reference.Trainer):
    def draw_masks(self, rows: int) -> Masks:
        first, *others = (mask for mask in super().draw_masks(rows) if mask is not None)
        return [None, first, *(np.resize(first.T, mask.T.shape).T for mask in others)]


class RowsCountedAnewHalfway(reference.Trainer):
    """A second tile or thread that draws what the first one drew."""

    def draw_masks(self, rows: int) -> Masks:
        half = rows // 2
        return [
            None if mask is None else np.concatenate([mask[:half], mask[: rows - half]])
            for mask in super().draw_masks(rows)
        ]


class DroppedInPredict(reference.Trainer):
    def predict(self, X: Floats) -> Floats:
        return self.layers(X.astype(self.dtype), self.draw_masks(len(X)))[1][-1]


class NotDroppedOnTheWayBack(reference.Trainer):
    def backward(self) -> None:
        masks = self.masks
        self.masks = [None] * len(self.W)
        super().backward()
        self.masks = masks


class OtherMaskOnTheWayBack(reference.Trainer):
    def backward(self) -> None:
        masks = self.masks
        self.masks = [None if mask is None else np.roll(mask, 1) for mask in masks]
        super().backward()
        self.masks = masks


class ShorterBatchNotDropped(reference.Trainer):
    def draw_masks(self, rows: int) -> Masks:
        full = rows == self.training.batch_size
        return super().draw_masks(rows) if full else [None] * len(self.W)


class StepsCountedAnewEachEpoch(reference.Trainer):
    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        self.updates = 0
        return super().epoch(order)


class EpochDropsTheSameThroughout(reference.Trainer):
    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        losses = []
        for rows in batches(order, self.training.batch_size):
            self.updates = 0
            losses.append([float(value) for value in self.step(rows)])
        return np.array(losses)


ALL = tuple(
    found
    for found in list(globals().values())
    if isinstance(found, type) and found.__module__ == __name__
)
