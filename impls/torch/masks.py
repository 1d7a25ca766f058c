"""Dropout masks on a device: one hash for the words of all layers, for any number of rows."""

from __future__ import annotations

import numpy as np
import torch

from impls.mathematics.dropout import HALF_BITS, column_keys, threshold
from impls.networks import Network
from impls.torch.functions import Tensor, hash_of


class Masks:
    """Draws what the outputs of the hidden dense layers are multiplied by.

    Rows are known by their keys, ``r`` in ``mathematics.dropout``; rows of several batches can be
    drawn together.
    """

    def __init__(self, network: Network, device: str) -> None:
        self.dtype = getattr(torch, network.dtype)
        self.nodes, self.rates = network.layers[1:-1], network.dropout_rates
        keys = [
            column_keys(network, layer)[: None if rate else 0]
            for layer, rate in enumerate(self.rates, start=1)
        ]
        self.words = [len(part) for part in keys]
        together = np.concatenate(keys) if keys else np.empty(0, np.uint32)
        self.columns = torch.tensor(together.view(np.int32), device=device)

    def draw(self, row_keys: Tensor) -> list[Tensor | None]:
        """Masks of shape ``(rows, nodes)`` that hold 0 or ``1 / (1 - rate)``; None: all is kept."""
        if not any(self.rates):
            return [None] * len(self.rates)
        words = hash_of(row_keys[:, None] ^ self.columns)
        low = (words & ((1 << HALF_BITS) - 1)).split(self.words, 1)
        # The shift brings the sign; what it brings is cut off.
        high = ((words >> HALF_BITS) & ((1 << HALF_BITS) - 1)).split(self.words, 1)
        return [
            self._mask(torch.cat([one, other], 1)[:, :nodes], rate) if rate else None
            for one, other, nodes, rate in zip(low, high, self.nodes, self.rates, strict=True)
        ]

    def _mask(self, halves: Tensor, rate: float) -> Tensor:
        return (halves >= threshold(rate)).to(self.dtype).mul_(1 / (1 - rate))
