"""From stored features to what a network is fed: fitted on training examples, kept with a model.

Examples are worked on in blocks: float64 throughout, yet never a float64 copy of all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from impls.errors import DatasetError, UnknownNameError

Normalisation = Literal["standard", "range", "unit", "none"]

NORMALISATIONS: dict[Normalisation, str] = {
    "standard": "each feature with mean 0 and standard deviation 1",
    "range": "all features together from 0 to 1, such as pixels divided by 255",
    "unit": "each example with a sum of squares of 1",
    "none": "as stored",
}

# A block of MNIST in float64 is 3 MB, which stays in a cache while it is worked on.
_BLOCK = 512


@dataclass(frozen=True, eq=False)
class Normaliser:
    """A normalisation with what it took from the training examples.

    ``mean`` is subtracted from each feature, and ``divisor`` divides it; both are float64 of shape
    ``(features,)``.
    """

    name: Normalisation
    mean: npt.NDArray[np.float64]
    divisor: npt.NDArray[np.float64]

    def apply(self, features: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return ``features``, shape ``(examples, features)``, normalised as float32 in C order.

        A value beyond float32, possible only far away from what was fitted, becomes infinite.

        Raises:
            DatasetError: not as many features as it was fitted on.
        """
        if features.shape[1] != len(self.mean):
            raise DatasetError(
                f"examples with {features.shape[1]} features cannot be normalised as those of the "
                f"training, which have {len(self.mean)}. Use data of the same kind."
            )
        normalised = np.empty(features.shape, dtype=np.float32)
        for start in range(0, len(features), _BLOCK):
            rows = slice(start, start + _BLOCK)
            block = features[rows] - self.mean
            block /= self.divisor
            with np.errstate(over="ignore"):
                normalised[rows] = block
        if self.name == "unit":
            lengths = np.sqrt(np.einsum("ij,ij->i", normalised, normalised, dtype=np.float64))
            normalised /= np.where(lengths > 0, lengths, 1).astype(np.float32)[:, None]
        return normalised


def fit(features: npt.NDArray[Any], name: str = "standard") -> Normaliser:
    """Return the normaliser called ``name`` for training ``features``, ``(examples, features)``.

    Values must be within the range of float32.

    Raises:
        UnknownNameError: no normalisation has that name.
    """
    if name not in NORMALISATIONS:
        raise UnknownNameError("normalisation", name, NORMALISATIONS)
    if name == "standard":
        return Normaliser(name, *_mean_and_deviation(features))
    lowest, extent = 0.0, 1.0
    if name == "range":
        lowest = float(features.min())
        extent = float(features.max()) - lowest or 1.0
    width = features.shape[1]
    return Normaliser(name, np.full(width, lowest), np.full(width, extent))


def _mean_and_deviation(
    features: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return mean and standard deviation of each feature, as scikit-learn's ``StandardScaler``.

    The deviation is that of a population, and 1 for a feature that never changes.
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
    return mean, np.where(constant, 1.0, np.sqrt(variance))
