"""JAX: the whole epoch as one compiled loop, gradients by ``jax.vjp``, on a CPU or a GPU.

- *The epoch is one call*: batches are gathered, run through the network and learned from inside a
  loop that XLA compiles.  The number of batches is a variable, so that epochs of any length share
  one compilation; apart from that it is ``lax.scan``, and as fast.  A shorter last batch is a
  step.
- *Parameters and memory are donated*: XLA writes the new ones where the old ones were.
- *The delta of the last layer is given, not derived*: ``vjp`` starts where log loss and sigmoid,
  or cross-entropy and softmax, have cancelled.
- *Tiles*: on a CPU gradients of a large batch are summed over a thousand rows at a time, whose
  activations stay in the cache; :mod:`impls.jax.device` says what differs on a GPU.
- *Convolutions* have a file of their own, :mod:`impls.jax.convolution`.

XLA reads none of the usual thread variables and has no flag for threads.  It starts one thread for
each processor that the process may use, or as many as the undocumented ``PJRT_NPROC`` says.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from impls.contract import FEATURES, Feature, Loss, Pool, State
from impls.errors import UsageError
from impls.jax import epochs
from impls.jax.compiled import NUMBERS, Array, Pairs, compiled
from impls.jax.device import CPU, GPU, Device, peak_bytes
from impls.mathematics.dropout import column_keys, hash_of
from impls.mathematics.optimisers import MEMORIES
from impls.networks import Formulas, Network, Training
from impls.parameters import Floats, Indices, Parameters


class Trainer(epochs.Trainer):
    """Compiled functions on pairs of weights and biases."""

    features: ClassVar[frozenset[Feature]] = FEATURES
    device: ClassVar[Device] = CPU

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        if network.dtype != "float32":
            return f"JAX has its 64-bit types switched off, and with them {network.dtype}"
        return super().supports(network, training)

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        return cls.device.pools()

    @classmethod
    def unavailable(cls) -> str | None:
        try:
            cls.device.precision()
        except UsageError as error:
            return str(error)
        return cls.device.absence()

    @classmethod
    def declared(cls) -> dict[str, str]:
        # On a CPU both are the same word.
        where = dict.fromkeys([cls.device.platform, cls.device.first().device_kind])
        exact = {"precision of products": cls.device.precision(), "platform": ", ".join(where)}
        return {**exact, **cls.device.declared()}

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        formulas = Formulas.of(network, training)
        self.run = compiled(formulas, self.device, self.device.precision())
        self.tile_rows = self.device.tile_rows(formulas)
        self.place = self.device.first()
        columns = [column_keys(network, layer + 1) for layer in range(len(formulas.dropout_rates))]
        seed = np.uint32(hash_of(training.dropout_seed & 0xFFFFFFFF))
        self.dropout = (seed, [jnp.array(keys, device=self.place) for keys in columns])
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        self.P = _pairs(parameters, self.place)
        count = MEMORIES[self.training.optimiser]
        self.memory = tuple(jax.tree.map(jnp.zeros_like, self.P) for _ in range(count))
        self.updates = 0
        self.latest = self.P, self.memory

    def bind(self, X: Floats, Y: Floats) -> None:
        X, Y = (jnp.asarray(part, device=self.place) for part in (X, Y))
        self.data = self.latest = (X, Y)

    def _numbers(self) -> npt.NDArray[np.float32]:
        """Return the numbers of the training, as compiled functions take them."""
        training = self.training
        logs = [math.log(b) if b else -math.inf for b in (training.beta1, training.beta2)]
        derived = {"rate": self.learning_rate, "log_beta1": logs[0], "log_beta2": logs[1]}
        return np.array(
            [derived[n] if n in derived else getattr(training, n) for n in NUMBERS],
            np.float32,
        )

    def _scale(self, examples: int) -> np.float32:
        return np.float32(self.training.data_scale(examples))

    def _settings(self, examples: int) -> tuple[Any, ...]:
        """Return what a compiled step of a batch takes after its rows."""
        return self._scale(examples), self._numbers(), self.dropout, np.uint32(self.updates)

    def prepare(self, rows: Indices) -> None:
        self.examples = len(rows)
        first = range(0, len(rows), self.tile_rows)
        parts = [rows[row : row + self.tile_rows] for row in first]
        self.batch = [self.run.gather(self.data, part) for part in parts]
        self.latest = self.batch

    def forward(self) -> None:
        seed, columns = self.dropout
        key = hash_of((int(seed) + self.updates) & 0xFFFFFFFF)
        keys = [key + index * self.tile_rows for index in range(len(self.batch))]
        self.outputs = [
            self.run.forward(self.P, X, columns, np.uint32(first & 0xFFFFFFFF))
            for (X, _), first in zip(self.batch, keys, strict=True)
        ]
        self.latest = self.outputs

    def loss(self) -> Loss:
        sums = [
            self.run.loss(Z, A, T)
            for (Z, A, _), (_, T) in zip(self.outputs, self.batch, strict=True)
        ]
        penalty = self.run.penalty(self.P, self._numbers())
        self.latest = sums, penalty
        scale = self.training.data_scale(self.examples)
        outputs = self.examples * self.network.layers[-1]

        def read() -> list[float]:
            data, error = np.sum([np.asarray(part) for part in sums], axis=0)
            return [data * scale, float(penalty), error / outputs]

        return Loss.lazy(read)

    def backward(self) -> None:
        scale = self._scale(self.examples)
        parts = [
            self.run.backward(back, A, T, scale)
            for (_, A, back), (_, T) in zip(self.outputs, self.batch, strict=True)
        ]
        G = parts[0]
        for part in parts[1:]:
            G = jax.tree.map(jnp.add, G, part)
        self.G = self.run.with_share(self.P, G, self._numbers())
        self.latest = self.G

    def update(self) -> None:
        self.updates += 1
        t = np.uint32(self.updates)
        self.P, self.memory = self.run.update(self.P, self.memory, self.G, self._numbers(), t)
        self.latest = self.P, self.memory

    def step(self, rows: Indices) -> Loss:
        state, settings = (self.P, self.memory), self._settings(len(rows))
        state, self.G, loss = self.run.step(state, self.data, rows, *settings)
        self.P, self.memory = state
        self.updates += 1
        self.latest = self.P
        return Loss.lazy(lambda: np.asarray(loss).tolist())

    def full_batches(self, parts: npt.NDArray[np.int32], count: Any) -> Array:
        state, settings = (self.P, self.memory), self._settings(parts.shape[1])
        state, losses = self.run.epoch(state, self.data, parts, count, *settings)
        self.P, self.memory = state
        self.updates += int(count)
        self.latest = self.P
        return losses

    def predict(self, X: Floats) -> Floats:
        return np.array(self.run.predict(self.P, X))

    def parameters(self) -> Parameters:
        return _canonical(self.P)

    def gradients(self) -> Parameters:
        return _canonical(self.G)

    def state(self) -> State:
        memory = tuple(_canonical(part) for part in self.memory)
        return State(self.parameters(), memory, self.updates)

    def resume(self, state: State) -> None:
        super().resume(state)
        self.updates = state.updates
        if state.memory is not None:
            self.memory = tuple(_pairs(part, self.place) for part in state.memory)

    def device_memory_bytes(self) -> int | None:
        return peak_bytes(self.place)


class GpuTrainer(Trainer):
    """The same on the first GPU that CUDA shows."""

    device: ClassVar[Device] = GPU
    whole_epochs: ClassVar[bool] = GPU.fixed_epochs


def _pairs(parameters: Parameters, place: Any) -> Pairs:
    """Return canonical parameters as JAX has them here, in memory of its own."""
    pairs = zip(parameters.weights, parameters.biases, strict=True)
    return [tuple(jnp.array(part, np.float32, device=place) for part in (W.T, b)) for W, b in pairs]


def _canonical(pairs: Pairs) -> Parameters:
    weights, biases = zip(*pairs, strict=True)
    return Parameters(
        tuple(np.asarray(W).T for W in weights), tuple(np.asarray(b) for b in biases)
    ).astype(np.float32)
