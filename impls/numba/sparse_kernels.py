"""The compiled training step for data with sparse columns.

It is that of :mod:`impls.numba.kernels`, except that the first layer has a second product, and a
second gradient, with what the sparse columns differ from their background.  ``sparse`` is a
:class:`~impls.numba.sparse_rows.SparseRows`; :mod:`impls.numba.sparse_rows` has the formulas.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

from impls.numba.cache import inlined, inner
from impls.numba.layers import (
    add_loss,
    delta_below,
    delta_of_output,
    gradients,
    outputs,
    prepare,
    product,
)
from impls.numba.sparse_products import (
    add_products,
    add_sparse_gradients,
    background_gradients,
    shifted,
)
from impls.numba.state import BACKWARD, FORWARD, LOSS, PREPARE
from impls.numba.team import is_done
from impls.numba.views import biases, block, sparse_weights, tile_of


@inlined()
def forward(step, net, memory, tile, sparse, first_biases):
    """Outputs of all layers for a tile; ``first_biases`` contain the background."""
    Z = product(step, net, memory, tile, 1)
    add_products(sparse, tile, sparse_weights(net, memory.theta), Z)
    outputs(step, net, tile, 1, Z, first_biases)
    for layer in range(2, net.layers.size):
        Z = product(step, net, memory, tile, layer)
        outputs(step, net, tile, layer, Z, biases(net, memory.theta, layer - 1))


@inlined()
def backward(step, net, memory, tile, sparse):
    """Gradients of a tile, without penalty, added to those of the tiles before it.

    Those of the sparse columns lack the background of all tiles but the first.
    """
    delta_of_output(step, net, memory, tile)
    for layer in range(net.layers.size - 2, -1, -1):
        gradients(step, net, memory, tile, layer)
        if layer:
            delta_below(step, net, memory, tile, layer)
    G = memory.G[tile.buffer]
    if not tile.start:
        background_gradients(sparse, biases(net, G, 0), sparse_weights(net, G), 0)
    delta = block(net, memory.D[tile.buffer], 1, tile)
    add_sparse_gradients(sparse, tile, delta, sparse_weights(net, G))


@inner()
def slice_of_batch(step, share, net, memory, sparse):
    """Run the phases of ``step`` for one part of its rows, tile by tile, while they are needed."""
    G = memory.G[share.buffer]
    first_biases = shifted(sparse, biases(net, memory.theta, 0), sparse_weights(net, memory.theta))
    sums = first_biases  # of the first tile's deltas, once there are any
    memory.sums[share.buffer, 0] = 0
    memory.sums[share.buffer, 1] = 0
    for start in range(0, share.rows.size, net.tile_rows):
        if is_done(memory.meeting, share.stage, share.part):
            return
        tile = tile_of(step, share, net, start)
        if step.phases & PREPARE:
            prepare(step, net, memory, tile)
        if step.phases & FORWARD:
            forward(step, net, memory, tile, sparse, first_biases)
        if step.phases & LOSS:
            add_loss(net, memory, tile)
        if step.phases & BACKWARD:
            backward(step, net, memory, tile, sparse)
            if not start:
                sums = biases(net, G, 0).copy()
    if step.phases & BACKWARD and share.rows.size > net.tile_rows:
        for j in range(sums.size):
            sums[j] = biases(net, G, 0)[j] - sums[j]
        background_gradients(sparse, sums, sparse_weights(net, G), 1)
