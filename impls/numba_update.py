"""What follows the gradients of a batch in compiled kernels: sum, penalty, update.

Threads can share the parameters: each works on those from ``first`` to ``last``.  Loops run over
slices from 0, because only then does Numba know that no index is negative, which would stand for
one from the end, and make vector instructions of them.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numpy as np

from impls.numba_cache import compiled
from impls.numba_math import ELEMENTWISE
from impls.numba_state import ADAM, SGD

REDUCE, PENALTY, UPDATE = 1, 2, 4
WHOLE_STEP = REDUCE | PENALTY | UPDATE
PIECE = 1024
"""Parameters that are finished together; five arrays of so many stay in the nearest cache."""


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
    :func:`corrected_rate`.  Returns the penalty of the weights as they were before the update.
    Goes on piece by piece: what one loop leaves in the nearest cache, the next one finds there.
    """
    penalty = 0.0
    for start in range(first, last, PIECE):
        end = min(start + PIECE, last)
        penalty += finish_piece(parts, team, start, end, weights, rate, memory, rates)
    return penalty


@compiled(fastmath=True)
def finish_piece(parts, team, first, last, weights, rate, memory, rates):
    """:func:`finish` for the parameters from ``first`` to ``last``."""
    theta, total = memory.theta[first:last], memory.total[first:last]
    # Those of the parameters that are weights.
    w, share = memory.theta[first : min(last, weights)], memory.total[first : min(last, weights)]
    if parts & REDUCE:
        one = memory.G[0, first:last]
        for k in range(total.size):
            total[k] = one[k]
        for t in range(1, team):
            one = memory.G[t, first:last]
            for k in range(total.size):
                total[k] += one[k]
        if rates.l1 or rates.l2:
            for k in range(w.size):
                share[k] += rates.l2 * w[k] + rates.l1 * np.sign(w[k])
    squares = magnitudes = 0.0
    if parts & PENALTY and (rates.l1 or rates.l2):
        for k in range(w.size):
            squares += w[k] * w[k]
            magnitudes += abs(w[k])
    if parts & UPDATE:
        remembered = memory.remembered[0, first:last]
        if rates.optimiser == SGD:
            sgd(theta, total, remembered, rate, rates)
        elif rates.optimiser == ADAM:
            adam(theta, total, remembered, memory.remembered[1, first:last], rate, rates)
        else:
            rmsprop(theta, total, remembered, rate, rates)
    return 0.5 * rates.l2 * squares + rates.l1 * magnitudes


@compiled(fastmath=True)
def sgd(theta, g, previous, rate, rates):
    """Update by descent; see :mod:`impls.optimisers`."""
    for k in range(theta.size):
        move = rate * g[k]
        theta[k] -= move + rates.momentum * previous[k]
        previous[k] = move


@compiled(fastmath=ELEMENTWISE, error_model="numpy")
def adam(theta, g, m, v, rate, rates):
    """Update by Adam; see :mod:`impls.optimisers`."""
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
    """Update by RMSprop; see :mod:`impls.optimisers`."""
    for k in range(theta.size):
        mean = rates.rho * v[k] + rates.rest_of_rho * g[k] * g[k]
        v[k] = mean
        theta[k] -= rate * g[k] / np.sqrt(mean + rates.epsilon)
