"""The compiled training step: what one thread does with its rows, and how a team is led.

All state is in the named tuples of :mod:`impls.numba.state`.  Numba compiles every caller of a
function anew with all that it calls, so there is a single entry, :func:`run`.
:mod:`impls.numba.sparse_kernels` is the same for data with sparse columns.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numba
import numpy as np

from impls.numba.cache import compiled, inlined, inner
from impls.numba.layers import (
    add_loss,
    delta_below,
    delta_of_output,
    gradients,
    outputs,
    prepare,
    product,
)
from impls.numba.state import BACKWARD, FORWARD, LOSS, PREPARE, Share
from impls.numba.update import conclude, finish, step_of
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
    """Run the phases of ``step`` for the rows of one thread, tile by tile."""
    memory.sums[share.thread, 0] = 0
    memory.sums[share.thread, 1] = 0
    for start in range(0, share.rows.size, net.tile_rows):
        tile = tile_of(step, share, net, start)
        if step.phases & PREPARE:
            prepare(step, net, memory, tile)
        if step.phases & FORWARD:
            forward(step, net, memory, tile)
        if step.phases & LOSS:
            add_loss(net, memory, tile)
        if step.phases & BACKWARD:
            backward(step, net, memory, tile)


@inner(parallel=True)
def team_of_threads(step, rows, net, memory, rates):
    """Split ``rows`` over the team, then the parameters for what follows the gradients."""
    team, sums = step.team, memory.sums
    if step.phases:
        for t in numba.prange(team):
            thread = np.int64(t)
            first = rows.size * thread // team
            mine = rows[first : rows.size * (thread + 1) // team]
            slice_of_batch(step, Share(thread, first, mine), net, memory)
    if step.shared:
        # A store through the tuple itself would be lost: Numba takes it for one that nobody reads.
        for t in numba.prange(team):
            thread = np.int64(t)
            first, last = net.parameters * thread // team, net.parameters * (thread + 1) // team
            sums[thread, 2] = finish(step, first, last, net, memory, rates)


@compiled()
def run(request, order, net, memory, losses):
    """Carry out ``request`` for all batches of ``order``.

    ``losses`` receives data, penalty and mean error of each batch.
    """
    for index in range(losses.shape[0]):
        rows = order[index * request.batch_size : (index + 1) * request.batch_size]
        step = step_of(request, net, index, rows.size)
        if step.team == 1 and step.phases:
            slice_of_batch(step, Share(0, 0, rows), net, memory)
        elif step.team > 1 and (step.phases or step.shared):
            team_of_threads(step, rows, net, memory, request.rates)
        conclude(step, rows.size, net, memory, request.rates, losses[index])
