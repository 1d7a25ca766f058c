"""What a step begins with and what follows its gradients in compiled kernels: sum, penalty, update.

Threads can share the parameters: each works on those from ``first`` to ``last``.  Loops run over
slices from 0, because only then does Numba know that no index is negative, which would stand for
one from the end, and make vector instructions of them.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import numpy as np

from impls.numba.cache import inlined, inner
from impls.numba.elementwise import ELEMENTWISE, ONE, ZERO, step_key
from impls.numba.state import ADAM, REDUCE, SGD, UPDATE, Step
from impls.numba.team import buffer_of

PIECE = 1024
"""Parameters that are finished together; three arrays of this size stay in the nearest cache."""
SHARED_PARAMETERS = 1 << 16
"""From here on threads share what follows the gradients; it is memory traffic, and they have met
already."""


@inlined()
def team_size(most, rows, least_rows):
    """Return how many threads share a batch, each with ``least_rows`` or more."""
    return max(1, min(most, rows // least_rows))


@inlined()
def step_of(request, rates, net, index, rows):
    """Return step number ``index`` of a request, for a batch of ``rows``."""
    team = team_size(request.threads, rows, net.least_rows)
    is_shared = team > 1 and net.parameters >= SHARED_PARAMETERS
    return Step(
        request.phases,
        request.tasks if is_shared else 0,
        0 if is_shared else request.tasks,
        team,
        step_key(net.seed, request.updates + index),
        np.float32(1.0 / rows) if net.averaged else ONE,
        corrected_rate(rates, request.updates + index + 1),
    )


@inlined()
def conclude(step, rows, net, memory, rates, losses):
    """Finish a step of ``rows`` whose gradients are there, and write its ``losses``."""
    data = error = penalty = 0.0
    if step.single_tasks:
        penalty = finish(step, 0, net.parameters, net, memory, rates)
    for part in range(step.team):
        buffer = buffer_of(memory.sync, part)
        data += memory.sums[buffer, 0]
        error += memory.sums[buffer, 1]
        if step.shared_tasks:
            penalty += memory.sums[part, 2]
    losses[0] = data / rows if net.averaged else data
    losses[1] = penalty
    losses[2] = error / (rows * net.layers[net.layers.size - 1])


@inlined()
def corrected_rate(rates, t):
    """Return the rate of update ``t = 1, 2, ...``, with Adam's corrections of both moments."""
    if rates.optimiser != ADAM:
        return np.float32(rates.rate)
    second = np.sqrt(1.0 - rates.beta2**t)
    return np.float32(rates.rate * second / (1.0 - rates.beta1**t))


@inner()
def finish(step, first, last, net, memory, rates):
    """Reduce the team's gradients, compute the penalty, update: the tasks of ``step``.

    Works on the parameters from ``first`` to ``last``.  Returns the penalty of the weights as they
    were before the update, whichever task is asked for: it comes with the pass over them.
    Goes on piece by piece: what one loop leaves in the nearest cache, the next one finds there.
    """
    tasks, weights = step.shared_tasks | step.single_tasks, net.bias_starts[0]
    squares = magnitudes = np.float64(0)
    G = memory.G[buffer_of(memory.sync, 0)]
    start = first
    while start < last:
        # No piece goes on from the weights, which are penalised, to the biases, which are not.
        end = min(start + PIECE, last, weights if start < weights else last)
        theta, g = memory.theta[start:end], G[start:end]
        if tasks & REDUCE:
            for part in range(1, step.team):
                add(memory.G[buffer_of(memory.sync, part), start:end], g)
        penalised = tasks & REDUCE and start < weights
        if rates.l1 and start < weights:
            magnitudes += shift(theta, g, rates.l1 if penalised else ZERO)
        l2 = rates.l2 if penalised else ZERO
        if tasks & UPDATE:
            summed = update(step, start, end, g, memory, rates, l2)
        else:
            summed = shrink(theta, g, l2)
        squares += summed if start < weights else ZERO
        start = end
    return 0.5 * rates.l2 * squares + rates.l1 * magnitudes


@inner(fastmath=True)
def add(other, g):
    """Add the gradients of another thread."""
    for k in range(g.size):
        g[k] += other[k]


@inner(fastmath=True)
def shrink(theta, g, l2):
    """Add the gradient of the L2 penalty to ``g``; returns the sum of the squares of ``theta``."""
    squares = ZERO
    for k in range(g.size):
        squares += theta[k] * theta[k]
        g[k] += l2 * theta[k]
    return squares


@inner(fastmath=True)
def shift(theta, g, l1):
    """Add the gradient of the L1 penalty to ``g``; returns the sum of the magnitudes."""
    magnitudes = ZERO
    for k in range(g.size):
        magnitudes += abs(theta[k])
        g[k] += l1 * np.sign(theta[k])
    return magnitudes


@inlined()
def update(step, first, last, g, memory, rates, l2):
    """:func:`shrink`, then move the parameters from ``first`` to ``last`` by their gradients ``g``.

    Only descent does both in one pass: it has the least to do with each number.
    """
    theta = memory.theta[first:last]
    moments = memory.remembered[0, first:last]
    if rates.optimiser == SGD:
        return sgd(theta, g, moments, l2, step.rate, rates)
    squares = shrink(theta, g, l2)
    if rates.optimiser == ADAM:
        adam(theta, g, moments, memory.remembered[1, first:last], step.rate, rates)
    else:
        rmsprop(theta, g, moments, step.rate, rates)
    return squares


@inner(fastmath=True)
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


@inner(fastmath=ELEMENTWISE, error_model="numpy")
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


@inner(fastmath=ELEMENTWISE, error_model="numpy")
def rmsprop(theta, g, v, rate, rates):
    """Update by RMSprop; see :mod:`impls.mathematics.optimisers`."""
    for k in range(theta.size):
        mean = rates.rho * v[k] + rates.rest_of_rho * g[k] * g[k]
        v[k] = mean
        theta[k] -= rate * g[k] / np.sqrt(mean + rates.epsilon)
