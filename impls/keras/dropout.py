"""Dropout in Keras by the masks of ``impls.mathematics``, the same in each of its engines.

PyTorch shifts and multiplies no unsigned words of 32 bits, so there they are signed ones with the
same bits, and what a shift to the right brings in from the left is taken away.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from impls.mathematics import dropout
from impls.mathematics.dropout import Words

Tensor = Any  # the engines' own

WORD = "int32" if keras.backend.backend() == "torch" else "uint32"
"""The type of a word of 32 bits."""


class HashedDropout(keras.layers.Layer):  # type: ignore[misc]  # Keras ships no types
    """Dropout by masks that are drawn inside the graph.

    ``columns`` are the keys of the layer's words; ``updates`` is a variable that counts the updates
    so far.  It belongs to the layer's state, so that functions without state are handed it, too.
    """

    def __init__(
        self, rate: float, seed: int, columns: Words, updates: keras.Variable, **options: Any
    ) -> None:
        super().__init__(**options)
        self.rate, self.seed, self.updates = rate, seed, updates
        self.columns = ops.convert_to_tensor(columns.view(WORD))

    def call(self, inputs: Tensor, *, training: bool = False) -> Tensor:
        """Return the inputs as they are, or in training what is left of them."""
        if not training:
            return inputs
        rows, nodes = ops.shape(inputs)[0], inputs.shape[1]
        seed = word(dropout.hash_of(self.seed & 0xFFFFFFFF))
        key = hash_of(ops.cast(self.updates, WORD) + seed)
        row_keys = hash_of(key + ops.cast(ops.arange(rows, dtype="int32"), WORD))
        words = hash_of(ops.bitwise_xor(row_keys[:, None], self.columns[None]))
        lower = ops.bitwise_and(words, word((1 << dropout.HALF_BITS) - 1))
        upper = shifted(words[:, : nodes - len(self.columns)], dropout.HALF_BITS)
        kept = ops.concatenate([lower, upper], axis=1) >= word(dropout.threshold(self.rate))
        return inputs * (ops.cast(kept, inputs.dtype) / (1 - self.rate))


def word(number: int) -> Any:
    """A number below ``2**32`` as a word, for PyTorch as a number of Python's, which it takes."""
    found = np.array(number, np.uint32).view(WORD)
    return found if WORD == "uint32" else int(found)


def hash_of(x: Tensor) -> Tensor:
    """Return the hash of each word of a tensor."""
    for shift, factor in (
        (dropout.FIRST_SHIFT, dropout.FIRST_FACTOR),
        (dropout.SECOND_SHIFT, dropout.SECOND_FACTOR),
    ):
        x = ops.bitwise_xor(x, shifted(x, shift)) * word(factor)
    return ops.bitwise_xor(x, shifted(x, dropout.LAST_SHIFT))


def shifted(x: Tensor, bits: int) -> Tensor:
    """``x`` to the right with zeros from the left."""
    moved = ops.right_shift(x, word(bits))
    return moved if WORD == "uint32" else ops.bitwise_and(moved, word((1 << (32 - bits)) - 1))
