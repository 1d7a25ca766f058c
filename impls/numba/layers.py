"""One layer of a tile, forward and back, in compiled kernels.

``step``, ``net``, ``memory`` and ``tile`` are those of :mod:`impls.numba.state`.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numpy as np

from impls.numba import registers
from impls.numba.blas import gradient_product
from impls.numba.cache import inlined, inner
from impls.numba.dropout import drop
from impls.numba.elementwise import (
    ONE,
    TANH,
    ZERO,
    activate,
    column_sums,
    loss_sums,
    output_delta,
    times_slope,
)
from impls.numba.prefetch import LINE, prefetch
from impls.numba.state import EVERYTHING
from impls.numba.views import biases, block, targets, weights

ROWS_AHEAD = 4
"""An example is prefetched this many rows before its turn."""


@inlined()
def reads_in_place(step, net):
    """Whether examples are read where they lie, not gathered: a whole step by our own products."""
    return net.in_registers[0] and step.phases == EVERYTHING


@inlined()
def inputs(step, net, memory, tile, layer):
    """What is below ``layer + 1``: a matrix, and the numbers of the tile's rows in it."""
    if layer == 0 and reads_in_place(step, net):
        return memory.X, tile.rows[tile.start :]
    return block(net, memory.A[tile.buffer], layer, tile), net.places[: tile.size]


@inner()
def gather(X, Y, rows, start, A, T):
    """Copy the examples ``rows`` from ``start`` on into ``A`` and their targets into ``T``.

    They lie anywhere, so the processor cannot guess which one comes next, and is told some rows
    ahead.  Written as loops: assigning whole rows would compile a shape check with its error
    message, which takes longer to compile than all the rest of this file.
    """
    width = X.shape[1] * X.itemsize
    for i in range(A.shape[0]):
        row = rows[start + i]
        if start + i + ROWS_AHEAD < rows.size:
            begin = X.ctypes.data + rows[start + i + ROWS_AHEAD] * width
            for offset in range(0, width, LINE):
                prefetch(begin + offset)
        for j in range(A.shape[1]):
            A[i, j] = X[row, j]
        for j in range(T.shape[1]):
            T[i, j] = Y[row, j]


@inner()
def gather_targets(Y, rows, start, T):
    """Copy the targets of the examples ``rows`` from ``start`` on into ``T``."""
    for i in range(T.shape[0]):
        for j in range(T.shape[1]):
            T[i, j] = Y[rows[start + i], j]


@inlined()
def prepare(step, net, memory, tile):
    """Gather a tile, or its targets alone."""
    if reads_in_place(step, net):
        gather_targets(memory.Y, tile.rows, tile.start, targets(memory, tile))
    else:
        X = block(net, memory.A[tile.buffer], 0, tile)
        gather(memory.X, memory.Y, tile.rows, tile.start, X, targets(memory, tile))


@inlined()
def product(step, net, memory, tile, layer):
    """Fill ``layer`` with the product of the layer below and its weights; returns the matrix."""
    Z = block(net, memory.A[tile.buffer], layer, tile)
    W = weights(net, memory.theta, layer - 1)
    A, numbers = inputs(step, net, memory, tile, layer - 1)
    if net.in_registers[layer - 1]:
        registers.product(A, numbers, W, Z)
    else:
        np.dot(A, W, Z)
    return Z


@inlined()
def outputs(step, net, tile, layer, Z, b):
    """Turn ``Z``, the products of ``layer``, into its outputs with biases ``b``."""
    activate(net.codes[layer - 1], Z, b)
    if layer < net.layers.size - 1:
        drop_layer(step, net, tile, layer, Z, net.scales[layer - 1])


@inlined()
def drop_layer(step, net, tile, layer, A, scale):
    """Drop what the step drops of ``A``, outputs of hidden ``layer``; scale the rest."""
    hidden = layer - 1
    if net.thresholds[hidden]:
        columns = net.columns[net.column_starts[hidden] : net.column_starts[hidden + 1]]
        drop(A, step.key, tile.first, columns, net.thresholds[hidden], scale)


@inlined()
def add_loss(net, memory, tile):
    """Add data loss and absolute error of a tile to those of its thread."""
    last = net.layers.size - 1
    A = block(net, memory.A[tile.buffer], last, tile)
    data, error = loss_sums(net.loss, A, targets(memory, tile))
    memory.sums[tile.buffer, 0] += data
    memory.sums[tile.buffer, 1] += error


@inlined()
def delta_of_output(step, net, memory, tile):
    """Fill the delta of the output."""
    last = net.layers.size - 1
    A = block(net, memory.A[tile.buffer], last, tile)
    delta = block(net, memory.D[tile.buffer], last, tile)
    output_delta(net.loss, A, targets(memory, tile), delta, step.scale)


@inlined()
def gradients(step, net, memory, tile, layer):
    """Gradients of weights and biases above ``layer``, added to those of the tiles before."""
    share = ONE if tile.start else ZERO
    below, numbers = inputs(step, net, memory, tile, layer)
    delta = block(net, memory.D[tile.buffer], layer + 1, tile)
    G = memory.G[tile.buffer]
    if net.in_registers[layer]:
        registers.gradient(below, numbers, delta, weights(net, G, layer), share)
    else:
        gradient_product(below, delta, weights(net, G, layer), share)
    column_sums(delta, biases(net, G, layer), share)


@inlined()
def delta_below(step, net, memory, tile, layer):
    """Fill the delta of hidden ``layer`` from that of the layer above."""
    D, code, scale = memory.D[tile.buffer], net.codes[layer - 1], net.scales[layer - 1]
    below = block(net, D, layer, tile)
    np.dot(block(net, D, layer + 1, tile), weights(net, memory.theta, layer).T, below)
    times_slope(code, below, block(net, memory.A[tile.buffer], layer, tile), scale)
    if code == TANH:
        drop_layer(step, net, tile, layer, below, ONE)
