"""The reference with a planted bug in its epochs, its outputs or the form of what it returns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from impls.contract import Loss
from impls.mathematics import reference
from impls.parameters import Floats, Indices, Parameters, batches


class EpochDropsLastBatch(reference.Trainer):
    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        size = self.training.batch_size
        return super().epoch(order[: len(order) // size * size])


class EpochReportsButDoesNotTrainLastBatch(reference.Trainer):
    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        losses = []
        for rows in batches(order, self.training.batch_size):
            self.prepare(rows)
            self.forward()
            losses.append([float(value) for value in self.loss()])
            self.backward()
            if len(rows) == self.training.batch_size:
                self.update()
        return np.array(losses)


class EpochIgnoresOrder(reference.Trainer):
    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        return super().epoch(np.sort(order))


class EpochWithoutMomentum(reference.Trainer):
    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        losses = []
        for rows in batches(order, self.training.batch_size):
            self.memory_of_W = [[np.zeros_like(W)] for W in self.W]
            losses.append([float(value) for value in self.step(rows)])
        return np.array(losses)


class EpochReportsOneLoss(reference.Trainer):
    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        losses = super().epoch(order)
        losses[0] = losses.sum(axis=0)
        return losses[:1]


class SoftmaxOverExamples(reference.Trainer):
    def layers(self, X: Floats, masks: Sequence[Floats | None] | None = None) -> reference.Passed:
        passed = super().layers(X, masks)
        E = np.exp(passed.Z[-1] - passed.Z[-1].max())
        passed.A[-1] = E / E.sum(axis=0, keepdims=True)
        return passed


class NaNOutput(reference.Trainer):
    def predict(self, X: Floats) -> Floats:
        outputs = super().predict(X)
        outputs[2, 1] = np.nan
        return outputs


class NaNGradient(reference.Trainer):
    def backward(self) -> None:
        super().backward()
        self.g[0][1] = np.nan


class InfiniteLoss(reference.Trainer):
    def loss(self) -> Loss:
        return super().loss()._replace(data=np.inf)


class TransposedOutputs(reference.Trainer):
    def predict(self, X: Floats) -> Floats:
        return super().predict(X).T


class TransposedGradients(reference.Trainer):
    def gradients(self) -> Parameters:
        found = super().gradients()
        return Parameters(tuple(G.T for G in found.weights), found.biases)


class GradientOfOneLayerLess(reference.Trainer):
    def gradients(self) -> Parameters:
        found = super().gradients()
        return Parameters(found.weights[:-1], found.biases[:-1])


ALL = tuple(
    found
    for found in list(globals().values())
    if isinstance(found, type) and found.__module__ == __name__
)
