"""Dropout masks: which outputs a step drops, the same bits for every implementation.

What happens to an output depends on the seed, the step, its row in the batch, its layer and its
node, and on nothing else: not on the order in which masks are drawn, nor on tiles, threads or
devices.  A generator with a state could not promise that, so the masks are a hash of these
numbers.  It is made of multiplications, shifts and exclusive ors of 32-bit integers, which every
library has and every processor does many at a time.

With ``h`` the hash and all arithmetic modulo ``2**32``:

- step ``s`` has the key ``k = h(h(seed) + s)``, row ``i`` of its batch ``r = h(k + i)``;
- hidden layer ``l = 1, 2, ...`` of ``n`` nodes has ``ceil(n / 2)`` words, word ``w`` the key
  ``c = h(h(l) + w)``;
- ``h(r ^ c)`` has two halves of 16 bits: the low one belongs to node ``w``, the high one to node
  ``ceil(n / 2) + w``;
- a node keeps its output where its half is at least ``rate * 2**16``, rounded.

Steps count the updates since parameters were loaded.  What is kept is multiplied by
``1 / (1 - rate)`` (inverted dropout), so that a trained network is used as it is.

``h`` is lowbias32 (C. Wellons, hash-prospector, 2018, public domain), a one-to-one mapping in
which every bit of the input decides about every bit of the output.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from impls.networks import Network
from impls.parameters import Floats

Words = npt.NDArray[np.uint32]
WordOrWords = TypeVar("WordOrWords", int, Words)

FIRST_FACTOR, SECOND_FACTOR = 0x7FEB352D, 0x846CA68B
FIRST_SHIFT, SECOND_SHIFT, LAST_SHIFT = 16, 15, 16
HALF_BITS = 16
_WORD = 0xFFFFFFFF


def hash_of(x: WordOrWords) -> WordOrWords:
    """Return ``h`` of one number below ``2**32``, or of each word of an array."""
    y: Any = x
    y = y ^ (y >> FIRST_SHIFT)
    y = (y * FIRST_FACTOR) & _WORD
    y = y ^ (y >> SECOND_SHIFT)
    y = (y * SECOND_FACTOR) & _WORD
    return y ^ (y >> LAST_SHIFT)  # type: ignore[no-any-return]  # the operators keep the type


def step_key(seed: int, step: int) -> int:
    """Return the key ``k`` of a step."""
    return hash_of((hash_of(seed & _WORD) + step) & _WORD)


def column_keys(network: Network, layer: int) -> Words:
    """Return the keys ``c`` of hidden layer ``layer = 1, 2, ...``, one per word."""
    words = -(-network.layers[layer] // 2)
    return hash_of(np.arange(words, dtype=np.uint32) + np.uint32(hash_of(layer)))


def threshold(rate: float) -> int:
    """Return the least half of a word with which a node is kept; below ``2**16``."""
    return min(round(rate * (1 << HALF_BITS)), (1 << HALF_BITS) - 1)


def masks(
    network: Network, seed: int, step: int, rows: int, dtype: npt.DTypeLike
) -> list[Floats | None]:
    """Return what the outputs of each layer but the last are multiplied by in a batch of ``rows``.

    Arrays of shape ``(rows, nodes)`` that hold 0 or ``1 / (1 - rate)``; None where nothing is
    dropped, as at the input.
    """
    if not any(network.dropout_rates):
        return [None] * (1 + len(network.dropout_rates))
    row_keys = hash_of(np.arange(rows, dtype=np.uint32) + np.uint32(step_key(seed, step)))
    drawn: list[Floats | None] = [None]
    for layer, rate in enumerate(network.dropout_rates, start=1):
        if not rate:
            drawn.append(None)
            continue
        words = hash_of(row_keys[:, None] ^ column_keys(network, layer))
        halves = np.hstack([words & ((1 << HALF_BITS) - 1), words >> HALF_BITS])
        kept = halves[:, : network.layers[layer]] >= threshold(rate)
        drawn.append(kept.astype(dtype) / (1 - rate))
    return drawn


class MaskDrawer:
    """Masks for up to ``rows`` rows, drawn into buffers that are made once."""

    def __init__(self, network: Network, rows: int) -> None:
        # Compared with the upper half of a word whose lower half is anything.
        self.thresholds = [
            np.uint32(threshold(rate) << HALF_BITS) for rate in (0.0, *network.dropout_rates)
        ]
        self.starts = [0]
        keys: list[Words] = []
        for layer, rate in enumerate(network.dropout_rates, start=1):
            keys.append(column_keys(network, layer)[: None if rate else 0])
            self.starts.append(self.starts[-1] + len(keys[-1]))
        self.column_keys = np.concatenate(keys) if keys else np.empty(0, np.uint32)
        self.count = np.arange(rows, dtype=np.uint32)
        self.row_keys, self.row_scratch = np.empty_like(self.count), np.empty_like(self.count)
        self.words = np.empty((rows, len(self.column_keys)), np.uint32)
        self.scratch = np.empty_like(self.words)

    def draw(self, key: int, first: int) -> None:
        """Draw the words of all layers for the rows from ``first`` on in the step of ``key``."""
        np.add(self.count, np.uint32((key + first) & _WORD), out=self.row_keys)
        _hash_in_place(self.row_keys, self.row_scratch)
        np.bitwise_xor(self.row_keys[:, None], self.column_keys, out=self.words)
        _hash_in_place(self.words, self.scratch)

    def write(self, layer: int, kept: Floats) -> None:
        """Write 1 for what hidden layer ``layer`` keeps and 0 for what it drops, without scale.

        ``kept`` has shape ``(rows, nodes)``.  The words drawn for the layer are used up.
        """
        words = self.words[:, self.starts[layer - 1] : self.starts[layer]]
        low = words.shape[1]
        high = kept.shape[1] - low
        np.greater_equal(words[:, :high], self.thresholds[layer], out=kept[:, low:])
        np.left_shift(words, HALF_BITS, out=words)
        np.greater_equal(words, self.thresholds[layer], out=kept[:, :low])


def _hash_in_place(x: Words, scratch: Words) -> None:
    """Turn each word of ``x`` into its hash."""
    for shift, factor in ((FIRST_SHIFT, FIRST_FACTOR), (SECOND_SHIFT, SECOND_FACTOR)):
        np.right_shift(x, shift, out=scratch)
        np.bitwise_xor(x, scratch, out=x)
        np.multiply(x, factor, out=x)
    np.right_shift(x, LAST_SHIFT, out=scratch)
    np.bitwise_xor(x, scratch, out=x)
