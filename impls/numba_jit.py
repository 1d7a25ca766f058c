"""Compiled with Numba: fused kernels around BLAS, one team of threads for the whole step.

- *The batch is split over threads*, and each thread takes its rows through all layers and back
  with matrix products of its own.  Threads meet once per step instead of once per product.  BLAS
  runs with one thread inside; a threaded BLAS within a threaded loop would multiply the two.
- *Element-wise work is fused*: bias, exponential and division in one pass over memory, delta and
  slope in another.
- *Tiles* of a few hundred rows stay in the cache from the first product to the last gradient.
- *The whole epoch is one call*, so small batches pay for Python once per epoch, not per step.
- *Small batches stay on one thread*, where waking a second one costs more than it saves.

Numba's matrix products go through SciPy's copy of BLAS, not NumPy's: the report lists both.
"""

from __future__ import annotations

import warnings

import numba
import numpy as np
import numpy.typing as npt
import scipy.linalg.cython_blas  # loads the BLAS that Numba calls
from numba.core.errors import NumbaPerformanceWarning
from threadpoolctl import ThreadpoolController

from impls import contract, numba_kernels as kernels
from impls.contract import Loss, Pool
from impls.flat import Flat
from impls.networks import Network, Training
from impls.numba_math import ACTIVATION_CODES, LOSS_CODES
from impls.parameters import Floats, Parameters, Rows

# An operand that is not contiguous would be copied at every product.
warnings.filterwarnings("error", category=NumbaPerformanceWarning)


class Trainer(contract.Trainer):
    """Row-ordered slices per thread, flat parameters, compiled epoch."""

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        if network.dtype != "float32":
            return f"the kernels compute in float32, not {network.dtype}"
        return None

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        return (
            Pool(library="numba", version=numba.__version__, threads=numba.get_num_threads()),
        )

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.P, self.G = Flat(network), Flat(network)
        self.previous = np.zeros_like(self.P.vector)
        self.layers = np.array(network.layers)
        names = [network.activation] * (len(network.layers) - 2) + [network.output]
        self.codes = np.array([ACTIVATION_CODES[name] for name in names])
        self.loss_code = LOSS_CODES[network.loss]
        self.threads = numba.get_num_threads()
        self.blas = ThreadpoolController().select(user_api="blas")
        self._reserve(training.batch_size)
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        self.P.fill(parameters)
        self.previous[:] = 0

    def _reserve(self, batch_size: int) -> None:
        """Make buffers for each thread's share of a batch, touched only when used."""
        share = -(-batch_size // self.threads)
        capacity = max(share, 2 * kernels.MINIMUM_ROWS)
        shape = (self.threads, capacity * int(self.layers.sum()))
        self.A, self.D = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self.T = np.empty((self.threads, capacity, int(self.layers[-1])), np.float32)
        self.thread_G = np.empty((self.threads, self.P.vector.size), np.float32)
        self.extra = np.empty_like(self.thread_G)
        self.sums = np.zeros((self.threads, 2))
        self.capacity = batch_size

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X, self.Y = X, Y

    @property
    def _batch_state(self) -> tuple[object, ...]:
        return (
            self.X, self.Y, self.layers, self.codes, self.loss_code, self.P.vector,
            self.A, self.D, self.T, self.thread_G, self.extra, self.sums,
        )  # fmt: skip

    @property
    def _finish_state(self) -> tuple[object, ...]:
        training = self.training
        return (
            self.G.vector, self.previous, self.P.weights.size, np.float32(self.learning_rate),
            np.float32(training.momentum), np.float32(training.l1), np.float32(training.l2),
        )  # fmt: skip

    def _run(self, phases: int) -> None:
        with self.blas.limit(limits=1):
            self.team = kernels.run_batch(self.threads, phases, self.rows, *self._batch_state)

    def _finish(self, parts: int) -> float:
        penalty: float = kernels.finish(
            parts, self.team, self.P.vector, self.thread_G, *self._finish_state
        )
        return penalty

    def _loss(self, penalty: float) -> Loss:
        data, error = self.sums[: self.team].sum(axis=0)
        return Loss(data, penalty, error / (len(self.rows) * self.network.layers[-1]))

    def _take(self, rows: Rows) -> None:
        if len(rows) > self.capacity:
            self._reserve(len(rows))
        self.rows = rows

    def prepare(self, rows: Rows) -> None:
        self._take(rows)
        self._run(kernels.PREPARE)

    def forward(self) -> None:
        self._run(kernels.FORWARD)

    def loss(self) -> Loss:
        self._run(kernels.LOSS)
        return self._loss(self._finish(kernels.PENALTY))

    def backward(self) -> None:
        self._run(kernels.BACKWARD)
        self._finish(kernels.REDUCE)

    def update(self) -> None:
        self._finish(kernels.UPDATE)

    def step(self, rows: Rows) -> Loss:
        self._take(rows)
        self._run(kernels.EVERYTHING)
        return self._loss(self._finish(kernels.REDUCE | kernels.PENALTY | kernels.UPDATE))

    def epoch(self, order: Rows) -> npt.NDArray[np.float64]:
        batch_size = self.training.batch_size
        losses = np.empty((-(-len(order) // batch_size), 3))
        with self.blas.limit(limits=1):
            kernels.run_epoch(
                order, batch_size, self.threads, *self._batch_state, *self._finish_state, losses
            )
        return losses

    def predict(self, X: Floats) -> Floats:
        outputs = np.empty((len(X), self.network.layers[-1]), np.float32)
        with self.blas.limit(limits=1):
            kernels.predict(X, self.layers, self.codes, self.P.vector, outputs)
        return outputs

    def parameters(self) -> Parameters:
        return self.P.canonical()

    def gradients(self) -> Parameters:
        return self.G.canonical()
