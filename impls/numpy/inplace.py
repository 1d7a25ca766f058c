"""Activations and losses that write into given buffers: no temporary, no new memory.

The allocating twins, which say what is computed, are in :mod:`impls.mathematics.functions`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from impls.mathematics.functions import PROBABILITY_FLOOR, SMALLEST_PROBABILITY
from impls.parameters import Floats

_HALF = np.float32(0.5)
_ONE = np.float32(1)
_FLOOR, _SMALLEST = np.float32(PROBABILITY_FLOOR), np.float32(SMALLEST_PROBABILITY)


def sigmoid(Z: Floats) -> None:
    """Turn ``Z`` into ``sigmoid(Z)`` as ``(1 + tanh(Z / 2)) / 2``.

    NumPy has a vector routine for float32 tanh that is faster than that for exp, and this form
    neither overflows nor divides.  What it keeps small is the absolute error, ``2**-24``, and
    not the relative one, which is 2e-4 at -10 and 6 % at -16; below -20 the result is 0.
    """
    np.multiply(Z, _HALF, out=Z)
    np.tanh(Z, out=Z)
    np.multiply(Z, _HALF, out=Z)
    np.add(Z, _HALF, out=Z)


def tanh(Z: Floats) -> None:
    """Turn ``Z`` into ``tanh(Z)``."""
    np.tanh(Z, out=Z)


def relu(Z: Floats) -> None:
    """Turn ``Z`` into ``max(Z, 0)``."""
    np.maximum(Z, 0, out=Z)


def softmax(Z: Floats) -> None:
    """Turn rows of ``Z`` into ``exp(Z) / sum(exp(Z))``; only a column per row is allocated."""
    np.subtract(Z, Z.max(axis=1, keepdims=True), out=Z)
    np.exp(Z, out=Z)
    np.divide(Z, Z.sum(axis=1, keepdims=True), out=Z)


def times_sigmoid_slope(delta: Floats, A: Floats, scratch: Floats) -> None:
    """Multiply ``delta`` by ``A (1 - A)``."""
    np.multiply(delta, A, out=delta)
    np.subtract(_ONE, A, out=scratch)
    np.multiply(delta, scratch, out=delta)


def times_tanh_slope(delta: Floats, A: Floats, scratch: Floats) -> None:
    """Multiply ``delta`` by ``1 - A**2``."""
    np.multiply(A, A, out=scratch)
    np.subtract(_ONE, scratch, out=scratch)
    np.multiply(delta, scratch, out=delta)


def times_relu_slope(delta: Floats, A: Floats, scratch: Floats) -> None:
    """Multiply ``delta`` by 1 where ``A`` is positive and by 0 elsewhere."""
    np.greater(A, 0, out=scratch)
    np.multiply(delta, scratch, out=delta)


ACTIVATIONS: dict[str, Callable[[Floats], None]] = {
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": relu,
    "softmax": softmax,
}
TIMES_SLOPE: dict[str, Callable[[Floats, Floats, Floats], None]] = {
    "sigmoid": times_sigmoid_slope,
    "tanh": times_tanh_slope,
    "relu": times_relu_slope,
}
SLOPED_AT_ZERO = frozenset({"tanh"})
"""Activations whose slope is not 0 where the output is: dropping that leaves its delta to drop."""


def loss_sums(loss: str, A: Floats, Y: Floats, scratch: Floats) -> tuple[float, float]:
    """Data loss and absolute error of outputs ``A`` against one-hot ``Y``, both summed.

    Targets are 0 or 1, so the log loss sees the probability of the truth as ``1 - |A - Y|``: one
    logarithm serves both of its halves, and the deviation is needed for the error anyway.
    Cross-entropy reads the output itself, of which that would leave seven decimals.
    """
    np.subtract(A, Y, out=scratch)
    if loss == "mse":
        data = 0.5 * float(np.vdot(scratch, scratch))
        np.abs(scratch, out=scratch)
        return data, float(scratch.sum())
    np.abs(scratch, out=scratch)
    error = float(scratch.sum())
    if loss == "cross-entropy":
        np.maximum(A, _SMALLEST, out=scratch)
        np.log(scratch, out=scratch)
        return -float(np.vdot(scratch, Y)), error
    np.subtract(_ONE, scratch, out=scratch)
    np.maximum(scratch, _FLOOR, out=scratch)
    np.log(scratch, out=scratch)
    return -float(scratch.sum()), error


def output_delta(loss: str, A: Floats, Y: Floats, delta: Floats, scratch: Floats) -> None:
    """Write the derivative of the loss by the last layer's input into ``delta``."""
    np.subtract(A, Y, out=delta)
    if loss == "mse":
        times_sigmoid_slope(delta, A, scratch)
