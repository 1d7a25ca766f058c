"""Rung 7: every result of a batch goes into memory that exists.

``A @ M`` allocates a matrix, and so does each element-wise operation.  Here ``out=`` says where a
result goes, and functions work in place.  The ones are part of the buffers and stay there.

What that buys: fewer page faults and cache misses, and no copy beside a column of ones.
"""

from __future__ import annotations

import numpy as np

from impls.numpy import inplace
from impls.numpy import rows as numpy_rows
from impls.numpy.memory import Batch
from impls.parameters import Floats, Indices, Parameters


class Trainer(numpy_rows.Trainer):
    """Rung 6 with buffers, one set for each size of batch."""

    activations = inplace.ACTIVATIONS

    def bind(self, X: Floats, Y: Floats) -> None:
        super().bind(X, Y)
        self.batches: dict[tuple[int, int], Batch] = {}

    def load(self, parameters: Parameters) -> None:
        super().load(parameters)
        self.G = [np.empty_like(W) for W in self.W]

    def use(self, rows: int, tile: int = 0) -> None:
        """Work on buffers for ``rows`` examples; a batch has one set for each ``tile``."""
        if (tile, rows) not in self.batches:
            self.batches[tile, rows] = Batch(self.network, rows)
        batch = self.batches[tile, rows]
        self.A, self.D, self.T, self.scratch = batch.A, batch.D, batch.T, batch.scratch

    def prepare(self, rows: Indices) -> None:
        self.use(len(rows))
        self.gather(rows)

    def gather(self, rows: Indices) -> None:
        # mode="clip" lets take() write straight into the buffer; rows are always in range.
        np.take(self.X, rows, axis=0, out=self.A[0], mode="clip")
        np.take(self.Y, rows, axis=0, out=self.T, mode="clip")

    def forward(self) -> None:
        for layer in range(1, len(self.W)):
            self.hidden(layer)
        np.matmul(self.A[-2], self.W[-1], out=self.A[-1])
        self.activations[self.network.output](self.A[-1])

    def hidden(self, layer: int) -> None:
        A = self.A[layer]
        np.matmul(self.A[layer - 1], self.W[layer - 1], out=A[:, :-1])
        # The whole buffer is contiguous, its part without the ones is not.
        self.activations[self.network.activation](A)
        A[:, -1] = 1

    def backward(self) -> None:
        self.gradients_into(self.G)
        self.penalise()

    def gradients_into(self, G: list[Floats]) -> None:
        delta = self.output_delta()
        for layer in range(len(G) - 1, 0, -1):
            np.matmul(self.A[layer].T, delta, out=G[layer])
            delta = self.delta_below(layer, delta)
        np.matmul(self.A[0].T, delta, out=G[0])

    def output_delta(self) -> Floats:
        inplace.output_delta(self.network.loss, self.A[-1], self.T, self.D[-1], self.scratch[-1])
        return self.D[-1]

    def delta_below(self, layer: int, delta: Floats) -> Floats:
        below, scratch = self.D[layer - 1], self.scratch[layer - 1]
        np.matmul(delta, self.W[layer].T, out=below)
        inplace.TIMES_SLOPE[self.network.activation](below, self.A[layer], scratch)
        return below[:, :-1]
