"""What NumPy has no function for, in compiled kernels: a prefetch, and a product that adds."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from impls.numba.cache import compiled

LINE = 64
"""Bytes in a line of the cache."""


def _prefetch(_: Any, address: Any) -> Any:
    """Return type and code of :data:`prefetch`."""

    def code(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        pointer = builder.inttoptr(arguments[0], byte)
        words = [ir.Constant(ir.IntType(32), number) for number in (0, 3, 1)]  # read, keep, data
        kind = ir.FunctionType(ir.VoidType(), [byte, *[word.type for word in words]])
        instruction = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(instruction, [pointer, *words])
        return ir.Constant(byte, None)

    return types.none(address), code


prefetch: Any = intrinsic(_prefetch)
"""Prefetch the line of the cache at an address, without waiting for it.

A processor foresees accesses that go on in steps.  The rows of a shuffled batch lie anywhere, and
each of them would be waited for.
"""

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
def gradient_product(A, D, G, beta):
    """Make ``G`` the product ``A.T @ D`` plus ``beta``, 0 or 1, times what it was.

    ``beta`` is the name of BLAS for the factor of what is there.

    ``np.dot`` compiles to Numba's own entry to SciPy's BLAS, with a result that is overwritten.
    Called directly, the entry adds as well: the gradients of one tile after another then need
    neither a second array nor another pass over memory.

    All are float32 in C order.  BLAS counts columns first, so it computes the transpose.
    """
    factors = np.array([1, beta], np.float32)
    rows, n_in = A.shape
    n_out = D.shape[1]
    _gemm(
        _SINGLE, _AS_IT_IS, _TRANSPOSED,
        n_out, n_in, rows,
        factors.ctypes, D.ctypes, n_out,
        A.ctypes, n_in,
        factors[1:].ctypes, G.ctypes, n_out,
    )  # fmt: skip
