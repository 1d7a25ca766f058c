"""The compiled training step: what a member of the team does with its rows.

All state is in the named tuples of :mod:`impls.numba.state`.  :mod:`impls.numba.sparse_kernels` is
the same for data with sparse columns.
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
from impls.numba.state import BACKWARD, FORWARD, LOSS, PREPARE
from impls.numba.team import is_done
from impls.numba.views import biases, tile_of


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


@inner()
def slice_of_batch(step, share, net, memory):
    """Run the phases of ``step`` for one part of its rows, tile by tile, while they are needed."""
    memory.sums[share.buffer, 0] = 0
    memory.sums[share.buffer, 1] = 0
    for start in range(0, share.rows.size, net.tile_rows):
        if is_done(memory.meeting, share.stage, share.part):
            return
        tile = tile_of(step, share, net, start)
        if step.phases & PREPARE:
            prepare(step, net, memory, tile)
        if step.phases & FORWARD:
            forward(step, net, memory, tile)
        if step.phases & LOSS:
            add_loss(net, memory, tile)
        if step.phases & BACKWARD:
            backward(step, net, memory, tile)
