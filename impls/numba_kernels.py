"""The compiled training step: what one thread does with its rows, and how a team is led.

All state is in flat arrays.  ``theta`` holds weights, then biases (see :mod:`impls.flat`);
``A[t]`` and ``D[t]`` hold the activations and deltas of thread ``t``, one layer after another;
``G[t]`` its gradients.  ``layers`` are the node counts, ``codes`` the activation per layer.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numba
import numpy as np

from impls.functions import PROBABILITY_FLOOR
from impls.numba_math import activate, loss_sums, output_delta, times_slope

PREPARE, FORWARD, LOSS, BACKWARD = 1, 2, 4, 8
EVERYTHING = PREPARE | FORWARD | LOSS | BACKWARD
REDUCE, PENALTY, UPDATE = 1, 2, 4
WHOLE_STEP = REDUCE | PENALTY | UPDATE
MINIMUM_ROWS = 32
"""A thread gets at least this many rows of a batch."""
TILE_ROWS = 512
"""Rows that go through the network together, so that their activations stay in the cache."""


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
def forward(layers, codes, theta, A, first, rows):
    """Activations of all layers for the rows of a tile."""
    start, bias = 0, weight_count(layers)
    for layer in range(layers.size - 1):
        n_in, n_out = layers[layer], layers[layer + 1]
        W = theta[start : start + n_in * n_out].reshape(n_in, n_out)
        Z = block(A, layers, layer + 1, first, rows)
        np.dot(block(A, layers, layer, first, rows), W, Z)
        activate(codes[layer], Z, theta[bias : bias + n_out])
        start += n_in * n_out
        bias += n_out


@numba.njit(cache=True, fastmath=True)
def column_sums(delta, out):
    """Sum the rows of ``delta`` into ``out``."""
    for j in range(out.size):
        out[j] = 0
    for i in range(delta.shape[0]):
        for j in range(delta.shape[1]):
            out[j] += delta[i, j]


@numba.njit(cache=True)
def backward(layers, codes, theta, A, D, first, rows, G):
    """Gradients of a tile, without penalty, into ``G``; the output's delta is in ``D`` already."""
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
            times_slope(codes[layer - 1], delta_below, below)


@numba.njit(cache=True)
def slice_of_batch(mask, rows, X, Y, layers, codes, loss_code, theta, A, D, T, G, extra, sums):
    """Run the phases of ``mask`` for one thread's ``rows``, tile by tile.

    A whole step reuses the memory of the first tile; separate phases need that of all tiles.
    ``sums`` receives data loss and absolute error.
    """
    sums[0] = sums[1] = 0
    for start in range(0, rows.size, TILE_ROWS):
        count = min(TILE_ROWS, rows.size - start)
        first = 0 if mask == EVERYTHING else start
        outputs = block(A, layers, layers.size - 1, first, count)
        targets = T[first : first + count]
        if mask & PREPARE:
            gather(X, Y, rows[start : start + count], block(A, layers, 0, first, count), targets)
        if mask & FORWARD:
            forward(layers, codes, theta, A, first, count)
        if mask & LOSS:
            data, error = loss_sums(loss_code, outputs, targets, PROBABILITY_FLOOR)
            sums[0] += data
            sums[1] += error
        if mask & BACKWARD:
            delta = block(D, layers, layers.size - 1, first, count)
            output_delta(loss_code, outputs, targets, delta)
            backward(layers, codes, theta, A, D, first, count, extra if start else G)
            if start:
                for k in range(G.size):
                    G[k] += extra[k]


@numba.njit(cache=True, parallel=True)
def team_of_threads(team, mask, rows, X, Y, layers, codes, loss_code, theta, A, D, T, G, extra, sums):
    """Split ``rows`` over ``team`` threads."""
    for t in numba.prange(team):
        mine = rows[rows.size * t // team : rows.size * (t + 1) // team]
        slice_of_batch(
            mask, mine, X, Y, layers, codes, loss_code, theta, A[t], D[t], T[t], G[t], extra[t], sums[t]
        )


@numba.njit(cache=True, fastmath=True)
def finish(mask, team, theta, G, total, previous, weights, rate, momentum, l1, l2):
    """Reduce the team's gradients, compute the penalty, update: one pass each, or all at once.

    Returns the penalty of the weights before the update.
    """
    if mask & REDUCE:
        for k in range(theta.size):
            total[k] = G[0, k]
        for t in range(1, team):
            for k in range(theta.size):
                total[k] += G[t, k]
        for k in range(weights):
            total[k] += l2 * theta[k] + l1 * np.sign(theta[k])
    squares = magnitudes = 0.0
    if mask & PENALTY:
        for k in range(weights):
            squares += theta[k] * theta[k]
            magnitudes += abs(theta[k])
    if mask & UPDATE:
        for k in range(theta.size):
            move = rate * total[k]
            theta[k] -= move + momentum * previous[k]
            previous[k] = move
    return 0.5 * l2 * squares + l1 * magnitudes


@numba.njit(cache=True)
def run(
    phases, parts, order, batch_size, most, X, Y, layers, codes, loss_code, theta, A, D, T, G, extra,
    sums, total, previous, weights, rate, momentum, l1, l2, losses
):
    """Run ``phases``, then the ``parts`` of :func:`finish`, for all batches of ``order``.

    One entry serves single phases, steps and epochs, because each further one would compile all of
    the above once more.  ``losses`` receives data, penalty and mean error of each batch.
    """
    for index in range(losses.shape[0]):
        rows = order[index * batch_size : (index + 1) * batch_size]
        team = team_size(most, rows.size)
        if phases and team == 1:
            slice_of_batch(
                phases, rows, X, Y, layers, codes, loss_code, theta, A[0], D[0], T[0], G[0],
                extra[0], sums[0]
            )
        elif phases:
            team_of_threads(
                team, phases, rows, X, Y, layers, codes, loss_code, theta, A, D, T, G, extra, sums
            )
        penalty = finish(
            parts, team, theta, G, total, previous, weights, rate, momentum, l1, l2
        )
        data = error = 0.0
        for t in range(team):
            data += sums[t, 0]
            error += sums[t, 1]
        losses[index, 0] = data
        losses[index, 1] = penalty
        losses[index, 2] = error / (rows.size * layers[layers.size - 1])
