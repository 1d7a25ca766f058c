"""Activations and losses as small tables, for implementations that may allocate.

A derivative comes in two forms: from the layer's input ``Z``, which costs the activation again,
and from its output ``A``, which does not.  That difference is one rung of the ladder.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from impls.parameters import Floats

PROBABILITY_FLOOR = 1e-7
"""Log loss sees at least this probability of what is true.

Where that is ``1 - A``, float32 has no more digits: it rounds a sigmoid above 17 to exactly 1.
"""
SMALLEST_PROBABILITY = float(np.finfo(np.float32).tiny)
"""Cross-entropy sees at least this probability of the true class: the smallest normal float32.

It reads ``A`` itself, which has all its digits down to here.
"""

Elementwise = Callable[[Floats], Floats]


def sigmoid(Z: Floats) -> Floats:
    """Return ``1 / (1 + exp(-Z))``; an overflowing exponential gives its limit 0."""
    with np.errstate(over="ignore"):
        result: Floats = 1 / (1 + np.exp(-Z))
    return result


def relu(Z: Floats) -> Floats:
    """Return ``max(Z, 0)``."""
    return np.maximum(Z, 0)


def tanh(Z: Floats) -> Floats:
    """Return the hyperbolic tangent."""
    result: Floats = np.tanh(Z)
    return result


def softmax(Z: Floats, axis: int) -> Floats:
    """Return ``exp(Z) / sum(exp(Z))`` along ``axis``, without overflow."""
    E = np.exp(Z - Z.max(axis=axis, keepdims=True))
    result: Floats = E / E.sum(axis=axis, keepdims=True)
    return result


def _sigmoid_slope(Z: Floats) -> Floats:
    """Return ``s(Z) (1 - s(Z))`` as it is written, with both sigmoids evaluated.

    The articles do not print this line.  Their ten nanoseconds for each derivative, in single
    precision, suggest two exponentials rather than one; this is a reading, not a quotation.
    """
    return sigmoid(Z) * (1 - sigmoid(Z))


def _tanh_slope(Z: Floats) -> Floats:
    T = tanh(Z)
    return 1 - T * T


def _relu_slope(Z: Floats) -> Floats:
    return (Z > 0).astype(Z.dtype)


ACTIVATIONS: dict[str, Elementwise] = {"sigmoid": sigmoid, "tanh": tanh, "relu": relu}
SLOPES_FROM_INPUT: dict[str, Elementwise] = {
    "sigmoid": _sigmoid_slope,
    "tanh": _tanh_slope,
    "relu": _relu_slope,
}
SLOPES_FROM_OUTPUT: dict[str, Elementwise] = {
    "sigmoid": lambda A: A * (1 - A),
    "tanh": lambda A: 1 - A * A,
    "relu": _relu_slope,  # an output is positive exactly where the input was
}


def output_activation(output: str, Z: Floats, axis: int) -> Floats:
    """Return outputs of the last layer from its input ``Z``; ``axis`` is that of the nodes."""
    return softmax(Z, axis) if output == "softmax" else sigmoid(Z)


def data_loss(loss: str, A: Floats, Y: Floats) -> float:
    """Return the loss of outputs ``A`` against one-hot ``Y``, summed over all elements.

    What an output costs that is sure of what is wrong: see :class:`impls.contract.Loss`.
    """
    if loss == "mse":
        return 0.5 * float(np.sum((A - Y) ** 2))
    if loss == "cross-entropy":
        return -float(np.sum(Y * np.log(np.maximum(A, SMALLEST_PROBABILITY))))
    right = Y * np.log(np.maximum(A, PROBABILITY_FLOOR))
    wrong = (1 - Y) * np.log(np.maximum(1 - A, PROBABILITY_FLOOR))
    return -float(np.sum(right + wrong))


def output_delta(loss: str, A: Floats, Y: Floats) -> Floats:
    """Return derivative of the loss by the last layer's input.

    For log loss over a sigmoid and for cross-entropy over a softmax the slope of the activation
    cancels and ``A - Y`` remains.
    """
    return (A - Y) * (A * (1 - A)) if loss == "mse" else A - Y


def penalty(weights: Any, l1: float, l2: float) -> float:
    """Return ``l2/2 * sum(w**2) + l1 * sum(|w|)`` over matrices; biases are not passed in."""
    total = 0.0
    for W in weights:
        if l2:
            total += 0.5 * l2 * float(np.sum(W * W))
        if l1:
            total += l1 * float(np.sum(np.abs(W)))
    return total
