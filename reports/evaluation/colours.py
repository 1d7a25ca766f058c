"""Numbers as colours on a scale with white at 0: blue below, orange above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from reports import pictures

_BELOW, _ZERO, _ABOVE = (
    np.array(colour, np.float64) for colour in ((11, 79, 158), (255, 255, 255), (179, 71, 0))
)
_STEPS = 33


@dataclass(frozen=True)
class Scale:
    """A scale from ``start`` to ``limit``: from ``-limit``, or from 0 where nothing is below it."""

    start: float
    limit: float

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Scale:
        """The scale that holds all ``values``; those that are not finite do not count."""
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        limit = max(abs(low), abs(high))
        return cls(-limit if low < 0 else 0.0, limit)

    def uri(self, values: npt.NDArray[Any]) -> str:
        """``values``, shape ``(height, width)``, as a picture for the ``src`` of an image."""
        return pictures.uri(self.colours(values))

    def colours(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """The colour of each value, shape ``(..., 3)``; what is not finite is white."""
        shares = np.nan_to_num(values.astype(np.float64) / (self.limit or 1.0), posinf=0, neginf=0)
        strength = np.abs(shares)[..., None]
        ends = np.where(shares[..., None] < 0, _BELOW, _ABOVE)
        return np.rint(_ZERO + strength * (ends - _ZERO)).astype(np.uint8)

    def bar(self) -> str:
        """The whole scale from left to right as a picture."""
        return self.uri(np.linspace(self.start, self.limit, _STEPS)[None])
