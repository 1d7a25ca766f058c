"""Rung 4: slices instead of rows of ones on the way back.

``W.T delta`` has one row too many: the first, which belongs to the biases.  Rung 0 puts a row of
ones on ``Z`` so that both matrices have the same shape, multiplies them, and then drops the row.
Dropping it first is a slice, which is a view: nothing is copied.

What that buys: a copy of ``Z`` for each hidden layer, and the derivative of a row of ones.
"""

from __future__ import annotations

from impls.mathematics.functions import SLOPES_FROM_INPUT
from impls.numpy import layout as numpy_layout
from impls.parameters import Floats


class Trainer(numpy_layout.Trainer):
    """Rung 3 with the row of the biases dropped before anything is done to it."""

    def delta_below(self, layer: int, delta: Floats) -> Floats:
        slope = SLOPES_FROM_INPUT[self.network.activation](self.Z[layer])
        return (self.W[layer].T @ delta)[1:] * slope
