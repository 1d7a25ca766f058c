"""The compiled training step: what one thread does with its rows, and how a team is led.

All state is in flat arrays, passed as three named tuples.  Numba compiles every caller of a
function anew with all that it calls, so there is a single entry, :func:`run`.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from impls.functions import PROBABILITY_FLOOR
from impls.numba_math import activate, column_sums, loss_sums, output_delta, times_slope
from impls.parameters import Floats

PREPARE, FORWARD, LOSS, BACKWARD = 1, 2, 4, 8
EVERYTHING = PREPARE | FORWARD | LOSS | BACKWARD
REDUCE, PENALTY, UPDATE = 1, 2, 4
WHOLE_STEP = REDUCE | PENALTY | UPDATE
MINIMUM_ROWS = 32
"""A thread gets at least this many rows of a batch."""
TILE_ROWS = 512
"""Rows that go through the network together, so that their activations stay in the cache."""


class Net(NamedTuple):
    """The network: nodes per layer, activation code per layer above the input, loss code."""

    layers: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int64]
    loss: int


class Memory(NamedTuple):
    """Everything a step reads and writes.

    ``theta`` holds weights, then biases (see :mod:`impls.flat`), ``total`` the gradients in the
    same order, ``previous`` the last move.  The others have one row per thread: ``A`` and ``D``
    activations and deltas, one layer after another, ``T`` targets, ``G`` gradients, ``extra`` those
    of a further tile, ``sums`` data loss and absolute error.
    """

    X: Floats
    Y: Floats
    theta: Floats
    total: Floats
    previous: Floats
    A: Floats
    D: Floats
    T: Floats
    G: Floats
    extra: Floats
    sums: npt.NDArray[np.float64]


class Rates(NamedTuple):
    """Coefficients of the update, in the dtype of the parameters."""

    rate: np.float32
    momentum: np.float32
    l1: np.float32
    l2: np.float32


@numba.njit(cache=True)
def team_size(most, rows):
    """How many threads share a batch of ``rows``."""
    return max(1, min(most, rows // MINIMUM_ROWS))


@numba.njit(cache=True)
def weight_count(layers):
    """How many of the parameters are weights."""
    count = 0
    for layer in range(layers.size - 1):
        count += layers[layer] * layers[layer + 1]
    return count


@numba.njit(cache=True)
def block(buffer, layers, layer, first, rows):
    """The matrix of ``layer`` for ``rows`` rows from row ``first`` on, a view of ``buffer``."""
    below = total = 0
    for index in range(layers.size):
        below += layers[index] if index < layer else 0
        total += layers[index]
    start = buffer.size // total * below + first * layers[layer]
    return buffer[start : start + rows * layers[layer]].reshape(rows, layers[layer])


@numba.njit(cache=True)
def gather(X, Y, rows, A, T):
    """Copy the examples ``rows`` into ``A`` and their targets into ``T``.

    Written as loops: assigning whole rows would compile a shape check with its error message,
    which takes longer to compile than all the rest of this file.
    """
    for i in range(rows.size):
        row = rows[i]
        for j in range(A.shape[1]):
            A[i, j] = X[row, j]
        for j in range(T.shape[1]):
            T[i, j] = Y[row, j]


@numba.njit(cache=True)
def forward(net, theta, A, first, rows):
    """Activations of all layers for the rows of a tile."""
    layers = net.layers
    start, bias = 0, weight_count(layers)
    for layer in range(layers.size - 1):
        n_in, n_out = layers[layer], layers[layer + 1]
        W = theta[start : start + n_in * n_out].reshape(n_in, n_out)
        Z = block(A, layers, layer + 1, first, rows)
        np.dot(block(A, layers, layer, first, rows), W, Z)
        activate(net.codes[layer], Z, theta[bias : bias + n_out])
        start += n_in * n_out
        bias += n_out


@numba.njit(cache=True)
def backward(net, theta, A, D, first, rows, G):
    """Gradients of a tile, without penalty, into ``G``; the output's delta is in ``D`` already."""
    layers = net.layers
    start, bias = weight_count(layers), theta.size
    for layer in range(layers.size - 2, -1, -1):
        n_in, n_out = layers[layer], layers[layer + 1]
        start -= n_in * n_out
        bias -= n_out
        below = block(A, layers, layer, first, rows)
        delta = block(D, layers, layer + 1, first, rows)
        np.dot(below.T, delta, G[start : start + n_in * n_out].reshape(n_in, n_out))
        column_sums(delta, G[bias : bias + n_out])
        if layer > 0:
            W = theta[start : start + n_in * n_out].reshape(n_in, n_out)
            delta_below = block(D, layers, layer, first, rows)
            np.dot(delta, W.T, delta_below)
            times_slope(net.codes[layer - 1], delta_below, below)


@numba.njit(cache=True)
def slice_of_batch(phases, t, rows, net, memory):
    """Run ``phases`` for the ``rows`` of thread ``t``, tile by tile.

    A whole step reuses the memory of the first tile; separate phases need that of all tiles.
    """
    A, D, T, G, extra = memory.A[t], memory.D[t], memory.T[t], memory.G[t], memory.extra[t]
    last = net.layers.size - 1
    data = error = 0.0
    for start in range(0, rows.size, TILE_ROWS):
        count = min(TILE_ROWS, rows.size - start)
        first = 0 if phases == EVERYTHING else start
        outputs = block(A, net.layers, last, first, count)
        targets = T[first : first + count]
        if phases & PREPARE:
            inputs = block(A, net.layers, 0, first, count)
            gather(memory.X, memory.Y, rows[start : start + count], inputs, targets)
        if phases & FORWARD:
            forward(net, memory.theta, A, first, count)
        if phases & LOSS:
            tile_data, tile_error = loss_sums(net.loss, outputs, targets, PROBABILITY_FLOOR)
            data += tile_data
            error += tile_error
        if phases & BACKWARD:
            output_delta(net.loss, outputs, targets, block(D, net.layers, last, first, count))
            backward(net, memory.theta, A, D, first, count, extra if start else G)
            if start:
                for k in range(G.size):
                    G[k] += extra[k]
    memory.sums[t, 0] = data
    memory.sums[t, 1] = error


@numba.njit(cache=True, parallel=True)
def team_of_threads(team, phases, rows, net, memory):
    """Split ``rows`` over ``team`` threads."""
    for t in numba.prange(team):
        mine = rows[rows.size * t // team : rows.size * (t + 1) // team]
        slice_of_batch(phases, np.int64(t), mine, net, memory)


@numba.njit(cache=True, fastmath=True)
def finish(parts, team, weights, memory, rates):
    """Reduce the team's gradients, compute the penalty, update: any of these ``parts``.

    Returns the penalty of the ``weights`` leading parameters as they were before the update.
    """
    theta, total, previous, G = memory.theta, memory.total, memory.previous, memory.G
    if parts & REDUCE:
        for k in range(theta.size):
            total[k] = G[0, k]
        for t in range(1, team):
            for k in range(theta.size):
                total[k] += G[t, k]
        for k in range(weights):
            total[k] += rates.l2 * theta[k] + rates.l1 * np.sign(theta[k])
    squares = magnitudes = 0.0
    if parts & PENALTY:
        for k in range(weights):
            squares += theta[k] * theta[k]
            magnitudes += abs(theta[k])
    if parts & UPDATE:
        for k in range(theta.size):
            move = rates.rate * total[k]
            theta[k] -= move + rates.momentum * previous[k]
            previous[k] = move
    return 0.5 * rates.l2 * squares + rates.l1 * magnitudes


@numba.njit(cache=True)
def run(phases, parts, most, order, batch_size, net, memory, rates, losses):
    """Run ``phases``, then the ``parts`` of :func:`finish`, for all batches of ``order``.

    ``most`` is the number of threads; ``losses`` receives data, penalty and mean error of each
    batch.
    """
    weights = weight_count(net.layers)
    nodes = net.layers[net.layers.size - 1]
    for index in range(losses.shape[0]):
        rows = order[index * batch_size : (index + 1) * batch_size]
        team = team_size(most, rows.size)
        if phases and team == 1:
            slice_of_batch(phases, np.int64(0), rows, net, memory)
        elif phases:
            team_of_threads(team, phases, rows, net, memory)
        penalty = finish(parts, team, weights, memory, rates)
        data = error = 0.0
        for t in range(team):
            data += memory.sums[t, 0]
            error += memory.sums[t, 1]
        losses[index, 0] = data
        losses[index, 1] = penalty
        losses[index, 2] = error / (rows.size * nodes)
