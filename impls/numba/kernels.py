"""The compiled training step: what a member of the team does with its rows.

All state is in the named tuples of :mod:`impls.numba.state`: ``step``, ``net``, ``memory``,
``share`` and ``tile``.  First stand views of their long vectors, then one layer of a tile, then all
layers forward and back.  With data that have sparse columns, the first layer has a second product,
and a second gradient, by what these columns differ from their background; :mod:`impls.numba.sparse`
has the formulas.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numpy as np

from impls.numba import registers
from impls.numba.cache import inlined, inner
from impls.numba.elementwise import (
    ONE,
    TANH,
    ZERO,
    activate,
    column_sums,
    drop,
    loss_sums,
    output_delta,
    times_slope,
)
from impls.numba.intrinsics import LINE, gradient_product, prefetch
from impls.numba.sparse_products import (
    add_products,
    add_sparse_gradients,
    background_gradients,
    shifted,
)
from impls.numba.state import BACKWARD, FORWARD, LOSS, PREPARE, UP_TO_GRADIENTS, Tile
from impls.numba.team import is_done

ROWS_AHEAD = 4
"""An example is prefetched this many rows before its turn."""


@inlined()
def weights(net, parameters, layer):
    """Return the weights above ``layer``, shape ``(n_in, n_out)``."""
    start, n_in, n_out = net.weight_starts[layer], net.layers[layer], net.layers[layer + 1]
    return parameters[start : start + n_in * n_out].reshape(n_in, n_out)


@inlined()
def sparse_weights(net, parameters):
    """Return the first layer's weights of sparse columns."""
    size, n_out = net.weight_starts[0], net.layers[1]
    return parameters[:size].reshape(size // n_out, n_out)


@inlined()
def biases(net, parameters, layer):
    """Return the biases above ``layer``, shape ``(n_out,)``."""
    start = net.bias_starts[layer]
    return parameters[start : start + net.layers[layer + 1]]


@inlined()
def block(net, buffer, layer, tile):
    """Return the matrix of ``layer`` for a tile, in a ``buffer`` of all layers."""
    starts, nodes = net.node_starts, net.layers[layer]
    rows = buffer.size // starts[net.layers.size]
    start = rows * starts[layer] + tile.place * nodes
    return buffer[start : start + tile.size * nodes].reshape(tile.size, nodes)


@inlined()
def targets(memory, tile):
    """Return the targets of a tile, shape ``(rows, nodes)``."""
    return memory.T[tile.buffer][tile.place : tile.place + tile.size]


@inlined()
def tile_of(step, share, net, start):
    """Return the tile of a share whose first row is number ``start``.

    A whole step reuses the memory of the first tile; separate phases need that of all tiles.
    """
    size = min(net.tile_rows, share.rows.size - start)
    place = 0 if step.phases == UP_TO_GRADIENTS else start
    return Tile(share.buffer, share.rows, start, size, place, share.first + start)


@inlined()
def reads_in_place(step, net):
    """Return whether examples are read where they lie: in a whole step by our own products."""
    return net.in_registers[0] and step.phases == UP_TO_GRADIENTS


@inlined()
def inputs(step, net, memory, tile, layer):
    """Return what is below ``layer + 1``: a matrix, and the numbers of the tile's rows in it."""
    if layer == 0 and reads_in_place(step, net):
        return memory.X, tile.rows[tile.start :]
    return block(net, memory.A[tile.buffer], layer, tile), net.places[: tile.size]


@inner()
def gather(X, Y, rows, start, A, T):
    """Copy the examples ``rows`` from ``start`` on into ``A`` and their targets into ``T``.

    They lie anywhere, and the processor cannot guess which one comes next, so each is prefetched
    some rows ahead.  Written as loops: assigning whole rows would compile a shape check with its
    error message, which takes longer to compile than all the rest of this file.
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
    beta = ONE if tile.start else ZERO
    below, numbers = inputs(step, net, memory, tile, layer)
    delta = block(net, memory.D[tile.buffer], layer + 1, tile)
    G = memory.G[tile.buffer]
    if net.in_registers[layer]:
        registers.gradient(below, numbers, delta, weights(net, G, layer), beta)
    else:
        gradient_product(below, delta, weights(net, G, layer), beta)
    column_sums(delta, biases(net, G, layer), beta)


@inlined()
def delta_below(step, net, memory, tile, layer):
    """Fill the delta of hidden ``layer`` from that of the layer above."""
    D, code, scale = memory.D[tile.buffer], net.codes[layer - 1], net.scales[layer - 1]
    below = block(net, D, layer, tile)
    np.dot(block(net, D, layer + 1, tile), weights(net, memory.theta, layer).T, below)
    times_slope(code, below, block(net, memory.A[tile.buffer], layer, tile), scale)
    if code == TANH:
        drop_layer(step, net, tile, layer, below, ONE)


@inlined()
def forward(step, net, memory, tile):
    """Outputs of all layers for a tile."""
    for layer in range(1, net.layers.size):
        Z = product(step, net, memory, tile, layer)
        outputs(step, net, tile, layer, Z, biases(net, memory.theta, layer - 1))


@inlined()
def backward(step, net, memory, tile):
    """Gradients of a tile, without penalty, added to those of the tiles before it."""
    delta_of_output(step, net, memory, tile)
    for layer in range(net.layers.size - 2, -1, -1):
        gradients(step, net, memory, tile, layer)
        if layer:
            delta_below(step, net, memory, tile, layer)


@inlined()
def forward_with_sparse(step, net, memory, tile, sparse, first_biases):
    """:func:`forward` for sparse columns; ``first_biases`` contain the background."""
    Z = product(step, net, memory, tile, 1)
    add_products(sparse, tile, sparse_weights(net, memory.theta), Z)
    outputs(step, net, tile, 1, Z, first_biases)
    for layer in range(2, net.layers.size):
        Z = product(step, net, memory, tile, layer)
        outputs(step, net, tile, layer, Z, biases(net, memory.theta, layer - 1))


@inlined()
def backward_of_sparse(net, memory, tile, sparse):
    """Gradients of the sparse columns, which lack the background of all tiles but the first."""
    G = memory.G[tile.buffer]
    if not tile.start:
        background_gradients(sparse, biases(net, G, 0), sparse_weights(net, G), 0)
    delta = block(net, memory.D[tile.buffer], 1, tile)
    add_sparse_gradients(sparse, tile, delta, sparse_weights(net, G))


@inner()
def slice_of_batch(step, share, net, memory, sparse):
    """Run the phases of ``step`` for one part of its rows, tile by tile, while they are needed.

    ``sparse`` is None without sparse columns.  Numba then leaves out all that depends on it, but
    not where another condition stands beside.
    """
    if sparse is not None:
        G, theta = memory.G[share.buffer], memory.theta
        first_biases = shifted(sparse, biases(net, theta, 0), sparse_weights(net, theta))
        sums = first_biases  # of the first tile's deltas, once there are any
    memory.sums[share.buffer, 0] = 0
    memory.sums[share.buffer, 1] = 0
    for start in range(0, share.rows.size, net.tile_rows):
        if is_done(memory.sync, share.stage, share.part):
            return
        tile = tile_of(step, share, net, start)
        if step.phases & PREPARE:
            prepare(step, net, memory, tile)
        if step.phases & FORWARD:
            if sparse is None:
                forward(step, net, memory, tile)
            else:
                forward_with_sparse(step, net, memory, tile, sparse, first_biases)
        if step.phases & LOSS:
            add_loss(net, memory, tile)
        if step.phases & BACKWARD:
            backward(step, net, memory, tile)
            if sparse is not None:
                backward_of_sparse(net, memory, tile, sparse)
                if not start:
                    sums = biases(net, G, 0).copy()
    if sparse is not None:  # noqa: SIM102  # see above
        if step.phases & BACKWARD and share.rows.size > net.tile_rows:
            for j in range(sums.size):
                sums[j] = biases(net, G, 0)[j] - sums[j]
            background_gradients(sparse, sums, sparse_weights(net, G), 1)
