"""Having memory brought into the cache before it is needed, from compiled kernels.

A processor foresees accesses that go on in steps.  The rows of a shuffled batch lie anywhere, and
each of them would be waited for.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LINE = 64
"""Bytes in a line of the cache."""


def _prefetch(_: Any, address: Any) -> Any:
    """Type and code of :data:`prefetch`, as Numba asks for them."""

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
"""Ask for the line of the cache at an address, without waiting for it."""
