"""The work model: the least that each phase of a training step must compute and move.

``m`` is the number of examples in the batch, ``n_0`` to ``n_E`` are the layer sizes, ``W`` counts
the weights and ``P`` the weights and biases.  A phase has three counts:

- operations in matrix products: ``2 m n_in n_out`` for each product, two per multiply-add;
- element-wise operations: one for each arithmetic operation, comparison or function that the
  formulas of :mod:`impls.functions` apply to an element, and one per element of a sum;
- bytes: what the phase takes from elsewhere is read once, what it leaves for others is written
  once, and what arises and is used up inside costs nothing.  A cache of any size may serve them.

Nothing is counted that could be left out: no delta of the input layer, no derivative from an
activation computed anew, no row of ones, and dropout's masks are free but for their products.
Implementations may do more; one that does less (sparse input, fewer outputs) is outside the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.results import STEP
from impls.networks import Network, Training

_ACTIVATION = {"sigmoid": 4, "tanh": 1, "relu": 1, "softmax": 5}
"""Sigmoid: minus, exp, plus, divide.  Softmax: maximum, minus, exp, sum, divide."""
_SLOPE_FROM_OUTPUT = {"sigmoid": 2, "tanh": 2, "relu": 1}
_LOSS = {"logloss": 10, "mse": 3, "cross-entropy": 4}
_OUTPUT_DELTA = {"logloss": 1, "mse": 4, "cross-entropy": 1}
_MEAN_ERROR = 3
"""Minus, absolute value, sum."""
_UPDATE = {"adam": 12, "rmsprop": 9}
_MEMORY = {"adam": 2, "rmsprop": 1}
"""How many numbers the optimiser remembers for each parameter."""


@dataclass(frozen=True)
class Product:
    """A matrix product: ``(rows, inner)`` times ``(inner, columns)``."""

    rows: int
    inner: int
    columns: int

    @property
    def operations(self) -> int:
        """Two per multiply-add: ``2 rows inner columns``."""
        return 2 * self.rows * self.inner * self.columns

    @property
    def elements(self) -> int:
        """Numbers in both operands and the result, each once."""
        rows, inner, columns = self.rows, self.inner, self.columns
        return rows * inner + inner * columns + rows * columns


@dataclass(frozen=True)
class Work:
    """What a phase, or the whole step, must do at least."""

    products: int
    elementwise: int
    bytes: int

    @property
    def intensity(self) -> float:
        """Operations in matrix products per byte."""
        return self.products / self.bytes


def forward_products(network: Network, examples: int) -> tuple[Product, ...]:
    """``A W`` of every layer, input side first."""
    return tuple(Product(examples, n_in, n_out) for n_in, n_out in network.shapes)


def gradient_products(network: Network, examples: int) -> tuple[Product, ...]:
    """``A' D``, the gradient of every weight matrix."""
    return tuple(Product(n_in, examples, n_out) for n_in, n_out in network.shapes)


def delta_products(network: Network, examples: int) -> tuple[Product, ...]:
    """``D W'`` of every layer but the first: nothing is propagated to the input layer."""
    return tuple(Product(examples, n_out, n_in) for n_in, n_out in network.shapes[1:])


def step_operations(network: Network, examples: int) -> int:
    """Operations in all matrix products of one step."""
    return (
        _operations(forward_products(network, examples))
        + _operations(gradient_products(network, examples))
        + _operations(delta_products(network, examples))
    )


def work_of(network: Network, training: Training, examples: int) -> dict[str, Work]:
    """The work of every phase and of the step on ``examples`` examples.

    The step has all operations of its phases, but fewer bytes than their sum: activations and
    gradients need not leave the cache when phases run into one another.
    """
    phases = {
        "prepare": _prepare(network, examples),
        "forward": _forward(network, examples),
        "loss": _loss(network, training, examples),
        "backward": _backward(network, training, examples),
        "update": _update(network, training),
    }
    step = Work(
        sum(work.products for work in phases.values()),
        sum(work.elementwise for work in phases.values()),
        phases["prepare"].bytes // 2 + _kept(training) * _bytes(network, network.parameter_count),
    )
    return {**phases, STEP: step}


def _prepare(network: Network, examples: int) -> Work:
    """Rows of the data and of the targets read and written: ``2 m (n_0 + n_E)`` numbers."""
    numbers = 2 * examples * (network.layers[0] + network.layers[-1])
    return Work(0, 0, _bytes(network, numbers))


def _forward(network: Network, examples: int) -> Work:
    """Bias, activation and dropout of every node; reads inputs and parameters, writes every layer.

    ``m n_0 + P`` numbers are read, ``m (n_1 + ... + n_E)`` written for the way back.
    """
    hidden, outputs = sum(network.layers[1:-1]), network.layers[-1]
    elementwise = examples * (
        (1 + _ACTIVATION[network.activation]) * hidden
        + (1 + _ACTIVATION[network.output]) * outputs
        + _thinned(network)
    )
    numbers = examples * sum(network.layers) + network.parameter_count
    products = _operations(forward_products(network, examples))
    return Work(products, elementwise, _bytes(network, numbers))


def _loss(network: Network, training: Training, examples: int) -> Work:
    """Loss and mean error of every output, and two operations per weight and penalty.

    Reads ``2 m n_E`` outputs and targets, and the ``W`` weights where there is a penalty.
    """
    outputs, weights = examples * network.layers[-1], _weights(network)
    penalties = bool(training.l1) + bool(training.l2)
    elementwise = (_LOSS[network.loss] + _MEAN_ERROR) * outputs + 2 * penalties * weights
    numbers = 2 * outputs + (weights if penalties else 0)
    return Work(0, elementwise, _bytes(network, numbers))


def _backward(network: Network, training: Training, examples: int) -> Work:
    """Deltas from outputs, sums for the biases, and the penalty's share of every gradient.

    Reads the activations of every layer and the targets, ``m (n_0 + ... + n_E + n_E)`` numbers,
    and the weights that deltas or a penalty need; writes ``P`` gradients.
    """
    hidden, outputs = sum(network.layers[1:-1]), network.layers[-1]
    weights = _weights(network)
    penalised = bool(training.l1) or bool(training.l2)
    per_example = (
        (_OUTPUT_DELTA[network.loss] + (training.reduction == "mean")) * outputs
        + (_SLOPE_FROM_OUTPUT[network.activation] + 1) * hidden
        + _thinned(network)
        + (hidden + outputs)
    )
    penalty = (2 * bool(training.l2) + 3 * bool(training.l1)) * weights
    first = network.shapes[0][0] * network.shapes[0][1]
    numbers = (
        examples * (sum(network.layers) + outputs)
        + (weights if penalised else weights - first)
        + network.parameter_count
    )
    products = gradient_products(network, examples) + delta_products(network, examples)
    return Work(_operations(products), examples * per_example + penalty, _bytes(network, numbers))


def _update(network: Network, training: Training) -> Work:
    """The optimiser's formula for every parameter.

    Reads gradients, and reads and writes parameters and what the optimiser remembers of them.
    """
    parameters = network.parameter_count
    operations = _UPDATE.get(training.optimiser, 4 if training.momentum else 2)
    return Work(0, operations * parameters, _bytes(network, (1 + _kept(training)) * parameters))


def _kept(training: Training) -> int:
    """Reads and writes per parameter of what outlives a step: itself, and what is remembered."""
    return 2 * (1 + _MEMORY.get(training.optimiser, 1 if training.momentum else 0))


def _thinned(network: Network) -> int:
    """Nodes whose outputs dropout multiplies."""
    layers = zip(network.layers[1:-1], network.dropout_rates, strict=True)
    return sum(nodes for nodes, rate in layers if rate)


def _weights(network: Network) -> int:
    return sum(n_in * n_out for n_in, n_out in network.shapes)


def _operations(products: tuple[Product, ...]) -> int:
    return sum(product.operations for product in products)


def _bytes(network: Network, numbers: int) -> int:
    return numbers * np.dtype(network.dtype).itemsize
