"""The masks of ``impls.mathematics`` in compiled kernels: drawn where they are applied, never kept.

A hash is a dozen integer instructions on as many words as a vector register holds, which is no
more than reading a stored mask would cost.  The loops are written so that they become such
instructions: every result is cut back to the 32 bits that Numba widens to 64, indices start at 0,
and each half of the nodes has a loop of its own that hashes again rather than store words.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numba
import numpy as np

from impls.mathematics import dropout
from impls.numba.cache import inner

_ZERO = np.float32(0)
_FIRST_FACTOR, _SECOND_FACTOR = np.uint32(dropout.FIRST_FACTOR), np.uint32(dropout.SECOND_FACTOR)
_FIRST_SHIFT, _SECOND_SHIFT, _LAST_SHIFT, _HALF_BITS = (
    np.uint32(dropout.FIRST_SHIFT),
    np.uint32(dropout.SECOND_SHIFT),
    np.uint32(dropout.LAST_SHIFT),
    np.uint32(dropout.HALF_BITS),
)


@numba.njit(inline="always")
def hash_of(x):
    """The hash of a word."""
    x = np.uint32(x ^ np.uint32(x >> _FIRST_SHIFT))
    x = np.uint32(x * _FIRST_FACTOR)
    x = np.uint32(x ^ np.uint32(x >> _SECOND_SHIFT))
    x = np.uint32(x * _SECOND_FACTOR)
    return np.uint32(x ^ np.uint32(x >> _LAST_SHIFT))


@inner()
def step_key(seed, step):
    """The key of a step, from which those of its rows follow."""
    return hash_of(np.uint32(hash_of(np.uint32(seed)) + np.uint32(step)))


@inner()
def drop(A, key, first, columns, threshold, scale):
    """Set to 0 what the step of ``key`` drops of ``A``, shape ``(rows, nodes)``; scale the rest.

    ``first`` is the number of the first row in the batch, ``columns`` are the keys of the layer's
    words, and ``threshold`` stands in the upper half of a word.
    """
    low = columns.size
    for i in range(A.shape[0]):
        row = hash_of(np.uint32(key + np.uint32(first + i)))
        lower, upper = A[i, :low], A[i, low:]
        for w in range(lower.size):
            x = np.uint32(hash_of(np.uint32(row ^ columns[w])) << _HALF_BITS)
            lower[w] = lower[w] * scale if x >= threshold else _ZERO
        for w in range(upper.size):
            x = hash_of(np.uint32(row ^ columns[w]))
            upper[w] = upper[w] * scale if x >= threshold else _ZERO
