"""The float64 reference: the mathematics and nothing else.

Every implementation is compared with this one before it is timed, so it is written to be checked
by eye: examples in rows, one line per formula, no buffer, no trick.  It is never timed.
"""

from __future__ import annotations

import numpy as np

from impls import contract
from impls.contract import Loss
from impls.functions import (
    ACTIVATIONS,
    SLOPES_FROM_INPUT,
    data_loss,
    output_activation,
    output_delta,
    penalty,
)
from impls.parameters import Floats, Parameters, Rows


class Trainer(contract.Trainer):
    """Plain float64 arithmetic, whatever the network's dtype."""

    def load(self, parameters: Parameters) -> None:
        exact = parameters.astype(np.float64)
        self.W: list[Floats] = list(exact.weights)
        self.b: list[Floats] = list(exact.biases)
        self.V = [np.zeros_like(W) for W in self.W]
        self.v = [np.zeros_like(b) for b in self.b]

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X, self.Y = X, Y

    def prepare(self, rows: Rows) -> None:
        self.A: list[Floats] = [self.X[rows].astype(np.float64)]
        self.T = self.Y[rows].astype(np.float64)

    def forward(self) -> None:
        self.Z, self.A = self._layers(self.A[0])

    def _layers(self, X: Floats) -> tuple[list[Floats], list[Floats]]:
        """Inputs and outputs of all layers for examples ``X``, shape ``(batch, n_0)``."""
        Z: list[Floats] = []
        A = [X]
        for W, b in zip(self.W, self.b, strict=True):
            Z.append(A[-1] @ W + b)
            last = len(Z) == len(self.W)
            A.append(
                output_activation(self.network.output, Z[-1], axis=1)
                if last
                else ACTIVATIONS[self.network.activation](Z[-1])
            )
        return Z, A

    def loss(self) -> Loss:
        outputs = self.A[-1]
        return Loss(
            data_loss(self.network.loss, outputs, self.T),
            penalty(self.W, self.training.l1, self.training.l2),
            float(np.mean(np.abs(outputs - self.T))),
        )

    def backward(self) -> None:
        slope = SLOPES_FROM_INPUT[self.network.activation]
        delta = output_delta(self.network.loss, self.A[-1], self.T)
        self.G: list[Floats] = list(self.W)
        self.g: list[Floats] = list(self.b)
        for layer in reversed(range(len(self.W))):
            W = self.W[layer]
            share = self.training.l2 * W + self.training.l1 * np.sign(W)
            self.G[layer] = self.A[layer].T @ delta + share
            self.g[layer] = delta.sum(axis=0)
            if layer:
                delta = (delta @ W.T) * slope(self.Z[layer - 1])

    def update(self) -> None:
        momentum = self.training.momentum
        for values, gradients, previous in (
            (self.W, self.G, self.V),
            (self.b, self.g, self.v),
        ):
            for i, gradient in enumerate(gradients):
                move = self.learning_rate * gradient
                values[i] = values[i] - (move + momentum * previous[i])
                previous[i] = move

    def predict(self, X: Floats) -> Floats:
        return self._layers(X.astype(np.float64))[1][-1]

    def parameters(self) -> Parameters:
        return Parameters(tuple(self.W), tuple(self.b)).astype(np.float64)

    def gradients(self) -> Parameters:
        return Parameters(tuple(self.G), tuple(self.g)).astype(np.float64)
