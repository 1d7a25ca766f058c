"""Rung 0: the network as one writes it down first.

Columns are examples.  A row of ones on top of each layer turns the biases into column 0 of the
weights, as in the formula ``Z = W A``.  Five habits make it slow; rungs 1 to 5 end one each:
a delta for the input, float64, a copy of the batch against its order in memory, rows of ones on the
way back, and derivatives computed from scratch.

Source of rungs 0 to 5: the performance articles, steps I to III, that the README names.
"""

from __future__ import annotations

import numpy as np

from impls.contract import Loss
from impls.mathematics import functions as f
from impls.numpy.rung import Rung
from impls.parameters import Floats, Indices


def with_ones(A: Floats) -> Floats:
    """Return ``A``, shape ``(nodes, batch)``, under a row of ones: a new matrix ordered by rows."""
    augmented: Floats = np.ones((A.shape[0] + 1, A.shape[1]), dtype=A.dtype)
    augmented[1:] = A
    return augmented


class Trainer(Rung):
    """Rows of ones both ways, every derivative from scratch, float64."""

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X: Floats = X.astype(self.dtype)
        self.Y: Floats = np.ascontiguousarray(Y.T, dtype=self.dtype)

    def prepare(self, rows: Indices) -> None:
        self.input, self.T = self.X[rows].T, self.Y[:, rows]

    def forward(self) -> None:
        self.Z, self.A = self.layers(self.input, with_ones(self.input))

    def layers(self, X: Floats, A0: Floats) -> tuple[list[Floats], list[Floats]]:
        """Return inputs ``Z`` and outputs ``A`` of all layers; index 0 is the input layer."""
        Z, A = [X], [A0]
        for W in self.W[:-1]:
            Z.append(W @ A[-1])
            A.append(with_ones(f.ACTIVATIONS[self.network.activation](Z[-1])))
        Z.append(self.W[-1] @ A[-1])
        A.append(f.sigmoid(Z[-1]))
        return Z, A

    def loss(self) -> Loss:
        data = f.data_loss(self.network.loss, self.A[-1], self.T)
        penalty = f.penalty(map(self.weights, self.W), self.training.l1, self.training.l2)
        return Loss(data, penalty, float(np.mean(np.abs(self.T - self.A[-1]))))

    def backward(self) -> None:
        delta = f.output_delta(self.network.loss, self.A[-1], self.T)
        self.G = list(self.W)
        for layer in reversed(range(len(self.W))):
            self.G[layer] = delta @ self.A[layer].T
            if layer >= self.lowest_delta:
                delta = self.delta_below(layer, delta)
        self.penalise()

    def delta_below(self, layer: int, delta: Floats) -> Floats:
        """Return the delta of ``layer``, shape ``(nodes, batch)``, from that of the layer above."""
        slope = f.SLOPES_FROM_INPUT[self.network.activation](with_ones(self.Z[layer]))
        return ((self.W[layer].T @ delta) * slope)[1:]

    def update(self) -> None:
        self.updates += 1
        for layer, G in enumerate(self.G):
            move = self.learning_rate * G
            self.W[layer] -= move + self.training.momentum * self.moves[layer]
            self.moves[layer] = move

    def predict(self, X: Floats) -> Floats:
        columns: Floats = X.astype(self.dtype).T
        return np.ascontiguousarray(self.layers(columns, with_ones(columns))[1][-1].T)
