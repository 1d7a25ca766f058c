"""What the compiled kernels are given: network, memory and optimiser as tuples of arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from impls.mathematics import dropout
from impls.mathematics.dropout import Words
from impls.networks import Network, Training
from impls.numba.math import ACTIVATION_CODES, LOSS_CODES
from impls.parameters import Floats

SGD, ADAM, RMSPROP = range(3)
OPTIMISER_CODES = {"sgd": SGD, "adam": ADAM, "rmsprop": RMSPROP}
SMALL_PRODUCT = 10**6
"""So many multiplications at most go to OpenBLAS's kernels for small products, where it has them
(its sgemm_small_kernel_permit).  These do without packing their operands first."""
LEAST_ROWS, MOST_ROWS = 16, 512
LEAST_WORK, LEAST_WORK_ROWS = 1_800_000, 32
"""A thread gets so many rows times parameters, or in small networks so many rows."""


class Net(NamedTuple):
    """The network: nodes per layer, activation code per layer above the input, loss code.

    ``averaged`` says whether the loss is averaged over the batch.  Per hidden layer, ``thresholds``
    is 0 where nothing is dropped and ``scales`` is what the rest is multiplied by; ``columns``
    holds the keys of their words one layer after another, ``starts`` where each begins.
    ``tile_rows`` is how many rows go through the network together, ``least_rows`` how many of a
    batch are worth a thread.
    """

    layers: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int64]
    loss: int
    averaged: bool
    seed: int
    thresholds: Words
    scales: Floats
    columns: Words
    starts: npt.NDArray[np.int64]
    tile_rows: int
    least_rows: int


class Memory(NamedTuple):
    """Everything a step reads and writes.

    ``X`` holds the dense columns of the examples; ``starts``, ``columns``, ``values`` and
    ``background`` are the sparse ones (see :mod:`impls.numba.sparse_rows`), to which the first
    rows of the first weight matrix belong, ``offset`` parameters.
    ``theta`` holds weights, then biases (see :mod:`impls.flat`), the rows of ``remembered`` what
    the optimiser remembers of them, in the same order.  The others have one row per thread: ``A``
    and ``D`` activations and deltas, one layer after another, ``T`` targets, ``G`` gradients, of
    which the first row becomes the sum, ``sums`` data loss, absolute error and penalty.
    """

    X: Floats
    starts: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    values: Floats
    background: Floats
    offset: int
    Y: Floats
    theta: Floats
    remembered: Floats
    A: Floats
    D: Floats
    T: Floats
    G: Floats
    sums: npt.NDArray[np.float64]


class Rates(NamedTuple):
    """The optimiser's code and coefficients.

    Those that are multiplied with parameters are in their dtype.  ``rate``, ``beta1`` and
    ``beta2`` are not: their rests to 1 and their powers are taken before they are rounded.
    """

    optimiser: int
    rate: float
    beta1: float
    beta2: float
    momentum: np.float32
    l1: np.float32
    l2: np.float32
    rho: np.float32
    rest_of_rho: np.float32
    epsilon: np.float32


def describe(network: Network, training: Training, *, parameters: int, small_kernels: bool) -> Net:
    """The network as the kernels take it.

    ``parameters`` are all that a step moves, those of sparse columns included; for
    ``small_kernels`` see :func:`tile_rows`.
    """
    names = [network.activation] * (len(network.layers) - 2) + [network.output]
    rates = network.dropout_rates
    columns = [dropout.column_keys(network, layer + 1) for layer in range(len(rates))]
    return Net(
        layers=np.array(network.layers),
        codes=np.array([ACTIVATION_CODES[name] for name in names]),
        loss=LOSS_CODES[network.loss],
        averaged=training.reduction == "mean",
        seed=training.dropout_seed & 0xFFFFFFFF,
        thresholds=np.array([dropout.threshold(r) << dropout.HALF_BITS for r in rates], np.uint32),
        scales=np.array([1 / (1 - rate) for rate in rates], np.float32),
        columns=np.concatenate([*columns, np.empty(0, np.uint32)]),
        starts=np.cumsum([0, *map(len, columns)]),
        tile_rows=tile_rows(network, small_kernels=small_kernels),
        least_rows=least_rows(parameters),
    )


def tile_rows(network: Network, *, small_kernels: bool) -> int:
    """Rows that go through the network together.

    Few enough for ``small_kernels``, where BLAS has such and the network leaves them some rows;
    else as many as keep their activations in the cache.
    """
    rows = SMALL_PRODUCT // max(n_in * n_out for n_in, n_out in network.shapes)
    return rows if small_kernels and LEAST_ROWS <= rows < MOST_ROWS else MOST_ROWS


def least_rows(parameters: int) -> int:
    """Rows of a batch that are worth waking a thread for: fewer where each is more work."""
    return min(LEAST_WORK_ROWS, -(-LEAST_WORK // parameters))


def describe_update(training: Training, rate: float) -> Rates:
    """The optimiser as the kernels take it, at the current learning ``rate``."""
    return Rates(
        optimiser=OPTIMISER_CODES[training.optimiser],
        rate=rate,
        beta1=training.beta1,
        beta2=training.beta2,
        momentum=np.float32(training.momentum),
        l1=np.float32(training.l1),
        l2=np.float32(training.l2),
        rho=np.float32(training.rho),
        rest_of_rho=np.float32(1 - training.rho),
        epsilon=np.float32(training.epsilon),
    )
