"""The compiled training step: what one thread does with its rows, and how a team is led.

All state is in flat arrays, passed as the named tuples of :mod:`impls.numba.state`.  Numba
compiles every caller of a function anew with all that it calls, so there is a single entry,
:func:`run`.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numba
import numpy as np

from impls.numba.cache import compiled
from impls.numba.dropout import step_key
from impls.numba.layers import backward, block, first_biases, forward, shifted_biases, weight_count
from impls.numba.math import ONE, ZERO, loss_sums, output_delta
from impls.numba.prefetch import LINE, prefetch
from impls.numba.rows import add_outer
from impls.numba.update import corrected_rate, finish

PREPARE, FORWARD, LOSS, BACKWARD = 1, 2, 4, 8
EVERYTHING = PREPARE | FORWARD | LOSS | BACKWARD
PRODUCTS = FORWARD | BACKWARD
"""The phases that call BLAS."""
ROWS_AHEAD = 4
"""So many rows before its turn, an example is asked for."""
SHARED_PARAMETERS = 1 << 16
"""From here on threads share what follows the gradients; it is memory traffic, and they have met
already."""


@compiled()
def team_size(most, rows, least_rows):
    """How many threads share a batch of ``rows``, of which each gets ``least_rows`` or more."""
    return max(1, min(most, rows // least_rows))


@compiled()
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


@compiled()
def slice_of_batch(phases, t, row, rows, net, memory, key, scale):
    """Run ``phases`` for the ``rows`` of thread ``t``, tile by tile; the first is row ``row``.

    ``scale`` is what the loss of an example is multiplied by.  A whole step reuses the memory of
    the first tile; separate phases need that of all tiles.
    """
    A, D, T, G = memory.A[t], memory.D[t], memory.T[t], memory.G[t]
    last = net.layers.size - 1
    biases = shifted_biases(net, memory)
    sums_of_first = biases
    data = error = 0.0
    for start in range(0, rows.size, net.tile_rows):
        count = min(net.tile_rows, rows.size - start)
        first = 0 if phases == EVERYTHING else start
        outputs = block(A, net.layers, last, first, count)
        targets = T[first : first + count]
        examples = rows[start : start + count]
        if phases & PREPARE:
            X = block(A, net.layers, 0, first, count)
            gather(memory.X, memory.Y, rows, start, X, targets)
        if phases & FORWARD:
            forward(net, memory, rows, start, count, A, first, key, row + start, biases)
        if phases & LOSS:
            tile_data, tile_error = loss_sums(net.loss, outputs, targets)
            data += tile_data
            error += tile_error
        if phases & BACKWARD:
            delta = block(D, net.layers, last, first, count)
            output_delta(net.loss, outputs, targets, delta, scale)
            share = ONE if start else ZERO
            backward(net, memory, examples, A, D, first, key, row + start, G, share)
            if not start:
                sums_of_first = first_biases(net, memory, G).copy()
    if phases & BACKWARD and memory.offset and rows.size > net.tile_rows:
        n_out = net.layers[1]
        sparse = G[: memory.offset].reshape(memory.offset // n_out, n_out)
        add_outer(memory.background, first_biases(net, memory, G) - sums_of_first, sparse)
    memory.sums[t, 0] = data
    memory.sums[t, 1] = error


@compiled(parallel=True)
def team_of_threads(team, phases, parts, rows, net, memory, key, scale, weights, rate, rates):
    """Split ``rows`` over ``team`` threads, then the parameters for the ``parts`` that follow."""
    if phases:
        for t in numba.prange(team):
            row = rows.size * t // team
            mine = rows[row : rows.size * (t + 1) // team]
            slice_of_batch(phases, np.int64(t), row, mine, net, memory, key, scale)
    if parts:
        # A store through the tuple itself would be lost: Numba takes it for one that nobody reads.
        size, sums = memory.theta.size, memory.sums
        for t in numba.prange(team):
            sums[t, 2] = finish(
                parts, team, size * t // team, size * (t + 1) // team, weights, rate, memory, rates
            )


@compiled()
def run(phases, parts, most, order, batch_size, updates, net, memory, rates, losses):
    """Run ``phases``, then the ``parts`` of :func:`finish`, for all batches of ``order``.

    ``most`` is the number of threads, ``updates`` counts those since parameters were loaded;
    ``losses`` receives data, penalty and mean error of each batch.
    """
    weights = memory.offset + weight_count(net.layers)
    size = memory.theta.size
    nodes = net.layers[net.layers.size - 1]
    for index in range(losses.shape[0]):
        rows = order[index * batch_size : (index + 1) * batch_size]
        scale = np.float32(1.0 / rows.size) if net.averaged else ONE
        key = step_key(net.seed, updates + index)
        rate = corrected_rate(rates, updates + index + 1)
        team = team_size(most, rows.size, net.least_rows)
        shared = parts if team > 1 and size >= SHARED_PARAMETERS else 0
        if team == 1 and phases:
            slice_of_batch(phases, np.int64(0), np.int64(0), rows, net, memory, key, scale)
        elif team > 1 and (phases or shared):
            team_of_threads(
                team, phases, shared, rows, net, memory, key, scale, weights, rate, rates
            )
        data = error = penalty = 0.0
        if parts and not shared:
            penalty = finish(parts, team, 0, size, weights, rate, memory, rates)
        for t in range(team):
            data += memory.sums[t, 0]
            error += memory.sums[t, 1]
            if shared:
                penalty += memory.sums[t, 2]
        losses[index, 0] = data / rows.size if net.averaged else data
        losses[index, 1] = penalty
        losses[index, 2] = error / (rows.size * nodes)
