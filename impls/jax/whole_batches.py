"""An epoch whose full batches are one call, for implementations that compile such a loop."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import numpy.typing as npt

from impls import contract
from impls.parameters import Rows


class Trainer(contract.Trainer):
    """All full batches at once; a shorter last one is a step."""

    @abstractmethod
    def full_batches(self, parts: npt.NDArray[np.integer]) -> npt.NDArray[np.floating]:
        """Train on the rows ``parts``, shape ``(batches, batch)``, in one call.

        Returns the :class:`~impls.contract.Loss` of each batch, shape ``(batches, 3)``.
        """

    def epoch(self, order: Rows) -> npt.NDArray[np.float64]:
        """Full batches in one call, then what is left of ``order``."""
        size = self.training.batch_size
        count = len(order) // size
        losses: list[npt.NDArray[np.floating]] = []
        if count:
            losses.append(self.full_batches(order[: count * size].reshape(count, size)))
        if count * size < len(order):
            rest = self.step(order[count * size :])
            losses.append(np.array([[float(value) for value in rest]]))
        return np.concatenate(losses).astype(np.float64)
