"""Standardisation of features, with the semantics of scikit-learn's ``StandardScaler``.

It works in blocks of examples: float64 throughout, yet never a float64 copy of all examples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# A block of MNIST in float64 is 3 MB, which stays in a cache while it is worked on.
_BLOCK = 512


@dataclass(frozen=True, eq=False)
class Scale:
    """Mean and divisor of each feature, both float64 of shape ``(features,)``."""

    mean: npt.NDArray[np.float64]
    divisor: npt.NDArray[np.float64]


def fit(features: npt.NDArray[Any]) -> Scale:
    """Mean and population standard deviation of ``features``, shape ``(examples, features)``.

    A feature that never changes keeps the divisor 1.  Values must be within the range of float32.
    """
    count = len(features)
    starts = range(0, count, _BLOCK)
    total = np.zeros(features.shape[1])
    for start in starts:
        total += features[start : start + _BLOCK].sum(axis=0, dtype=np.float64)
    mean = total / count
    squares = np.zeros_like(mean)
    for start in starts:
        centred = features[start : start + _BLOCK] - mean
        squares += np.einsum("ij,ij->j", centred, centred)
    variance = squares / count
    # Rounding alone gives a constant feature such as 0.1 a variance; this bounds it.
    epsilon = np.finfo(np.float64).eps
    constant = variance <= count * epsilon * variance + (count * mean * epsilon) ** 2
    return Scale(mean, np.where(constant, 1.0, np.sqrt(variance)))


def apply(features: npt.NDArray[Any], scale: Scale) -> npt.NDArray[np.float32]:
    """``features`` standardised by ``scale``: float32 in C order, the same shape.

    A value beyond float32, possible only far away from what was fitted, becomes infinite.
    """
    standardised = np.empty(features.shape, dtype=np.float32)
    for start in range(0, len(features), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = features[rows] - scale.mean
        block /= scale.divisor
        with np.errstate(over="ignore"):
            standardised[rows] = block
    return standardised
