"""Keras on JAX: model, penalties and optimiser of Keras without state, loops compiled by XLA.

- *The epoch is one call*: batches are gathered, run through the model and learned from inside a
  compiled loop.  A shorter last batch is a step.
- *The state is donated*: XLA writes the new one where the old one was.
- *Trainers alike share what is compiled*: it depends on network, training and device alone.
- *Convolutions on a CPU* are Keras' layer with a gradient of our own, for inside loops XLA is slow
  with the one that JAX derives; :mod:`impls.jax.convolution` has it.  With ``Model.fit`` and on a
  GPU Keras' layer is left as it is.
- *Pooling* is Keras' own everywhere.  Its gradient is slow on a CPU, outside loops as well: that
  is most of what these rows take longer than the row ``jax``.

Phases are compiled apart; ``jax.vjp`` keeps of the forward pass what the way back needs.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import keras
import numpy as np
import numpy.typing as npt
from keras import ops

from impls import precision
from impls.contract import Loss, State
from impls.jax import device as jax_device
from impls.jax import epochs
from impls.jax.compiled import gathered
from impls.jax.convolution import convolved_channels_last
from impls.jax.device import Device as Place
from impls.jax.epochs import compiled_epoch
from impls.keras import fit, trainer
from impls.keras.engine import JIT_COMPILE, Device, Tensor
from impls.keras.model import Parts, assembled, costs, outputs_of
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters

trainer.require_engine("jax")

Tensors = list[Tensor]
Variables = tuple[Tensors, Tensors, Tensors]

PRECISION = "JAX_DEFAULT_MATMUL_PRECISION"
"""JAX' own variable, which decides on a CPU."""


def _declared(place: Place) -> dict[str, str]:
    theirs = os.environ.get(PRECISION, "default, which is float32 on a CPU")
    exact = place.precision() if place.rounds else theirs
    return {"precision of products": exact, **place.declared()}


def _absence(place: Place) -> str | None:
    """By default in full float32: on a GPU JAX' own default would be TF32."""
    reason = place.absence()
    if reason is not None or not place.rounds:
        return reason
    ours, theirs = place.precision(), os.environ.get(PRECISION)
    if theirs not in {None, ours}:
        return (
            f"{PRECISION}={theirs} is not possible on a GPU, where {precision.VARIABLE} "
            f"decides, which asks for {ours}: leave JAX' own variable unset"
        )
    jax.config.update("jax_default_matmul_precision", ours)
    return None


_gather = jax.jit(gathered)

CPU = Device(
    place=jax_device.CPU,
    pools=Place.pools,
    declared=_declared,
    absence=_absence,
    fit_compiles=lambda: True,
    upload=lambda _, array: jnp.asarray(array),
    gather=lambda _, data, rows: _gather(data, rows),
    stack=jnp.stack,
    # As it lies in JAX, and read-only.
    array_of=np.asarray,
    wait=lambda pending: jax.block_until_ready(pending()),
    peak_bytes=lambda place: jax_device.peak_bytes(place.first()),
)
GPU = dataclasses.replace(CPU, place=jax_device.GPU)


class Conv2D(keras.layers.Conv2D):  # type: ignore[misc]  # Keras ships no types
    """Keras' layer, with filters that move by one over the inside of maps, channels last."""

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        """Return what the layer calls before bias and activation."""
        return convolved_channels_last(inputs, ops.convert_to_tensor(kernel))


class Compiled:
    """Model and optimiser of a training, and compiled functions that are handed all state.

    That is a triple of lists: trained variables, counts of updates, and what the optimiser has in
    variables.  Functions hand back the new one, each compiled for the shapes that it is given.
    ``data`` are the bound examples and targets, ``rows`` those of a batch.
    """

    def __init__(self, network: Network, training: Training, place: Place) -> None:
        self.network, self.training = network, training
        convolution = Conv2D if place.platform == "cpu" else keras.layers.Conv2D
        self.parts = assembled(network, training, convolution=convolution)
        self.gather = jax.jit(gathered)
        self.forward = jax.jit(self._forward)
        self.loss = jax.jit(lambda P, Z, T: self._costs(P, Z, T)[1])
        self.backward = jax.jit(self._backward)
        self.update = jax.jit(self._moved, donate_argnums=0)
        self.predict = jax.jit(self._predict)
        self.step = jax.jit(self._step, donate_argnums=0)
        self.epoch = compiled_epoch(
            lambda state, data, rows, _: self._step(state, data, rows),
            jax.jit,
            fixed=place.fixed_epochs,
        )

    def _inputs_of_last(
        self, P: Tensors, counts: Tensors, X: Tensor, *, training: bool = True
    ) -> Tensor:
        Z, _ = self.parts.model.stateless_call(P, counts, X, training=training)
        return Z

    def _costs(self, P: Tensors, Z: Tensor, T: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cost, and its losses."""
        variables = self.parts.model.trainable_variables
        with keras.StatelessScope(state_mapping=list(zip(variables, P, strict=True))):
            return costs(self.network, self.training, self.parts.model.losses, Z, T)

    def _forward(self, P: Tensors, counts: Tensors, X: Tensor) -> tuple[Tensor, Tensor, Any]:
        """Return what goes into the last activation, outputs, and the way back."""
        Z, back = jax.vjp(lambda P: self._inputs_of_last(P, counts, X), P)
        return Z, outputs_of(self.network, Z), back

    def _backward(self, P: Tensors, back: Any, Z: Tensor, T: Tensor) -> Tensors:
        shares, delta = jax.grad(lambda P, Z: self._costs(P, Z, T)[0], (0, 1))(P, Z)
        (G,) = back(delta)
        return [g + share for g, share in zip(G, shares, strict=True)]

    def _moved(self, state: Variables, G: Tensors) -> Variables:
        P, counts, remembered = state
        P, remembered = self.parts.optimizer.stateless_apply(remembered, G, P)
        return P, [count + 1 for count in counts], remembered

    def _predict(self, P: Tensors, counts: Tensors, X: Tensor) -> Tensor:
        return outputs_of(self.network, self._inputs_of_last(P, counts, X, training=False))

    def _step(
        self, state: Variables, data: tuple[Tensor, Tensor], rows: Tensor
    ) -> tuple[Variables, Tensors, Tensor]:
        """Return state, gradients, and losses of one batch."""
        P, counts, _ = state
        X, T = gathered(data, rows)

        def cost(P: Tensors) -> tuple[Tensor, Tensor]:
            return self._costs(P, self._inputs_of_last(P, counts, X), T)

        G, losses = jax.grad(cost, has_aux=True)(P)
        return self._moved(state, G), G, losses


@functools.lru_cache(maxsize=8)
def compiled(network: Network, training: Training, place: Place) -> Compiled:
    """Return what all trainers of this network and training share on a device."""
    return Compiled(network, training, place)


class StepTrainer(trainer.StepTrainer):
    """The compiled step, called from a loop in Python.

    Keras' variables are shared, so they only carry the state in and out.
    """

    device: ClassVar[Device] = CPU

    @classmethod
    def compiled_unasked(cls) -> bool:
        return True

    @classmethod
    def refused(cls) -> str | None:
        if not cls.compiled():
            return (
                f"{JIT_COMPILE}=0 is not possible with a loop that JAX compiles: "
                "leave it unset, or take a row that runs Model.fit"
            )
        return super().refused()

    @classmethod
    def assembled(cls, network: Network, training: Training) -> Parts:
        return compiled(network, training, cls.device.place).parts

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.run = compiled(network, training, self.device.place)
        self.kept = self.run.parts.optimizer.variables
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
        for group, arrays in zip(self._groups(), self._state(), strict=True):
            for variable, array in zip(group, arrays, strict=True):
                variable.assign(np.asarray(array))

    def bind(self, X: Floats, Y: Floats) -> None:
        super().bind(X, Y)
        self.latest = self.data

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

    def prepare(self, rows: Indices) -> None:
        self.batch, self.T = self.latest = self.run.gather(self.data, rows)

    def forward(self) -> None:
        self.Z, _, self.back = self.latest = self.run.forward(self.P, self.counts, self.batch)

    def loss(self) -> Loss:
        self.latest = losses = self.run.loss(self.P, self.Z, self.T)
        return Loss.lazy(lambda: np.asarray(losses).tolist())

    def backward(self) -> None:
        self.G = self.latest = self.run.backward(self.P, self.back, self.Z, self.T)

    def update(self) -> None:
        self._moved(self.run.update(self._state(), self.G))

    def _state(self) -> Variables:
        return self.P, self.counts, self.remembered

    def _moved(self, state: Variables) -> None:
        self.P, self.counts, self.remembered = state
        self.latest = state

    def stepped(self, rows: Indices) -> Tensor:
        state, self.G, losses = self.run.step(self._state(), self.data, rows)
        self._moved(state)
        return losses

    def outputs(self, X: Floats) -> Floats:
        return np.array(self.run.predict(self.P, self.counts, X))

    def pending(self) -> Any:
        return self.latest

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


class EpochTrainer(epochs.Trainer, StepTrainer):
    """The whole epoch as one compiled loop."""

    def full_batches(self, parts: npt.NDArray[np.int32], count: Any) -> Tensor:
        state, losses = self.run.epoch(self._state(), self.data, parts, count)
        self._moved(state)
        return losses


class FitTrainer(fit.Trainer):
    """``Model.fit``."""

    device: ClassVar[Device] = CPU


class GpuStepTrainer(StepTrainer):
    """The compiled step, data on the GPU."""

    device: ClassVar[Device] = GPU


class GpuEpochTrainer(EpochTrainer):
    """The whole epoch as one compiled loop, data on the GPU."""

    device: ClassVar[Device] = GPU
    whole_epochs: ClassVar[bool] = GPU.place.fixed_epochs


class GpuFitTrainer(FitTrainer):
    """``Model.fit``, data on the GPU."""

    device: ClassVar[Device] = GPU
