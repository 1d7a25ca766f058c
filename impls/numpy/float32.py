"""Rung 1: single precision, and no delta for the input layer.

float32 halves the bytes of every matrix and doubles the numbers per vector instruction; pixels
with 256 levels do not need more.  The delta of the input layer would only be needed to train the
pixels themselves; leaving it out saves a product as large as the largest forward one, and the
sigmoid of every pixel.
"""

from __future__ import annotations

import numpy as np

from impls.numpy import naive as numpy_naive


class Trainer(numpy_naive.Trainer):
    """Rung 0 in float32, with deltas down to the first hidden layer only."""

    dtype = np.float32
    lowest_delta = 1
