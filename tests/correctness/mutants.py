"""The reference with one planted bug each, as an author could make it by mistake."""

from __future__ import annotations

import numpy as np

from impls.contract import Loss
from impls.mathematics import reference
from impls.mathematics.functions import output_delta
from impls.parameters import Indices, Parameters


class BiasSumOverWrongAxis(reference.Trainer):
    def backward(self) -> None:
        super().backward()
        self.g = [np.resize(G.sum(axis=1), g.shape) for G, g in zip(self.G, self.g, strict=True)]


class NoBiasGradient(reference.Trainer):
    def backward(self) -> None:
        super().backward()
        self.g[-1] = np.zeros_like(self.g[-1])


class SwappedOperands(reference.Trainer):
    def backward(self) -> None:
        super().backward()
        self.G = [np.ascontiguousarray(G.T).reshape(G.shape) for G in self.G]


class GradientsOfPreviousBatch(reference.Trainer):
    def backward(self) -> None:
        kept = (self.G, self.g) if hasattr(self, "G") else None
        super().backward()
        self.next = self.G, self.g
        self.G, self.g = kept or self.next

    def update(self) -> None:
        super().update()
        self.G, self.g = self.next


class StaleTargets(reference.Trainer):
    """A buffer of targets that is filled once."""

    def prepare(self, rows: Indices) -> None:
        kept = getattr(self, "T", None)
        super().prepare(rows)
        if kept is not None and kept.shape == self.T.shape:
            self.T = kept


class UpdateBeforeBackward(reference.Trainer):
    """Deltas pass through weights that have moved already."""

    def step(self, rows: Indices) -> Loss:
        self.prepare(rows)
        self.forward()
        loss = self.loss()
        self.backward()
        self.update()
        self.backward()
        return loss


class LayersUpdatedOnTheWayBack(reference.Trainer):
    def backward(self) -> None:
        kept = list(self.W)
        super().backward()
        self.W[-1] = self.W[-1] - self.learning_rate * self.G[-1]
        last = self.G[-1], self.g[-1]
        super().backward()
        self.G[-1], self.g[-1] = last
        self.W = kept


class Float16Leak(reference.Trainer):
    def forward(self) -> None:
        self.A[0] = self.A[0].astype(np.float16).astype(np.float64)
        super().forward()


class Float16Weights(reference.Trainer):
    def update(self) -> None:
        super().update()
        self.W = [W.astype(np.float16).astype(np.float64) for W in self.W]


class RegularisedBias(reference.Trainer):
    def backward(self) -> None:
        super().backward()
        self.g = [g + self.training.l2 * b for g, b in zip(self.g, self.b, strict=True)]


class NoPenaltyGradient(reference.Trainer):
    def backward(self) -> None:
        super().backward()
        self.G = [G - self.training.l2 * W for G, W in zip(self.G, self.W, strict=True)]


class NoL1Gradient(reference.Trainer):
    def backward(self) -> None:
        super().backward()
        self.G = [G - self.training.l1 * np.sign(W) for G, W in zip(self.G, self.W, strict=True)]


class NoMomentum(reference.Trainer):
    def update(self) -> None:
        self.memory_of_W = [[np.zeros_like(W)] for W in self.W]
        self.memory_of_b = [[np.zeros_like(b)] for b in self.b]
        super().update()


class MomentumAccumulates(reference.Trainer):
    """The textbook's momentum, where the articles remember the move without it."""

    def update(self) -> None:
        memories = [*self.memory_of_W, *self.memory_of_b]
        before = [memory[0] for memory in memories]
        super().update()
        for memory, old in zip(memories, before, strict=True):
            memory[0] = memory[0] + self.training.momentum * old


class MomentumForgetsBiases(reference.Trainer):
    def update(self) -> None:
        self.memory_of_b = [[np.zeros_like(b)] for b in self.b]
        super().update()


class AveragedGradient(reference.Trainer):
    def backward(self) -> None:
        super().backward()
        self.G = [G / len(self.T) for G in self.G]
        self.g = [g / len(self.T) for g in self.g]


class UphillRate(reference.Trainer):
    def update(self) -> None:
        self.learning_rate = -self.learning_rate
        super().update()
        self.learning_rate = -self.learning_rate


class NoHiddenSlope(reference.Trainer):
    def backward(self) -> None:
        super().backward()
        delta = output_delta(self.network.loss, self.A[-1], self.T) @ self.W[-1].T
        self.G[-2] = self.A[-3].T @ delta + self.training.l2 * self.W[-2]


class NoPenaltyInLoss(reference.Trainer):
    def loss(self) -> Loss:
        return super().loss()._replace(penalty=0.0)


class AveragedLoss(reference.Trainer):
    def loss(self) -> Loss:
        data, penalty, mean_error = super().loss()
        return Loss(float(data) / len(self.T), penalty, mean_error)


class SquaredMeanError(reference.Trainer):
    def loss(self) -> Loss:
        return super().loss()._replace(mean_error=float(np.mean((self.A[-1] - self.T) ** 2)))


class LossAfterUpdate(reference.Trainer):
    def step(self, rows: Indices) -> Loss:
        super().step(rows)
        self.forward()
        return self.loss()


class WrongStartWeights(reference.Trainer):
    def load(self, parameters: Parameters) -> None:
        super().load(parameters)
        self.W[0] = self.W[0] * 1.001


class PhasesRightStepWrong(reference.Trainer):
    """The fast path skips the penalty; the phases that are timed apart do not."""

    def step(self, rows: Indices) -> Loss:
        loss = super().step(rows)
        self.W[0] = self.W[0] + self.learning_rate * self.training.l2 * self.W[0]
        return loss


ALL = tuple(
    found
    for found in list(globals().values())
    if isinstance(found, type) and found.__module__ == __name__
)
