"""The roofline: the least that a training step must compute and move, and the least time for it.

Products can come no faster than the best matrix product, bytes no faster than the best copy; a
phase overlaps the two at best, so the longer one is its bound.  Source: Williams, Waterman and
Patterson, "Roofline: an insightful visual performance model", 2009.

*The work model.*  ``m`` is the number of examples in the batch, ``n_0`` to ``n_E`` are the layer
sizes, ``W`` counts the weights and ``P`` the weights and biases.  A convolution is a layer whose
size is that of the map it leaves, after pooling.  A phase has three counts:

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

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from bench.documents.timings import STEP, Peaks
from impls.mathematics.optimisers import MEMORIES
from impls.networks import Network, Training

_ACTIVATION = {"sigmoid": 4, "tanh": 1, "relu": 1, "softmax": 5}
"""Sigmoid: minus, exp, plus, divide.  Softmax: maximum, minus, exp, sum, divide."""
_SLOPE_FROM_OUTPUT = {"sigmoid": 2, "tanh": 2, "relu": 1}
_LOSS = {"logloss": 10, "mse": 3, "cross-entropy": 4}
_OUTPUT_DELTA = {"logloss": 1, "mse": 4, "cross-entropy": 1}
_MEAN_ERROR = 3
"""Minus, absolute value, sum."""
_UPDATE = {"adam": 12, "rmsprop": 9}

MOST_SHARE = 1.05
"""A bound above this share of the time measured is an error of the model or of a timing."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?)(?:iB|B)?")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


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


@dataclass(frozen=True)
class Bound:
    """The least time in seconds, and what sets it."""

    seconds: float
    limit: Literal["products", "memory", "cache"]


def forward_products(network: Network, examples: int) -> tuple[Product, ...]:
    """Return ``A W`` of every layer, input side first.

    Its rows are the examples, and in a convolution the places of the map that are pooled as well.
    """
    convolved = [examples * conv.places for conv in network.conv_layers]
    rows = [*convolved, *[examples] * (len(network.layers) - 1)]
    return tuple(
        Product(number, n_in, n_out)
        for number, (n_in, n_out) in zip(rows, network.shapes, strict=True)
    )


def gradient_products(network: Network, examples: int) -> tuple[Product, ...]:
    """Return ``A' D``, the gradient of every weight matrix."""
    return tuple(
        Product(product.inner, product.rows, product.columns)
        for product in forward_products(network, examples)
    )


def delta_products(network: Network, examples: int) -> tuple[Product, ...]:
    """Return ``D W'`` of every layer but the first: nothing is propagated to the inputs."""
    return tuple(
        Product(product.rows, product.columns, product.inner)
        for product in forward_products(network, examples)[1:]
    )


def step_operations(network: Network, examples: int) -> int:
    """Return the operations in all matrix products of one step."""
    return _operations(
        *forward_products(network, examples),
        *gradient_products(network, examples),
        *delta_products(network, examples),
    )


def work_of(network: Network, training: Training, examples: int) -> dict[str, Work]:
    """Return the work of every phase and of the step on ``examples`` examples.

    The step has all operations of its phases, but fewer bytes than their sum: activations and
    gradients need not leave the cache when phases run into one another.
    """
    itemsize = np.dtype(network.dtype).itemsize
    inputs, outputs = network.layers[0], network.layers[-1]
    # Values between them, those of pooled maps included.
    hidden = sum(conv.outputs for conv in network.conv_layers) + sum(network.layers[1:-1])
    # Nodes whose outputs dropout multiplies.
    layers = zip(network.layers[1:-1], network.dropout_rates, strict=True)
    thinned = sum(nodes for nodes, rate in layers if rate)
    parameters = network.parameter_count
    weights = sum(n_in * n_out for n_in, n_out in network.shapes)
    penalties = bool(training.l1) + bool(training.l2)
    # What outlives a step is read and written: parameters, and what the optimiser remembers.
    remembers = training.optimiser != "sgd" or training.momentum
    kept = 2 * (1 + (MEMORIES[training.optimiser] if remembers else 0))

    # Rows of the data and of the targets are read and written.
    prepare = Work(0, 0, 2 * examples * (inputs + outputs) * itemsize)

    # Bias, activation and dropout of every node, and what finds the largest of each square.
    # Inputs and parameters are read, every layer is written for the way back; the place of the
    # largest in its square is a few bits and not counted.
    compared = sum((conv.pool**2 - 1) * conv.outputs for conv in network.conv_layers)
    activated = (1 + _ACTIVATION[network.activation]) * hidden
    activated += (1 + _ACTIVATION[network.output]) * outputs
    forward = Work(
        _operations(*forward_products(network, examples)),
        examples * (activated + thinned + compared),
        (examples * (inputs + hidden + outputs) + parameters) * itemsize,
    )

    # Loss and mean error of every output, and two operations per weight and penalty.  Outputs and
    # targets are read, and the weights where there is a penalty.
    loss = Work(
        0,
        (_LOSS[network.loss] + _MEAN_ERROR) * examples * outputs + 2 * penalties * weights,
        (2 * examples * outputs + (weights if penalties else 0)) * itemsize,
    )

    # Deltas from outputs, sums for the biases, the sums of the deltas of overlapping patches for
    # all convolutions but the first, and the penalty's share of every gradient.  The activations
    # of every layer and the targets are read, and the weights that deltas or a penalty need;
    # gradients are written.
    overlaps = sum(conv.places * conv.shape[0] for conv in network.conv_layers[1:])
    deltas = (_OUTPUT_DELTA[network.loss] + (training.reduction == "mean")) * outputs
    deltas += (_SLOPE_FROM_OUTPUT[network.activation] + 1) * hidden
    penalty = (2 * bool(training.l2) + 3 * bool(training.l1)) * weights
    first = network.shapes[0][0] * network.shapes[0][1]
    needed = weights if penalties else weights - first
    backward = Work(
        _operations(*gradient_products(network, examples), *delta_products(network, examples)),
        examples * (deltas + thinned + hidden + outputs + overlaps) + penalty,
        (examples * (inputs + hidden + 2 * outputs) + needed + parameters) * itemsize,
    )

    # The optimiser's formula for every parameter; gradients are read.
    operations = _UPDATE.get(training.optimiser, 4 if training.momentum else 2)
    update = Work(0, operations * parameters, (1 + kept) * parameters * itemsize)

    phases = {
        "prepare": prepare,
        "forward": forward,
        "loss": loss,
        "backward": backward,
        "update": update,
    }
    step = Work(
        sum(work.products for work in phases.values()),
        sum(work.elementwise for work in phases.values()),
        prepare.bytes // 2 + kept * parameters * itemsize,
    )
    return {**phases, STEP: step}


def _operations(*products: Product) -> int:
    return sum(product.operations for product in products)


def bound(work: Work, peaks: Peaks, cache_bytes: float) -> Bound:
    """Return the least time for ``work``.

    As many bytes as the caches hold, ``cache_bytes``, may lie in them and move at the rate of a
    cached copy; only the rest must come from memory.  Without a known cache size, infinity is the
    safe value: the bound is lower then, never wrong.
    """
    computing = work.products / peaks.gemm
    cached = min(work.bytes, cache_bytes)
    near, far = cached / peaks.cached_copy, (work.bytes - cached) / peaks.copy
    if computing >= near + far:
        return Bound(computing, "products")
    return Bound(near + far, "memory" if far > near else "cache")


def largest_cache(caches: Mapping[str, str]) -> int | None:
    """Return the bytes of the largest cache of sizes such as ``32768K`` or ``32 MiB``.

    None where none is told in such words, which is how the system writes them.
    """
    matches = [_SIZE.fullmatch(size.strip()) for size in caches.values()]
    sizes = [round(float(match[1]) * _UNITS[match[2]]) for match in matches if match]
    return max(sizes, default=None)
