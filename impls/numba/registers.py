"""Matrix products whose result stays in registers, for layers with few nodes.

BLAS is made for large products: it packs both operands, and its tiles are wider than the layers of
a small network.  Here a tile of a few rows and all columns stays in vector registers while the sums
run over their whole length.  Neither operand is packed, and the result is written once.  Such a
tile is part of one product; those of :mod:`impls.numba.state` go through the whole network.

Examples are read where they lie.  They are given by their numbers, so a shuffled batch needs no
copy.

LLVM finds no such tiles in a loop, so the innermost loop is written in its own language.  On an AMD
EPYC with AVX-512 and one thread, products with 70 columns came to 230 GFLOP/s, those of OpenBLAS to
160, of 245 in its best product.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from impls.numba.cache import inlined, inner
from impls.numba.intrinsics import LINE, prefetch


def _can(feature: str) -> bool:
    """Return whether Numba compiles for a processor with ``feature``, such as ``avx512f``."""
    config: Any = numba.config
    if config.CPU_NAME in {None, "host"} and config.CPU_FEATURES is None:
        return bool(binding.get_host_cpu_features().get(feature))
    return f"+{feature}" in (config.CPU_FEATURES or "").split(",")


LANES = 16 if _can("avx512f") else 8 if _can("avx2") and _can("fma") else 0
"""Numbers in a vector register; 0 where the processor lacks instructions for such kernels."""
_WIDTH = LANES or 4
"""Code is made for any processor, although nothing calls it on one that lacks them."""
VECTORS = 5 if LANES == 16 else 3
"""Vector registers side by side in a tile, at most."""
ROWS = (0, 8, 6, 6, 4, 4) if LANES == 16 else (0, 8, 5, 4)
"""Rows of a tile, by its vectors: as many sums as leave registers for weights and a factor."""
_MOST_ROWS = 16
MOST_BYTES = 1 << 20
"""Weights beyond this leave the second cache; BLAS, which packs them, is faster then."""
LONG = 128
"""The fewest numbers of a row that is worth prefetching."""
ROWS_AHEAD = 8
"""An example is prefetched this many rows before its turn."""

_F32, _I32, _I64 = ir.FloatType(), ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(_F32, _WIDTH)
_MASK = ir.VectorType(ir.IntType(1), _WIDTH)
_POINTER = _VECTOR.as_pointer()
_BYTES = ir.Constant(_I32, 4)
_ZEROS = ir.Constant(_VECTOR, [0.0] * _WIDTH)


class Registers:
    """Writes the code of a tile of ``rows`` rows and ``vectors`` vector registers.

    ``z[r] (+)= sum over k of a[r, k] w[k]`` with ``length`` terms; ``mask`` says which columns of
    the last vector count.
    """

    def __init__(self, builder: ir.IRBuilder, rows: int, vectors: int, mask: Any) -> None:
        self.builder, self.rows, self.vectors = builder, rows, vectors
        self.mask = self.bits(mask)
        kind = f"v{_WIDTH}f32"
        self.read = self._known(
            f"llvm.masked.load.{kind}.p0{kind}", _VECTOR, [_POINTER, _I32, _MASK, _VECTOR]
        )
        self.write = self._known(
            f"llvm.masked.store.{kind}.p0{kind}", ir.VoidType(), [_VECTOR, _POINTER, _I32, _MASK]
        )
        self.fma = self._known(f"llvm.fma.{kind}", _VECTOR, [_VECTOR] * 3)

    def bits(self, number: Any) -> Any:
        """Return the mask of a vector whose lanes are the lowest bits of ``number``."""
        lowest = self.builder.trunc(number, ir.IntType(_WIDTH))
        return self.builder.bitcast(lowest, _MASK)

    def _known(self, name: str, result: Any, arguments: list[Any]) -> Any:
        """Return a function of LLVM; llvmlite has no names for those of vectors."""
        known = self.builder.module.globals.get(name)
        return known or ir.Function(self.builder.module, ir.FunctionType(result, arguments), name)

    def at(self, address: Any, count: Any, step: Any) -> Any:
        """Return the address ``count`` steps further; both may be whole numbers."""
        b, whole = self.builder, lambda x: ir.Constant(_I64, x) if isinstance(x, int) else x
        return b.add(address, b.mul(whole(count), whole(step)))

    def number(self, numbers: Any, place: Any) -> Any:
        """Return a row number from an array of them."""
        b = self.builder
        return b.load(b.inttoptr(self.at(numbers, place, 8), _I64.as_pointer()))

    def load(self, address: Any, keep: Any = None) -> list[Any]:
        """Return the columns of a row, a vector each; those that do not count are 0.

        All are 0 where the bits of ``keep`` are.
        """
        b, values = self.builder, []
        for vector in range(self.vectors):
            pointer = b.inttoptr(self.at(address, vector, 4 * _WIDTH), _POINTER)
            is_last = vector == self.vectors - 1
            if keep is None and not is_last:
                values.append(b.load(pointer, align=4))
                continue
            mask = self.mask if is_last else keep
            mask = b.and_(keep, mask) if is_last and keep is not None else mask
            values.append(b.call(self.read, [pointer, _BYTES, mask, _ZEROS]))
        return values

    def store(self, values: list[Any], address: Any) -> None:
        """Write the columns of a row that count."""
        b = self.builder
        for vector, value in enumerate(values):
            pointer = b.inttoptr(self.at(address, vector, 4 * _WIDTH), _POINTER)
            if vector < self.vectors - 1:
                b.store(value, pointer, align=4)
            else:
                b.call(self.write, [value, pointer, _BYTES, self.mask])

    def factor(self, address: Any) -> Any:
        """Return a vector with the number at ``address`` in every lane."""
        b, unset = self.builder, ir.Constant(_VECTOR, ir.Undefined)
        value = b.load(b.inttoptr(address, _F32.as_pointer()), align=4)
        lanes = ir.Constant(ir.VectorType(_I32, _WIDTH), [0] * _WIDTH)
        first = b.insert_element(unset, value, ir.Constant(_I32, 0))
        return b.shuffle_vector(first, unset, lanes)

    def sums(
        self, old: list[list[Any]], length: Any, term: Callable[[Any], tuple[list[Any], list[Any]]]
    ) -> list[list[Any]]:
        """Return ``old`` with all terms added; ``term`` gives addresses of factors, and weights."""
        b, before = self.builder, self.builder.block
        loop, end = b.append_basic_block(), b.append_basic_block()
        b.branch(loop)
        b.position_at_end(loop)
        k = b.phi(_I64)
        sums = [[b.phi(_VECTOR) for _ in row] for row in old]
        factors, weights = term(k)
        new = []
        for address, row in zip(factors, sums, strict=True):
            factor = self.factor(address)
            new.append(
                [b.call(self.fma, [factor, w, z]) for w, z in zip(weights, row, strict=True)]
            )
        following = b.add(k, ir.Constant(_I64, 1))
        for phi, first, next_ in (
            (k, ir.Constant(_I64, 0), following),
            *(
                sum_
                for rows in zip(sums, old, new, strict=True)
                for sum_ in zip(*rows, strict=True)
            ),
        ):
            phi.add_incoming(first, before)
            phi.add_incoming(next_, loop)
        b.cbranch(b.icmp_signed("<", following, length), loop, end)
        b.position_at_end(end)
        return new


def _product_tile(tile: Registers, arguments: list[Any]) -> None:
    """Write a tile of :func:`product`."""
    a, a_step, numbers, w, w_step, z, z_step, length, _ = arguments
    starts = [tile.at(a, tile.number(numbers, row), a_step) for row in range(tile.rows)]
    sums = tile.sums(
        [[_ZEROS] * tile.vectors] * tile.rows,
        length,
        lambda k: ([tile.at(start, k, 4) for start in starts], tile.load(tile.at(w, k, w_step))),
    )
    for row, values in enumerate(sums):
        tile.store(values, tile.at(z, row, z_step))


def _gradient_tile(tile: Registers, arguments: list[Any]) -> None:
    """Write a tile of :func:`gradient`."""
    a, a_step, numbers, d, d_step, g, g_step, length, kept = arguments
    keep = tile.bits(kept)
    before = [tile.load(tile.at(g, row, g_step), keep) for row in range(tile.rows)]

    def term(k: Any) -> tuple[list[Any], list[Any]]:
        example = tile.at(a, tile.number(numbers, k), a_step)
        factors = [tile.at(example, row, 4) for row in range(tile.rows)]
        return factors, tile.load(tile.at(d, k, d_step))

    for row, values in enumerate(tile.sums(before, length, term)):
        tile.store(values, tile.at(g, row, g_step))


def _tiles(write: Callable[[Registers, list[Any]], None]) -> Any:
    """Return the intrinsic that makes a tile by ``write``, of any vectors and rows in use."""

    def code(context: Any, builder: ir.IRBuilder, _: Any, arguments: Any) -> Any:
        vectors, rows, mask, *others = arguments
        end = builder.append_basic_block()
        size = builder.add(builder.mul(vectors, ir.Constant(_I64, _MOST_ROWS)), rows)
        choice = builder.switch(size, end)
        for count in range(1, VECTORS + 1):
            for together in (ROWS[count], 1):
                block = builder.append_basic_block()
                choice.add_case(ir.Constant(_I64, count * _MOST_ROWS + together), block)
                builder.position_at_end(block)
                write(Registers(builder, together, count, mask), others)
                builder.branch(end)
        builder.position_at_end(end)
        return context.get_dummy_value()

    def kernel(_, vectors, rows, mask, a, a_step, numbers, w, w_step, z, z_step, length, keep):
        return types.none(*(types.int64,) * 12), code

    return intrinsic(kernel)


_make_product, _make_gradient = _tiles(_product_tile), _tiles(_gradient_tile)


@inlined()
def _blocks(columns):
    """Return how many vectors side by side a block of columns has, of as few blocks as possible."""
    vectors = -(-columns // _WIDTH)
    return -(-vectors // -(-vectors // VECTORS))


@inlined()
def _mask(columns, first, vectors):
    """Return the bits of the columns that count in the last of ``vectors`` from ``first`` on."""
    left = columns - first - _WIDTH * (vectors - 1)
    return -1 if left >= _WIDTH else (1 << left) - 1


@inlined()
def prefetch_rows(A, numbers, first, count):
    """Prefetch ``count`` rows of ``A`` into the cache, from number ``first`` on."""
    width = 4 * A.shape[1]
    for i in range(first, min(first + count, numbers.size)):
        start = A.ctypes.data + numbers[i] * width
        for offset in range(0, width, LINE):
            prefetch(start + offset)


@inner()
def product(A, numbers, W, Z):
    """Make row ``i`` of ``Z`` the product of row ``numbers[i]`` of ``A`` and ``W``.

    All are float32 in C order, and ``numbers`` whole numbers of 64 bits.
    """
    rows, columns = Z.shape
    length, a_step, step = W.shape[0], 4 * A.shape[1], 4 * columns
    wide = _blocks(columns)
    for first in range(0, columns, _WIDTH * wide):
        vectors = min(wide, -(-(columns - first) // _WIDTH))
        mask = _mask(columns, first, vectors)
        a, w = A.ctypes.data, W.ctypes.data + 4 * first
        row = 0
        while row < rows:
            n, z = numbers.ctypes.data + 8 * row, Z.ctypes.data + row * step + 4 * first
            if length >= LONG:
                prefetch_rows(A, numbers, row + ROWS_AHEAD, ROWS[vectors])
            together = ROWS[vectors] if row + ROWS[vectors] <= rows else 1
            _make_product(vectors, together, mask, a, a_step, n, w, step, z, step, length, 0)
            row += together


@inner()
def gradient(A, numbers, D, G, beta):
    """Make ``G`` the sum of ``A[numbers[i]].T D[i]`` plus ``beta``, 0 or 1, times what it was.

    All are float32 in C order, and ``numbers`` whole numbers of 64 bits.
    """
    rows, columns = G.shape
    length, a_step, step = D.shape[0], 4 * A.shape[1], 4 * columns
    wide, keep = _blocks(columns), -1 if beta else 0
    n = numbers.ctypes.data
    for first in range(0, columns, _WIDTH * wide):
        vectors = min(wide, -(-(columns - first) // _WIDTH))
        mask = _mask(columns, first, vectors)
        d = D.ctypes.data + 4 * first
        row = 0
        while row < rows:
            a, g = A.ctypes.data + 4 * row, G.ctypes.data + row * step + 4 * first
            together = ROWS[vectors] if row + ROWS[vectors] <= rows else 1
            _make_gradient(vectors, together, mask, a, a_step, n, d, step, g, step, length, keep)
            row += together
