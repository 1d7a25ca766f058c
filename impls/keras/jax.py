"""Keras on JAX: model, penalties and optimiser of Keras without state, loops compiled by XLA.

- *The epoch is one call*: batches are gathered, run through the model and learned from inside a
  compiled loop.  A shorter last batch is a step.
- *The state is donated*: XLA writes the new one where the old one was.
- *Trainers alike share what is compiled*: it depends on network, training and device alone.
- *Convolutions on a CPU* are Keras' layer with a gradient of our own, for inside loops XLA is slow
  with the one that JAX derives; :mod:`impls.keras.jax_convolution` says why.  With ``Model.fit``
  and on a GPU Keras' layer is left as it is.
- *Pooling* is Keras' own everywhere.  Its gradient is slow on a CPU, outside loops as well: that
  is most of what these rows take longer than the row ``jax``.

Phases are compiled apart; ``jax.vjp`` keeps of the forward pass what the way back needs.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt

from impls.contract import Loss, State
from impls.jax import whole_batches
from impls.keras import settings as keras_settings
from impls.keras.jax_compiled import compiled
from impls.keras.jax_convolution import Conv2D
from impls.keras.jax_engine import Engine, GpuEngine
from impls.keras.model import Parts
from impls.keras.trainer import Trainer
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows, batches
from impls.unread import unread


class EpochTrainer(Engine, Trainer, whole_batches.Trainer):
    """The whole epoch as one compiled loop.

    Keras' variables are shared, so they only carry the state in and out.
    """

    convolution: ClassVar[Any] = Conv2D
    """The class of the layers that convolve."""

    @classmethod
    def refused(cls) -> str | None:
        if not cls.compiled():
            return (
                f"{keras_settings.JIT_COMPILE}=0 is not possible with a loop that JAX compiles: "
                "leave it unset, or take a row that runs Model.fit"
            )
        return super().refused()

    @classmethod
    def assembled(cls, network: Network, training: Training) -> Parts:
        return compiled(network, training, cls.convolution).parts

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.run = compiled(network, training, self.convolution)
        self.kept = self.run.parts.optimizer.variables
        self.capacity = 0
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        super().load(parameters)
        self._take()

    def _groups(self) -> tuple[list[Any], ...]:
        return self.variables, self.model.non_trainable_variables, self.kept

    def _take(self) -> None:
        """Copy the state out of Keras' variables, since it is going to be given away."""
        self.P, self.counts, self.remembered = (
            [jnp.array(variable.value, copy=True) for variable in group] for group in self._groups()
        )
        self.latest: Any = self.P

    def _show(self) -> None:
        """Copy the state into Keras' variables."""
        values = (self.P, self.counts, self.remembered)
        for group, arrays in zip(self._groups(), values, strict=True):
            for variable, array in zip(group, arrays, strict=True):
                variable.assign(np.asarray(array))

    def bind(self, X: Floats, Y: Floats) -> None:
        self.data = self.latest = (jnp.asarray(X), jnp.asarray(Y))

    @property
    def learning_rate(self) -> float:
        """The rate in full precision; the state has it in an array of the network's dtype."""
        return self._rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._rate = rate
        if hasattr(self, "remembered"):
            place = [variable.name for variable in self.kept].index("learning_rate")
            self.remembered[place] = jnp.asarray(rate, self.remembered[place].dtype)

    def prepare(self, rows: Rows) -> None:
        self.batch, self.T = self.latest = self.run.gather(self.data, rows)

    def forward(self) -> None:
        self.Z, _, self.back = self.latest = self.run.forward(self.P, self.counts, self.batch)

    def loss(self) -> Loss:
        self.latest = losses = self.run.loss(self.P, self.Z, self.T)
        return unread(lambda: np.asarray(losses).tolist())

    def backward(self) -> None:
        self.G = self.latest = self.run.backward(self.P, self.back, self.Z, self.T)

    def update(self) -> None:
        self._moved(self.run.update(self._state(), self.G))

    def _state(self) -> tuple[list[Any], list[Any], list[Any]]:
        return self.P, self.counts, self.remembered

    def _moved(self, state: tuple[list[Any], list[Any], list[Any]]) -> None:
        self.P, self.counts, self.remembered = state
        self.latest = state

    def _stepped(self, rows: Rows) -> Any:
        """Take a step; the losses stay on the device."""
        state, self.G, losses = self.run.step(self._state(), self.data, rows)
        self._moved(state)
        return losses

    def step(self, rows: Rows) -> Loss:
        losses = self._stepped(rows)
        return unread(lambda: np.asarray(losses).tolist())

    def full_batches(self, parts: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        """Train on all batches in one call.

        A GPU would ask its host before each batch whether there is one more, so there the number
        is compiled in; elsewhere room for more is kept, so that shapes stay the same.
        """
        count, size = parts.shape
        if self.device.fixed_epochs:
            state, losses = self.run.fixed_epoch(self._state(), self.data, parts)
        else:
            self.capacity = max(self.capacity, count, len(self.data[0]) // size)
            room = np.zeros((self.capacity, size), np.int32)
            room[:count] = parts
            state, losses = self.run.epoch(self._state(), self.data, room, np.int32(count))
        self._moved(state)
        return np.asarray(losses)[:count]

    def outputs(self, X: Floats) -> Floats:
        return np.array(self.run.predict(self.P, self.counts, X))

    def parameters(self) -> Parameters:
        return self.canonical(self.P)

    def gradients(self) -> Parameters:
        return self.canonical(self.G)

    def state(self) -> State:
        self._show()
        return super().state()

    def resume(self, state: State) -> None:
        super().resume(state)
        self._take()

    def synchronize(self) -> None:
        jax.block_until_ready(self.latest)


class StepTrainer(EpochTrainer):
    """The same compiled step, called from a loop in Python."""

    def epoch(self, order: Rows) -> npt.NDArray[np.float64]:
        # Read together at the end, so that a device need not wait for us at each step.
        losses = [self._stepped(rows) for rows in batches(order, self.training.batch_size)]
        return np.asarray(jnp.stack(losses)).astype(np.float64)


class GpuEpochTrainer(GpuEngine, EpochTrainer):
    """The whole epoch as one compiled loop, data on the GPU."""

    convolution: ClassVar[Any] = keras.layers.Conv2D
    whole_epochs: ClassVar[bool] = True


class GpuStepTrainer(GpuEngine, StepTrainer):
    """The compiled step, data on the GPU."""

    convolution: ClassVar[Any] = keras.layers.Conv2D
