"""What the compiled kernels are given: network, memory and optimiser as tuples of arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from impls.mathematics import dropout
from impls.mathematics.dropout import Words
from impls.networks import Network, Training
from impls.numba.elementwise import ACTIVATION_CODES, LOSS_CODES
from impls.numba.registers import LANES, MOST_BYTES, VECTORS
from impls.parameters import Floats, Indices

PREPARE, FORWARD, LOSS, BACKWARD = 1, 2, 4, 8
"""The phases up to the gradients, bits of a mask."""
UP_TO_GRADIENTS = PREPARE | FORWARD | LOSS | BACKWARD
PRODUCTS = FORWARD | BACKWARD
"""The phases that call BLAS."""
REDUCE, PENALTY, UPDATE = 16, 32, 64
"""The tasks after the gradients, bits of another mask: sum over the team, penalty, update.

Every task is a pass over the parameters, and each pass computes the penalty.  ``PENALTY`` asks for
a pass that changes nothing.
"""
AFTER_GRADIENTS = REDUCE | PENALTY | UPDATE
SGD, ADAM, RMSPROP = range(3)
OPTIMISER_CODES = {"sgd": SGD, "adam": ADAM, "rmsprop": RMSPROP}
SMALL_PRODUCT = 10**6
"""Products of at most this many multiplications go to OpenBLAS's kernels for small products, where
it has them (its sgemm_small_kernel_permit).  These do without packing their operands first."""
LEAST_TILE_ROWS, MOST_TILE_ROWS = 16, 512
"""The fewest rows of a tile that small kernels are used for, and the most of any tile."""
REGISTER_TILE_ROWS = 64
"""Rows of a tile whose first product stays in registers; a batch of no more is small for BLAS."""
LEAST_WORK, LEAST_THREAD_ROWS = 900_000, 16
"""The least work of a thread, as rows times parameters, and its fewest rows in small networks."""


class Net(NamedTuple):
    """The network: nodes per layer, activation code per layer above the input, loss code.

    ``averaged`` says whether the loss is averaged over the batch.  The starts say where something
    begins: the weights and the biases of each layer among all parameters, and the nodes of each
    layer among those of all layers; the last one is their number.  ``parameters`` counts weights
    and biases.

    Dropout: per hidden layer, ``thresholds`` is 0 where nothing is dropped and ``scales`` is what
    the rest is multiplied by.  ``columns`` holds the keys of their words one layer after another,
    ``column_starts`` where each layer begins in it.

    ``in_registers`` says of each layer whether its products are those of
    :mod:`impls.numba.registers`, and ``places`` counts the rows of a tile from 0 for them.
    ``tile_rows`` is how many rows go through the network together, ``least_rows`` how many of a
    batch are worth a thread.  There is no tuple in this one: parallel loops take none that has.
    """

    layers: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int64]
    loss: int
    averaged: bool
    seed: int
    thresholds: Words
    scales: Floats
    columns: Words
    column_starts: npt.NDArray[np.int64]
    weight_starts: npt.NDArray[np.int64]
    bias_starts: npt.NDArray[np.int64]
    node_starts: npt.NDArray[np.int64]
    in_registers: npt.NDArray[np.bool_]
    places: npt.NDArray[np.int64]
    parameters: int
    tile_rows: int
    least_rows: int


class Memory(NamedTuple):
    """Everything a step reads and writes.

    ``X`` and ``Y`` are the data.  ``theta`` holds weights, then biases (:class:`.Flat`), the
    rows of ``remembered`` what the optimiser remembers of them, in the same order.  The others have
    one row per buffer: ``A`` and ``D`` activations and deltas, one layer after another, ``T``
    targets, ``G`` gradients, of which those of the first part become the sum, ``sums`` data loss
    and absolute error, and the penalty of each part of the parameters.  ``sync`` is that of
    :mod:`impls.numba.team`.
    """

    X: Floats
    Y: Floats
    theta: Floats
    remembered: Floats
    A: Floats
    D: Floats
    T: Floats
    G: Floats
    sums: npt.NDArray[np.float64]
    sync: npt.NDArray[np.int32]


class SparseRows(NamedTuple):
    """What differs from the background in sparse columns, row by row.

    Row ``i`` has ``values[starts[i] : starts[i + 1]]``, differences from ``background``, in
    ``columns`` of the same range.  Their number is a multiple of what a loop takes at a time, by
    zeros at the end.
    """

    starts: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int32]
    values: Floats
    background: Floats


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


class Request(NamedTuple):
    """What is asked for: the masks of ``phases`` and ``tasks``, and how.

    ``order`` holds the row numbers of all batches, and ``losses`` receives data, penalty and mean
    error of each batch.  ``threads`` are those that may work, ``updates`` counts those since
    parameters were loaded.
    """

    phases: int
    tasks: int
    threads: int
    batch_size: int
    updates: int
    order: Indices
    losses: npt.NDArray[np.float64]


class Step(NamedTuple):
    """One step of a request: ``team`` threads work on it.

    ``shared_tasks`` is the mask of those in which the team shares the parameters, ``single_tasks``
    of those that one thread does.  ``key`` is that of the dropout masks.  The loss of an example is
    multiplied by ``scale``, and ``rate`` is the learning rate with the optimiser's corrections.
    """

    phases: int
    shared_tasks: int
    single_tasks: int
    team: int
    key: np.uint32
    scale: np.float32
    rate: np.float32


class Share(NamedTuple):
    """The ``rows`` of a batch that are a part of a stage; the first is row ``first`` of the batch.

    Results go to ``buffer``.
    """

    stage: int | np.int64
    part: int | np.int64
    buffer: int | np.int64
    first: int
    rows: Indices


class Tile(NamedTuple):
    """``size`` of a share's ``rows``, from ``start`` on, that go through together.

    ``place`` is the first of their rows in the share's buffer, ``first`` that in the batch.
    """

    buffer: int | np.int64
    rows: Indices
    start: int
    size: int
    place: int
    first: int


def describe(network: Network, training: Training, *, parameters: int, small_kernels: bool) -> Net:
    """Return the network as the kernels take it.

    ``parameters`` are all that a step moves.  Where they are more than those of ``network``, the
    others come first: weights of sparse columns.  For ``small_kernels`` see :func:`tile_rows`.
    """
    names = [network.activation] * (len(network.layers) - 2) + [network.output]
    weights = [n_in * n_out for n_in, n_out in network.shapes]
    ends = parameters - network.parameter_count + np.cumsum([0, *weights])
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
        column_starts=np.cumsum([0, *map(len, columns)]),
        weight_starts=ends[:-1].copy(),
        bias_starts=ends[-1] + np.cumsum([0, *network.layers[1:-1]]),
        node_starts=np.cumsum([0, *network.layers]),
        in_registers=np.array(in_registers(network, training.batch_size)),
        places=np.arange(MOST_TILE_ROWS),
        parameters=parameters,
        tile_rows=tile_rows(network, training.batch_size, small_kernels=small_kernels),
        least_rows=least_rows(parameters),
    )


def in_registers(network: Network, batch_size: int) -> list[bool]:
    """Return of each layer whether its products are those of :mod:`impls.numba.registers`.

    They are faster where all columns fit into the registers at once, or where a batch is too small
    to make up for what BLAS does first.
    """
    is_small = batch_size <= REGISTER_TILE_ROWS
    return [
        bool(LANES) and 4 * n_in * n_out <= MOST_BYTES and (is_small or n_out <= VECTORS * LANES)
        for n_in, n_out in network.shapes
    ]


def tile_rows(network: Network, batch_size: int, *, small_kernels: bool) -> int:
    """Return the rows that go through the network together.

    As many as leave room in the second cache for the weights and gradients of the first layer.
    Where BLAS multiplies, few enough for its ``small_kernels``, if it has such and the network
    leaves them some rows; else as many as keep their activations in the cache.
    """
    if in_registers(network, batch_size)[0]:
        return REGISTER_TILE_ROWS
    rows = SMALL_PRODUCT // max(n_in * n_out for n_in, n_out in network.shapes)
    return rows if small_kernels and LEAST_TILE_ROWS <= rows < MOST_TILE_ROWS else MOST_TILE_ROWS


def least_rows(parameters: int) -> int:
    """Return rows of a batch that are worth waking a thread for: fewer where each is more work."""
    return min(LEAST_THREAD_ROWS, -(-LEAST_WORK // parameters))


def describe_update(training: Training, rate: float) -> Rates:
    """Return the optimiser as the kernels take it, at the current learning ``rate``."""
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
