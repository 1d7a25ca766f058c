"""Activations and their slopes that write into given buffers: no temporary, no new memory.

The allocating twins, which say what is computed, are in :mod:`impls.mathematics.functions`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from impls.parameters import Floats

_ONE = np.float32(1)


def sigmoid(Z: Floats) -> None:
    """Turn ``Z`` into ``1 / (1 + exp(-Z))``; an overflowing exponential gives its limit 0."""
    np.negative(Z, out=Z)
    with np.errstate(over="ignore"):
        np.exp(Z, out=Z)
    np.add(Z, _ONE, out=Z)
    np.reciprocal(Z, out=Z)


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


def output_delta(loss: str, A: Floats, Y: Floats, delta: Floats, scratch: Floats) -> None:
    """Write the derivative of the loss by the last layer's input into ``delta``."""
    np.subtract(A, Y, out=delta)
    if loss == "mse":
        times_sigmoid_slope(delta, A, scratch)
