"""Dropout masks as PyTorch draws them: the words that all implementations share.

PyTorch shifts and multiplies no unsigned words of 32 bits, so here they are signed ones with the
same bits, and what a shift to the right brings in from the left is cut off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from impls.mathematics.dropout import (
    FIRST_FACTOR,
    FIRST_SHIFT,
    HALF_BITS,
    LAST_SHIFT,
    SECOND_FACTOR,
    SECOND_SHIFT,
    column_keys,
    step_key,
    threshold,
)
from impls.networks import Network

Tensor = Any  # CI checks types without PyTorch, so its types are left out everywhere
_HALF = (1 << HALF_BITS) - 1


def signed(word: int) -> int:
    """Return the signed number of 32 bits that has the bits of ``word``."""
    return word - (1 << 32) if word >> 31 else word


def hash_of(x: Tensor) -> Tensor:
    """Return the hash of ``impls.mathematics.dropout`` of signed words."""
    for shift, factor in ((FIRST_SHIFT, FIRST_FACTOR), (SECOND_SHIFT, SECOND_FACTOR)):
        x.bitwise_xor_(_shifted(x, shift)).mul_(signed(factor))
    return x.bitwise_xor_(_shifted(x, LAST_SHIFT))


def _shifted(x: Tensor, bits: int) -> Tensor:
    """Return ``x`` to the right with zeros from the left, where PyTorch brings the sign."""
    return (x >> bits) & ((1 << (32 - bits)) - 1)


def columns_of(network: Network) -> list[Tensor]:
    """Return the keys of the words of each hidden layer, empty for a layer without dropout."""
    return [
        torch.from_numpy(column_keys(network, layer)[: None if rate else 0].view(np.int32))
        for layer, rate in enumerate(network.dropout_rates, start=1)
    ]


def row_keys(seed: int, updates: int, first: int, rows: int, device: str = "cpu") -> Tensor:
    """Return the keys of ``rows`` rows of a batch, from row ``first`` on, in the coming update."""
    places = torch.arange(first, first + rows, dtype=torch.int32, device=device)
    return hash_of(places.add_(signed(step_key(seed, updates))))


def mask(columns: Tensor, row_keys: Tensor, nodes: int, rate: float, dtype: Any) -> Tensor:
    """Return what the outputs of a layer are multiplied by: 0 or ``1 / (1 - rate)``."""
    words = hash_of(row_keys[:, None] ^ columns)
    return _kept(words & _HALF, _shifted(words, HALF_BITS), nodes, rate, dtype)


def _kept(lower: Tensor, upper: Tensor, nodes: int, rate: float, dtype: Any) -> Tensor:
    halves = torch.cat([lower, upper], 1)[:, :nodes]
    return (halves >= threshold(rate)).to(dtype).mul_(1 / (1 - rate))


class Masks:
    """Draws the masks of all hidden dense layers from one hash, which is few launches on a device.

    Rows are known by their keys, ``r`` in ``mathematics.dropout``; rows of several batches can be
    drawn together.
    """

    def __init__(self, network: Network, device: str) -> None:
        self.dtype = getattr(torch, network.dtype)
        self.nodes, self.rates = network.layers[1:-1], network.dropout_rates
        columns = columns_of(network)
        self.words = [len(part) for part in columns]
        together = torch.cat(columns) if columns else torch.empty(0, dtype=torch.int32)
        self.columns = together.to(device)

    def draw(self, row_keys: Tensor) -> list[Tensor | None]:
        """Return masks ``(rows, nodes)`` that hold 0 or ``1 / (1 - rate)``; None keeps all."""
        if not any(self.rates):
            return [None] * len(self.rates)
        words = hash_of(row_keys[:, None] ^ self.columns)
        lower = (words & _HALF).split(self.words, 1)
        upper = _shifted(words, HALF_BITS).split(self.words, 1)
        return [
            _kept(low, high, nodes, rate, self.dtype) if rate else None
            for low, high, nodes, rate in zip(lower, upper, self.nodes, self.rates, strict=True)
        ]
