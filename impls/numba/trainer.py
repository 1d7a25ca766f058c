"""Compiled with Numba: fused kernels, one team of threads for the whole step.

- *The batch is split over threads*, and each thread takes its rows through all layers and back
  with its own matrix products.  Threads meet once per step, not once per product.  BLAS runs with
  one thread inside; a threaded BLAS within a threaded loop would multiply the two.
- *Threads that wait take over* what a late one has not begun, and then sleep: a busy neighbour
  costs its share of the processors, and no more; see :mod:`impls.numba.team`.
- *Products of narrow layers stay in registers*, by code of our own, where BLAS reaches two thirds
  of the rate: :mod:`impls.numba.registers`.  They read examples where they lie, without a copy.
- *Element-wise work is fused*: bias, exponential and division in one pass over memory, delta and
  slope in another.
- *Tiles* of rows stay in the cache from the first product to the last gradient.  Where OpenBLAS
  multiplies and has kernels for small products, a tile is just small enough for them.
- *Rows are prefetched*: a shuffled batch is scattered over memory, which no processor can guess.
- *The whole epoch is one call*, so small batches pay once per epoch for Python and for starting the
  threads, not per step.
- *Small batches stay on one thread*, where waking a second one costs more than it saves.

Numba's matrix products go through SciPy's copy of BLAS, not NumPy's: the report lists both.

*Several trainers in a pool of threads* take turns, kernel by kernel.  *After a fork* nothing here
may be used if it was used before: the team of threads is not forked with it.  Start processes with
``spawn`` or ``forkserver``.
"""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import ClassVar

import msgspec
import numba
import numpy as np
import numpy.typing as npt
import scipy.linalg.cython_blas  # noqa: F401  # loads the BLAS that Numba calls
from numba.core import config
from numba.np.ufunc.parallel import threading_layer
from threadpoolctl import ThreadpoolController

from impls import contract
from impls.contract import DENSE_FEATURES, Feature, Loss, Pool, State
from impls.mathematics.optimisers import MEMORIES
from impls.networks import Network, Training
from impls.numba import epoch, state, team
from impls.numba.state import Memory, Net, Request, SparseRows, describe, describe_update
from impls.numba.update import team_size
from impls.parameters import Flat, Floats, Indices, Parameters, batches, read_only

WITH_SMALL_KERNELS = {"SkylakeX", "Cooperlake", "SapphireRapids"}
"""The processors for which OpenBLAS has kernels for small float32 products."""

Losses = npt.NDArray[np.float64]

_TEAM = threading.Lock()
"""One team of threads, and one setting of BLAS, for the whole process.

Numba's layer ``workqueue`` ends the process where two threads start a parallel kernel at once.
"""


class Trainer(contract.Trainer):
    """Row-ordered slices per thread, flat parameters, compiled epoch."""

    features: ClassVar[frozenset[Feature]] = DENSE_FEATURES

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        if network.dtype != "float32":
            return f"the kernels compute in float32, not {network.dtype}"
        return super().supports(network, training)

    @classmethod
    def unavailable(cls) -> str | None:
        if config.DISABLE_JIT:  # type: ignore[attr-defined]  # set at import
            return "NUMBA_DISABLE_JIT is set, so that Numba compiles nothing: unset it"
        return super().unavailable()

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        return (Pool(library="numba", version=numba.__version__, threads=numba.get_num_threads()),)

    @classmethod
    def declared(cls) -> dict[str, str]:
        # Exponentials are polynomials of our own, but logarithms would be SVML's.
        svml = "on" if config.USING_SVML else "off"  # type: ignore[attr-defined]  # set at import
        return {"threading layer": _threading_layer(), "SVML": svml}

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.P = Flat(network)
        self.remembered = np.zeros((MEMORIES[training.optimiser], self.P.vector.size), np.float32)
        self.threads = numba.get_num_threads()
        self.blas = ThreadpoolController().select(user_api="blas")
        self.rates = describe_update(training, training.learning_rate)
        self.net = self._describe(network, training)
        self.X = self.Y = read_only(np.empty((0, 0), np.float32))
        self.sparse: SparseRows | None = None
        super().__init__(network, training, parameters)
        self._reserve(training.batch_size)

    def _describe(self, network: Network, training: Training) -> Net:
        """Return ``network`` as the kernels take it, with tiles that suit the BLAS."""
        kernels_of_blas = {library.get("architecture") for library in self.blas.info()}
        small = not kernels_of_blas.isdisjoint(WITH_SMALL_KERNELS)
        size = self.P.vector.size
        return describe(network, training, parameters=size, small_kernels=small)

    def load(self, parameters: Parameters) -> None:
        self.P.fill(parameters)
        self.remembered[:] = 0
        self.updates = 0

    def bind(self, X: Floats, Y: Floats) -> None:
        # The kernels go by addresses: what lies otherwise would be read as something else.  Numba
        # would compile them again for arrays that can be written to.
        self.X, self.Y = (read_only(np.ascontiguousarray(data, np.float32)) for data in (X, Y))
        self._reserve(self.training.batch_size)

    def _reserve(self, batch_size: int) -> None:
        """Make buffers for each thread's share of a batch; memory is touched only when used."""
        share = -(-batch_size // self.threads)
        self.thread_rows = max(share, 2 * self.net.least_rows)
        buffers = self.threads * (1 + team.SPARE_BUFFERS)
        layers = (buffers, self.thread_rows * sum(self.network.layers))
        self.memory = Memory(
            X=self.X,
            Y=self.Y,
            theta=self.P.vector,
            remembered=self.remembered,
            A=np.empty(layers, np.float32),
            D=np.empty(layers, np.float32),
            T=np.empty((buffers, self.thread_rows, self.network.layers[-1]), np.float32),
            G=np.zeros((buffers, self.P.vector.size), np.float32),
            sums=np.zeros((buffers, 3)),
            sync=np.zeros(team.words(self.threads), np.int32),
        )
        self.capacity = batch_size

    def _run(self, phases: int, tasks: int, order: Indices, batch_size: int) -> Losses:
        """Call the kernel; the loss values are those of each batch of ``order``."""
        if self.rates.rate != self.learning_rate:
            self.rates = describe_update(self.training, self.learning_rate)
        losses = np.empty((-(-len(order) // batch_size), 3))
        numbers = read_only(np.ascontiguousarray(order, np.int64))
        request = Request(phases, tasks, self.threads, batch_size, self.updates, numbers, losses)
        one_thread: AbstractContextManager[object] = nullcontext()
        with _TEAM:
            # Read at every call, for it may be changed between calls.  That takes a microsecond; a
            # limit takes as long as a small forward pass, so it is set only where it is needed.
            if phases & state.PRODUCTS and any(
                library.num_threads != 1 for library in self.blas.lib_controllers
            ):
                one_thread = self.blas.limit(limits=1)
            self.memory.sync[:] = 0
            with one_thread:
                epoch.run(request, self.rates, self.net, self.memory, self.sparse)
        if tasks & state.UPDATE:
            self.updates += len(losses)
        return losses

    def _run_phase(self, phases: int, tasks: int = 0) -> Losses:
        return self._run(phases, tasks, self.rows, len(self.rows))

    def _take(self, rows: Indices) -> None:
        if len(rows) > self.capacity:
            self._reserve(len(rows))
        self.rows = rows

    def prepare(self, rows: Indices) -> None:
        self._take(rows)
        self._run_phase(state.PREPARE)

    def forward(self) -> None:
        self._run_phase(state.FORWARD)

    def loss(self) -> Loss:
        return Loss(*self._run_phase(state.LOSS, state.PENALTY)[0])

    def backward(self) -> None:
        self._run_phase(state.BACKWARD, state.REDUCE)

    def update(self) -> None:
        self._run_phase(0, state.UPDATE)

    def step(self, rows: Indices) -> Loss:
        self._take(rows)
        return Loss(*self._run_phase(state.UP_TO_GRADIENTS, state.AFTER_GRADIENTS)[0])

    def epoch(self, order: Indices) -> Losses:
        return self._run(
            state.UP_TO_GRADIENTS, state.AFTER_GRADIENTS, order, self.training.batch_size
        )

    def predict(self, X: Floats) -> Floats:
        """Return outputs by a second trainer, so that the batch in work stays as it is."""
        network = msgspec.structs.replace(self.network, dropout=())
        other = Trainer(network, self.training, self.parameters())
        outputs = np.zeros((len(X), self.network.layers[-1]), np.float32)
        other.bind(X, outputs)
        for rows in batches(np.arange(len(X)), self.training.batch_size):
            other.prepare(rows)
            other.forward()
            outputs[rows] = other.outputs()
        return outputs

    def outputs(self) -> Floats:
        """Return the last activations of the batch in work, collected from the threads' buffers."""
        rows, nodes = len(self.rows), self.network.layers[-1]
        members = team_size.py_func(self.threads, rows, self.net.least_rows)
        shares = [rows * (t + 1) // members - rows * t // members for t in range(members)]
        start = self.thread_rows * sum(self.network.layers[:-1])
        A = self.memory.A
        return np.concatenate(
            [A[t, start : start + n * nodes].reshape(n, nodes) for t, n in enumerate(shares)]
        )

    def state(self) -> State:
        memory = tuple(Flat(self.network, vector).canonical() for vector in self.remembered)
        return State(self.parameters(), memory, self.updates)

    def resume(self, state: State) -> None:
        super().resume(state)
        self.updates = state.updates
        for vector, given in zip(self.remembered, state.memory or (), strict=False):
            Flat(self.network, vector).fill(given)

    def parameters(self) -> Parameters:
        return self.P.canonical()

    def gradients(self) -> Parameters:
        buffer = team.buffer_of.py_func(self.memory.sync, 0)
        return Flat(self.network, self.memory.G[buffer]).canonical()


def _threading_layer() -> str:
    """Return what starts Numba's threads; chosen when the first parallel kernel runs."""
    try:
        return str(threading_layer())  # type: ignore[no-untyped-call]  # Numba has no types here
    except ValueError:
        asked = config.THREADING_LAYER  # type: ignore[attr-defined]  # set at import
        return f"not chosen yet, {asked} asked for"
