"""Where things are: weights, biases and outputs as views of long vectors, in compiled kernels.

``net`` and ``tile`` are those of :mod:`impls.numba.state`.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

from impls.numba.cache import inlined
from impls.numba.state import EVERYTHING, Tile


@inlined()
def weights(net, parameters, layer):
    """Those of ``parameters`` that are the weights above ``layer``, shape ``(n_in, n_out)``."""
    start, n_in, n_out = net.weight_starts[layer], net.layers[layer], net.layers[layer + 1]
    return parameters[start : start + n_in * n_out].reshape(n_in, n_out)


@inlined()
def sparse_weights(net, parameters):
    """Those of ``parameters`` that are the first layer's weights of sparse columns."""
    size, n_out = net.weight_starts[0], net.layers[1]
    return parameters[:size].reshape(size // n_out, n_out)


@inlined()
def biases(net, parameters, layer):
    """Those of ``parameters`` that are the biases above ``layer``, shape ``(n_out,)``."""
    start = net.bias_starts[layer]
    return parameters[start : start + net.layers[layer + 1]]


@inlined()
def block(net, buffer, layer, tile):
    """The matrix of ``layer`` for the rows of a tile, in a thread's ``buffer`` of all layers."""
    starts, nodes = net.node_starts, net.layers[layer]
    rows = buffer.size // starts[net.layers.size]
    start = rows * starts[layer] + tile.place * nodes
    return buffer[start : start + tile.size * nodes].reshape(tile.size, nodes)


@inlined()
def targets(memory, tile):
    """The targets of a tile, shape ``(rows, nodes)``."""
    return memory.T[tile.buffer][tile.place : tile.place + tile.size]


@inlined()
def tile_of(step, share, net, start):
    """The tile of a share whose first row is number ``start``.

    A whole step reuses the memory of the first tile; separate phases need that of all tiles.
    """
    size = min(net.tile_rows, share.rows.size - start)
    place = 0 if step.phases == EVERYTHING else start
    return Tile(share.buffer, share.rows, start, size, place, share.first + start)
