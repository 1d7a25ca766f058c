"""From stored features to what a network is fed: fitted on training examples, kept with a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from impls.data.standardise import Scale
from impls.errors import DatasetError, UnknownNameError

from . import standardise

Normalisation = Literal["standard", "range", "unit", "none"]

NORMALISATIONS: dict[Normalisation, str] = {
    "standard": "each feature with mean 0 and standard deviation 1",
    "range": "all features together from 0 to 1, such as pixels divided by 255",
    "unit": "each example with a sum of squares of 1",
    "none": "as stored",
}


@dataclass(frozen=True, eq=False)
class Normaliser:
    """A normalisation with what it took from the training examples."""

    name: Normalisation
    scale: Scale

    def apply(self, features: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """``features``, shape ``(examples, features)``, as float32 in C order.

        Raises:
            DatasetError: not as many features as it was fitted on.
        """
        if features.shape[1] != len(self.scale.mean):
            raise DatasetError(
                f"examples with {features.shape[1]} features cannot be normalised as those of the "
                f"training, which have {len(self.scale.mean)}. Use data of the same kind."
            )
        normalised = standardise.apply(features, self.scale)
        if self.name == "unit":
            lengths = np.sqrt(np.einsum("ij,ij->i", normalised, normalised, dtype=np.float64))
            normalised /= np.where(lengths > 0, lengths, 1).astype(np.float32)[:, None]
        return normalised


def fit(features: npt.NDArray[Any], name: str = "standard") -> Normaliser:
    """The normaliser called ``name`` for training ``features``, shape ``(examples, features)``.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in NORMALISATIONS:
        raise UnknownNameError("normalisation", name, NORMALISATIONS)
    if name == "standard":
        return Normaliser(name, standardise.fit(features))
    lowest, extent = 0.0, 1.0
    if name == "range":
        lowest = float(features.min())
        extent = float(features.max()) - lowest or 1.0
    width = features.shape[1]
    return Normaliser(name, Scale(np.full(width, lowest), np.full(width, extent)))
