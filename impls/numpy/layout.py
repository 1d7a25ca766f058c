"""Rung 3: no copy between row order and column order.

``X[rows].T`` is a matrix ordered by columns, and costs nothing beyond the gather.  Copying it under
a row of ones, into a matrix ordered by rows, reads or writes one of the two against its order in
memory.  At a batch of 20000 this copy takes longer than the matrix product that it prepares.

The remedy: store the ones as a column of ``X``, once.  The gathered batch then contains its row of
ones, and BLAS multiplies matrices of either order equally fast.
"""

from __future__ import annotations

import numpy as np

from impls.numpy import float32 as numpy_float32
from impls.parameters import Floats


class Trainer(numpy_float32.Trainer):
    """Rung 2 with the ones of the input stored beside the pixels."""

    def bind(self, X: Floats, Y: Floats) -> None:
        super().bind(X, Y)
        self.X = np.column_stack([np.ones(len(X), dtype=self.dtype), self.X])

    def forward(self) -> None:
        # Row 0 of the gathered batch holds the ones already.
        self.Z, self.A = self.layers(self.input, self.input)
