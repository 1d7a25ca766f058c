"""Rung 6: examples are rows, and the ones are the last column.

A gathered batch has one example per row.  From here on all matrices keep that order: the formula
becomes ``Z = A M``, and the last row of ``M`` holds the biases.

What that buys: targets are gathered like examples, as whole rows, and no longer as columns with
each number in another cache line.  The biases are the end of ``M``, so ``M[:-1]`` is one piece of
memory, and the product of the deltas leaves them out instead of dropping its result.  No matrix is
copied to be transposed: BLAS takes ``A.T`` and ``M.T`` by a flag.
"""

from __future__ import annotations

import numpy as np

from impls.mathematics import functions as f
from impls.numpy import cached as numpy_cached
from impls.parameters import Floats, Indices


def with_ones(A: Floats) -> Floats:
    """Return ``A``, shape ``(batch, nodes)``, with a column of ones after its last."""
    augmented: Floats = np.ones((A.shape[0], A.shape[1] + 1), dtype=A.dtype)
    augmented[:, :-1] = A
    return augmented


class Trainer(numpy_cached.Trainer):
    """Rung 5 turned on its side."""

    @staticmethod
    def matrix(W: Floats, b: Floats) -> Floats:
        return np.vstack([W, b])

    @staticmethod
    def weights(M: Floats) -> Floats:
        return M[:-1]

    @staticmethod
    def parts(M: Floats) -> tuple[Floats, Floats]:
        return M[:-1], M[-1]

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X, self.Y = with_ones(X), Y

    def prepare(self, rows: Indices) -> None:
        self.input, self.T = self.X[rows], self.Y[rows]

    def forward(self) -> None:
        self.A = self.outputs(self.input)

    def outputs(self, A0: Floats) -> list[Floats]:
        """Return outputs of all layers; index 0 is the input with its ones."""
        A = [A0]
        for M in self.W[:-1]:
            A.append(with_ones(f.ACTIVATIONS[self.network.activation](A[-1] @ M)))
        A.append(f.sigmoid(A[-1] @ self.W[-1]))
        return A

    def backward(self) -> None:
        delta = f.output_delta(self.network.loss, self.A[-1], self.T)
        self.G = list(self.W)
        for layer in reversed(range(len(self.W))):
            self.G[layer] = self.A[layer].T @ delta
            if layer >= self.lowest_delta:
                delta = self.delta_below(layer, delta)
        self.penalise()

    def delta_below(self, layer: int, delta: Floats) -> Floats:
        slope = f.SLOPES_FROM_OUTPUT[self.network.activation](self.A[layer][:, :-1])
        return (delta @ self.weights(self.W[layer]).T) * slope

    def predict(self, X: Floats) -> Floats:
        return self.outputs(with_ones(X))[-1]
