"""Rung 1: no delta for the input.

A delta is how the outputs of a layer should change.  The outputs of the input layer are pixels,
which no training changes, so its delta is computed for nothing.

What that buys: the product ``W.T delta`` of the first weights, which is one of the three largest
products of a step.  With it go a copy of the batch under a row of ones and two exponentials per
pixel, where the whole forward pass needs one exponential per node.
"""

from __future__ import annotations

from impls.numpy import naive as numpy_naive


class Trainer(numpy_naive.Trainer):
    """Rung 0 with deltas down to the first hidden layer only."""

    lowest_delta = 1
