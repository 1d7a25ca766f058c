"""What follows the gradients of a batch in compiled kernels: sum, penalty, update.

Threads can share the parameters: each works on those from ``first`` to ``last``.  Loops run over
slices from 0, because only then does Numba know that no index is negative, which would stand for
one from the end, and make vector instructions of them.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numpy as np

from impls.numba.cache import compiled
from impls.numba.math import ELEMENTWISE
from impls.numba.state import ADAM, SGD

REDUCE, PENALTY, UPDATE = 1, 2, 4
WHOLE_STEP = REDUCE | PENALTY | UPDATE
ZERO = np.float32(0)
PIECE = 1024
"""Parameters that are finished together; three arrays of so many stay in the nearest cache."""


@compiled()
def corrected_rate(rates, t):
    """The rate of update number ``t = 1, 2, ...``, with Adam's corrections of both moments."""
    if rates.optimiser != ADAM:
        return np.float32(rates.rate)
    second = np.sqrt(1.0 - rates.beta2**t)
    return np.float32(rates.rate * second / (1.0 - rates.beta1**t))


@compiled()
def finish(parts, team, first, last, weights, rate, memory, rates):
    """Reduce the team's gradients, compute the penalty, update: any of these ``parts``.

    ``weights`` counts the leading parameters that are weights, ``rate`` is that of
    :func:`corrected_rate`.  Returns the penalty of the weights as they were before the update,
    whichever part is asked for: it comes with the pass over them.
    Goes on piece by piece: what one loop leaves in the nearest cache, the next one finds there.
    """
    squares = magnitudes = np.float64(0)
    start = first
    while start < last:
        # No piece has weights and biases, of which only the former are subject to a penalty.
        end = min(start + PIECE, last, weights if start < weights else last)
        theta, g = memory.theta[start:end], memory.G[0, start:end]
        if parts & REDUCE:
            for t in range(1, team):
                add(memory.G[t, start:end], g)
        penalised = parts & REDUCE and start < weights
        if rates.l1 and start < weights:
            magnitudes += shift(theta, g, rates.l1 if penalised else ZERO)
        l2 = rates.l2 if penalised else ZERO
        if parts & UPDATE:
            found = update(theta, g, memory.remembered, start, end, l2, rate, rates)
        else:
            found = shrink(theta, g, l2)
        squares += found if start < weights else ZERO
        start = end
    return 0.5 * rates.l2 * squares + rates.l1 * magnitudes


@compiled(fastmath=True)
def add(other, g):
    """Add the gradients of another thread."""
    for k in range(g.size):
        g[k] += other[k]


@compiled(fastmath=True)
def shrink(theta, g, l2):
    """Add the share of the L2 penalty to gradients; returns the sum of the squares of ``theta``."""
    squares = ZERO
    for k in range(g.size):
        squares += theta[k] * theta[k]
        g[k] += l2 * theta[k]
    return squares


@compiled(fastmath=True)
def shift(theta, g, l1):
    """Add the share of the L1 penalty to gradients; returns the sum of the magnitudes."""
    magnitudes = ZERO
    for k in range(g.size):
        magnitudes += abs(theta[k])
        g[k] += l1 * np.sign(theta[k])
    return magnitudes


@compiled()
def update(theta, g, remembered, start, end, l2, rate, rates):
    """:func:`shrink`, then move ``theta``, parameters ``start`` to ``end``, by ``g``.

    Only descent does both in one pass: it has the least to do with each number.
    """
    first = remembered[0, start:end]
    if rates.optimiser == SGD:
        return sgd(theta, g, first, l2, rate, rates)
    squares = shrink(theta, g, l2)
    if rates.optimiser == ADAM:
        adam(theta, g, first, remembered[1, start:end], rate, rates)
    else:
        rmsprop(theta, g, first, rate, rates)
    return squares


@compiled(fastmath=True)
def sgd(theta, g, previous, l2, rate, rates):
    """:func:`shrink` and descent; see :mod:`impls.mathematics.optimisers`."""
    squares = ZERO
    for k in range(theta.size):
        w = theta[k]
        squares += w * w
        slope = g[k] + l2 * w
        move = rate * slope
        theta[k] = w - (move + rates.momentum * previous[k])
        previous[k] = move
        g[k] = slope
    return squares


@compiled(fastmath=ELEMENTWISE, error_model="numpy")
def adam(theta, g, m, v, rate, rates):
    """Update by Adam; see :mod:`impls.mathematics.optimisers`."""
    beta1, rest1 = np.float32(rates.beta1), np.float32(1.0 - rates.beta1)
    beta2, rest2 = np.float32(rates.beta2), np.float32(1.0 - rates.beta2)
    for k in range(theta.size):
        first = beta1 * m[k] + rest1 * g[k]
        second = beta2 * v[k] + rest2 * g[k] * g[k]
        m[k] = first
        v[k] = second
        theta[k] -= rate * first / (np.sqrt(second) + rates.epsilon)


@compiled(fastmath=ELEMENTWISE, error_model="numpy")
def rmsprop(theta, g, v, rate, rates):
    """Update by RMSprop; see :mod:`impls.mathematics.optimisers`."""
    for k in range(theta.size):
        mean = rates.rho * v[k] + rates.rest_of_rho * g[k] * g[k]
        v[k] = mean
        theta[k] -= rate * g[k] / np.sqrt(mean + rates.epsilon)
