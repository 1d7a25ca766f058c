"""The matrix product that ``np.dot`` cannot do in compiled kernels: one that adds to its result.

``np.dot`` compiles to Numba's own entry to SciPy's BLAS, with a result that is overwritten.  Called
directly, the entry adds as well: the gradients of one tile after another then need neither a second
array nor another pass over memory.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from impls.numba.cache import compiled

_NUMBERS: Any = types.CPointer(types.float32)
_gemm: Any = types.ExternalFunction(
    "numba_xxgemm",
    types.intc(
        *(types.char,) * 3,  # the kind of numbers, and whether each operand is transposed
        *(types.intp,) * 3,  # rows and columns of the result, and the length of the sums
        *(_NUMBERS, _NUMBERS, types.intp),  # factor, first operand, its stride
        *(_NUMBERS, types.intp),  # second operand
        *(_NUMBERS, _NUMBERS, types.intp),  # factor of what is there, result
    ),
)
_SINGLE, _AS_IT_IS, _TRANSPOSED = ord("s"), ord("n"), ord("t")


@compiled()
def gradient_product(A, D, G, share):
    """Make ``G`` the product ``A.T @ D`` plus ``share``, 0 or 1, times what it was.

    All are float32 in C order.  BLAS counts columns first, so it computes the transpose.
    """
    factors = np.array([1, share], np.float32)
    rows, n_in = A.shape
    n_out = D.shape[1]
    _gemm(
        _SINGLE, _AS_IT_IS, _TRANSPOSED,
        n_out, n_in, rows,
        factors.ctypes, D.ctypes, n_out,
        A.ctypes, n_in,
        factors[1:].ctypes, G.ctypes, n_out,
    )  # fmt: skip
