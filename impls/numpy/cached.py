"""Rung 5: derivatives from the outputs that the forward pass has kept.

The derivative of the sigmoid is ``s(Z) (1 - s(Z))``.  The forward pass has computed ``A = s(Z)``
and kept it, so the derivative is ``A (1 - A)``.  Those of tanh and ReLU follow from ``A`` too.

What that buys: two of the three exponentials per hidden node and example.  This is the last rung of
the articles.
"""

from __future__ import annotations

from impls.mathematics.functions import SLOPES_FROM_OUTPUT
from impls.numpy import slices as numpy_slices
from impls.parameters import Floats


class Trainer(numpy_slices.Trainer):
    """Rung 4 with slopes from outputs."""

    def delta_below(self, layer: int, delta: Floats) -> Floats:
        slope = SLOPES_FROM_OUTPUT[self.network.activation](self.A[layer][1:])
        return (self.W[layer].T @ delta)[1:] * slope
