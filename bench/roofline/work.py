"""The work model: the least that each phase of a training step must compute and move.

``m`` is the number of examples in the batch, ``n_0`` to ``n_E`` are the layer sizes, ``W`` counts
the weights and ``P`` the weights and biases.  A convolution is a layer whose size is that of the
map it leaves, after pooling.  A phase has three counts:

- operations in matrix products: ``2 m n_in n_out`` for each product, two per multiply-add; of a
  convolution ``n_in`` is the size of a patch and ``n_out`` the number of filters, and each place of
  the map that is pooled counts as an example;
- element-wise operations: one for each arithmetic operation, comparison or function that the
  formulas of :mod:`impls.mathematics.functions` apply to an element, and one per element of a sum;
- bytes: what the phase takes from elsewhere is read once, what it leaves for others is written
  once, and what arises and is used up inside costs nothing.  A cache of any size may serve them.

Nothing is counted that could be left out: no delta of the input layer, no derivative from an
activation computed again, no row of ones, and dropout's masks are free but for their products.  A
convolution leaves out the places that its pool drops, and makes bias, activation and slope of the
largest of each square alone, which takes one comparison less than it has values; patches are read
where they lie in the map, and overlap there when their deltas are summed.  The products of a way
back are counted in full, although all but one delta of each square are 0: every filter has others.
Implementations may do more; one that does less (sparse input, fewer outputs, convolutions by the
transforms of Winograd or Fourier) is outside the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.documents.timings import STEP
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
    return tuple(
        Product(rows, n_in, n_out)
        for rows, (n_in, n_out) in zip(_rows(network, examples), network.shapes, strict=True)
    )


def gradient_products(network: Network, examples: int) -> tuple[Product, ...]:
    """``A' D``, the gradient of every weight matrix."""
    forward = forward_products(network, examples)
    return tuple(Product(one.inner, one.rows, one.columns) for one in forward)


def delta_products(network: Network, examples: int) -> tuple[Product, ...]:
    """``D W'`` of every layer but the first: nothing is propagated to the input layer."""
    forward = forward_products(network, examples)[1:]
    return tuple(Product(one.rows, one.columns, one.inner) for one in forward)


def step_operations(network: Network, examples: int) -> int:
    """Operations in all matrix products of one step."""
    return (
        _operations(forward_products(network, examples))
        + _operations(gradient_products(network, examples))
        + _operations(delta_products(network, examples))
    )


def work_of(network: Network, training: Training, examples: int) -> dict[str, Work]:
    """Return the work of every phase and of the step on ``examples`` examples.

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
    """Return rows of the data and of the targets read and written: ``2 m (n_0 + n_E)`` numbers."""
    numbers = 2 * examples * (network.layers[0] + network.layers[-1])
    return Work(0, 0, _bytes(network, numbers))


def _forward(network: Network, examples: int) -> Work:
    """Bias, activation and dropout of every node; reads inputs and parameters, writes every layer.

    ``m n_0 + P`` numbers are read, ``m (n_1 + ... + n_E)`` written for the way back.  The place of
    the largest in its square is a few bits and not counted.
    """
    hidden, outputs = _hidden(network), network.layers[-1]
    elementwise = examples * (
        (1 + _ACTIVATION[network.activation]) * hidden
        + (1 + _ACTIVATION[network.output]) * outputs
        + _thinned(network)
        + _compared(network)
    )
    numbers = examples * (network.layers[0] + hidden + outputs) + network.parameter_count
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
    hidden, outputs = _hidden(network), network.layers[-1]
    weights = _weights(network)
    penalised = bool(training.l1) or bool(training.l2)
    per_example = (
        (_OUTPUT_DELTA[network.loss] + (training.reduction == "mean")) * outputs
        + (_SLOPE_FROM_OUTPUT[network.activation] + 1) * hidden
        + _thinned(network)
        + (hidden + outputs)
        + _overlaps(network)
    )
    penalty = (2 * bool(training.l2) + 3 * bool(training.l1)) * weights
    first = network.shapes[0][0] * network.shapes[0][1]
    numbers = (
        examples * (network.layers[0] + hidden + 2 * outputs)
        + (weights if penalised else weights - first)
        + network.parameter_count
    )
    products = gradient_products(network, examples) + delta_products(network, examples)
    return Work(_operations(products), examples * per_example + penalty, _bytes(network, numbers))


def _update(network: Network, training: Training) -> Work:
    """Return the optimiser's formula for every parameter.

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


def _hidden(network: Network) -> int:
    """Values between the inputs and the outputs, those of pooled maps included."""
    return sum(stage.outputs for stage in network.stages) + sum(network.layers[1:-1])


def _rows(network: Network, examples: int) -> tuple[int, ...]:
    """Return the rows of each layer's product: examples, times the places that are pooled."""
    convolved = (examples * stage.places for stage in network.stages)
    return (*convolved, *[examples] * (len(network.layers) - 1))


def _compared(network: Network) -> int:
    """Comparisons that find the largest of each square."""
    return sum((stage.pool**2 - 1) * stage.outputs for stage in network.stages)


def _overlaps(network: Network) -> int:
    """Sums of the deltas of overlapping patches, for all convolutions but the first."""
    return sum(stage.places * stage.shape[0] for stage in network.stages[1:])


def _weights(network: Network) -> int:
    return sum(n_in * n_out for n_in, n_out in network.shapes)


def _operations(products: tuple[Product, ...]) -> int:
    return sum(product.operations for product in products)


def _bytes(network: Network, numbers: int) -> int:
    return numbers * np.dtype(network.dtype).itemsize
