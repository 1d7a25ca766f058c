"""Rung 3: derivatives from cached activations, slices instead of bias rows.

The derivative of the sigmoid is ``A (1 - A)``, and the forward pass has kept ``A``; the same
holds for tanh and ReLU.  That removes two exponentials per hidden node and example.  On the way
back, rows 1 and up of ``W^T delta`` and of ``A`` are views, so no row of ones has to be put on
``Z`` only to be dropped from the result.
"""

from __future__ import annotations

from impls.mathematics.functions import SLOPES_FROM_OUTPUT
from impls.numpy import layout as numpy_layout
from impls.parameters import Floats


class Trainer(numpy_layout.Trainer):
    """Rung 2 with the hidden deltas from what the forward pass left."""

    def delta_below(self, layer: int, delta: Floats) -> Floats:
        outputs = self.A[layer][1:]
        if self.masks[layer] is not None:
            # Dropout has divided what it kept by this.
            outputs = outputs * (1 - self.network.dropout_rates[layer - 1])
        slope = SLOPES_FROM_OUTPUT[self.network.activation](outputs)
        return (self.W[layer].T @ delta)[1:] * slope
