"""The machine's own limit: the matrix products of a training step, and nothing else.

Every implementation has to multiply these shapes; this one does only that, with operands that lie
ready and results that go into buffers.  Batches are slices of the data as it lies, so nothing is
gathered.  It does not train, its outputs mean nothing, and it is exempt from the gate.  An
implementation can still be faster than this row: with another library's products, with smaller
pieces that suit the cache better, or by not doing the work at all (sparse input).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from impls import contract
from impls.contract import DENSE_FEATURES, Feature, Loss, Phase
from impls.parameters import Floats, Parameters, Rows


class Trainer(contract.Trainer):
    """Forward products, gradient products and delta products of one batch after another."""

    phases: ClassVar[frozenset[Phase]] = frozenset({"forward", "backward"})
    # Whatever comes between the products, they stay the same.
    features: ClassVar[frozenset[Feature]] = DENSE_FEATURES

    def load(self, parameters: Parameters) -> None:
        self.W = [np.array(W) for W in parameters.weights]
        self.G = [np.empty_like(W) for W in self.W]
        self.buffers: dict[int, tuple[list[Floats], list[Floats]]] = {}

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X = X
        self.start = 0

    def prepare(self, rows: Rows) -> None:
        """Take the next slice of the data in place of the rows, and leave everything in it."""
        if self.start + len(rows) > len(self.X):
            self.start = 0
        X = self.X[self.start : self.start + len(rows)]
        self.start += len(rows)
        if len(rows) not in self.buffers:
            shapes = [(len(rows), nodes) for nodes in self.network.layers[1:]]
            dtype = self.network.dtype
            # Zeros, so that the products of buffers that nothing fills stay finite.
            self.buffers[len(rows)] = (
                [np.zeros(shape, dtype) for shape in shapes],
                [np.zeros(shape, dtype) for shape in shapes],
            )
        outputs, self.D = self.buffers[len(rows)]
        self.A = [X, *outputs]

    def forward(self) -> None:
        for layer, W in enumerate(self.W):
            np.matmul(self.A[layer], W, out=self.A[layer + 1])

    def loss(self) -> Loss:
        return Loss(0.0, 0.0, 0.0)

    def backward(self) -> None:
        for layer in reversed(range(len(self.W))):
            np.matmul(self.A[layer].T, self.D[layer], out=self.G[layer])
            if layer:
                np.matmul(self.D[layer], self.W[layer].T, out=self.D[layer - 1])

    def update(self) -> None:
        """Nothing: weights stay as they are."""

    def step(self, rows: Rows) -> Loss:
        self.prepare(rows)
        self.forward()
        self.backward()
        return self.loss()

    def predict(self, X: Floats) -> Floats:
        """Products without biases or activations."""
        for W in self.W:
            X = X @ W
        return X

    def parameters(self) -> Parameters:
        return Parameters(
            tuple(W.copy() for W in self.W), tuple(np.zeros(W.shape[1], W.dtype) for W in self.W)
        )

    def gradients(self) -> Parameters:
        return Parameters(
            tuple(G.copy() for G in self.G), tuple(np.zeros(G.shape[1], G.dtype) for G in self.G)
        )
