"""What XLA compiles of a Keras model: functions that are handed all state and hand it back.

The state of a training is a triple of lists: trained variables, counts of updates, and what the
optimiser has in variables.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import keras
from jax import lax
from keras import ops

from impls.jax.compiled import gathered
from impls.jax.device import Device
from impls.jax.epochs import compiled_epoch
from impls.keras.model import assembled, costs, outputs_of
from impls.networks import Network, Training

Array = Any  # CI checks types without JAX, so its types are left out everywhere
State = tuple[list[Array], list[Array], list[Array]]

ORDER = ("NHWC", "HWIO", "NHWC")
"""That of maps, kernels and results, in JAX' letters."""


class Compiled:
    """Model and optimiser of a training, and functions for the shapes that they are called with.

    ``data`` are the bound examples and targets, ``rows`` those of a batch.
    """

    def __init__(self, network: Network, training: Training, place: Device) -> None:
        self.network, self.training = network, training
        convolution = Conv2D if place.platform == "cpu" else keras.layers.Conv2D
        self.parts = assembled(network, training, convolution=convolution)
        self.gather = jax.jit(gathered)
        self.forward = jax.jit(self._forward)
        self.loss = jax.jit(self._loss)
        self.backward = jax.jit(self._backward)
        self.update = jax.jit(self._moved, donate_argnums=0)
        self.predict = jax.jit(self._predict)
        self.step = jax.jit(self._step, donate_argnums=0)
        self.epoch = compiled_epoch(
            lambda state, data, rows, _: self._step(state, data, rows),
            jax.jit,
            fixed=place.fixed_epochs,
        )

    def _inputs_of_last(self, P: list[Array], counts: list[Array], X: Array) -> Array:
        Z, _ = self.parts.model.stateless_call(P, counts, X, training=True)
        return Z

    def _costs(self, P: list[Array], Z: Array, T: Array) -> tuple[Array, Array]:
        variables = self.parts.model.trainable_variables
        with keras.StatelessScope(state_mapping=list(zip(variables, P, strict=True))):
            return costs(self.network, self.training, self.parts.model.losses, Z, T)

    def _cost(self, P: list[Array], counts: list[Array], X: Array, T: Array) -> tuple[Array, Array]:
        """Return the cost, and its losses."""
        return self._costs(P, self._inputs_of_last(P, counts, X), T)

    def _forward(self, P: list[Array], counts: list[Array], X: Array) -> tuple[Array, Array, Any]:
        """Return what goes into the last activation, outputs, and the way back."""
        Z, back = jax.vjp(lambda P: self._inputs_of_last(P, counts, X), P)
        return Z, outputs_of(self.network, Z), back

    def _loss(self, P: list[Array], Z: Array, T: Array) -> Array:
        _, losses = self._costs(P, Z, T)
        return losses

    def _backward(self, P: list[Array], back: Any, Z: Array, T: Array) -> list[Array]:
        shares, delta = jax.grad(lambda P, Z: self._costs(P, Z, T)[0], (0, 1))(P, Z)
        (G,) = back(delta)
        return [g + share for g, share in zip(G, shares, strict=True)]

    def _moved(self, state: State, G: list[Array]) -> State:
        P, counts, remembered = state
        P, remembered = self.parts.optimizer.stateless_apply(remembered, G, P)
        return P, [count + 1 for count in counts], remembered

    def _predict(self, P: list[Array], counts: list[Array], X: Array) -> Array:
        Z, _ = self.parts.model.stateless_call(P, counts, X, training=False)
        return outputs_of(self.network, Z)

    def _step(
        self, state: State, data: tuple[Array, Array], rows: Array
    ) -> tuple[State, list[Array], Array]:
        """State, gradients, and losses of one batch."""
        P, counts, _ = state
        X, T = gathered(data, rows)
        G, losses = jax.grad(self._cost, has_aux=True)(P, counts, X, T)
        return self._moved(state, G), G, losses


@functools.lru_cache(maxsize=8)
def compiled(network: Network, training: Training, place: Device) -> Compiled:
    """Return what all trainers of this network and training share on a device."""
    return Compiled(network, training, place)


class Conv2D(keras.layers.Conv2D):  # type: ignore[misc]  # Keras ships no types
    """Keras' layer with a gradient that XLA's CPU library computes inside loops, too.

    Filters move by one over the inside of maps, channels last.  The library takes a convolution of
    maps ``(examples, height, width, channels)`` by kernels ``(height, width, channels, filters)``.
    XLA brings others into this order, but only in the outermost computation of a program: its pass
    ``ConvCanonicalization`` looks at no other, so inside a loop they are computed value by value,
    ten times slower or more (https://github.com/jax-ml/jax/issues/12868).  Keras' convolution is in
    that order, the gradients that JAX derives of it are not; here they are convolutions that are.
    """

    def convolution_op(self, inputs: Array, kernel: Array) -> Array:
        """Return what the layer calls before bias and activation."""
        return _convolved(inputs, ops.convert_to_tensor(kernel))


def _inside(maps: Array, kernels: Array) -> Array:
    return _bordered(maps, kernels, 0, 0)


def _bordered(maps: Array, kernels: Array, rows: int, columns: int) -> Array:
    """Return each filter at each place of ``maps``, padded with zeros."""
    zeros = ((rows, rows), (columns, columns))
    return lax.conv_general_dilated(maps, kernels, (1, 1), zeros, dimension_numbers=ORDER)


def _inside_and_operands(maps: Array, kernels: Array) -> tuple[Array, tuple[Array, Array]]:
    return _inside(maps, kernels), (maps, kernels)


def _gradients_of_inside(kept: tuple[Array, Array], delta: Array) -> tuple[Array, Array]:
    """Gradients of maps and kernels; XLA leaves out that of maps where nobody asks for it.

    A map's is the delta, bordered by zeros, under the turned kernels.  A kernel's is the map under
    the delta: examples take the place of channels, channels that of examples.
    """
    maps, kernels = kept
    height, width, _, _ = kernels.shape
    turned = jnp.flip(kernels, (0, 1)).transpose(0, 1, 3, 2)
    of_maps = _bordered(delta, turned, height - 1, width - 1)
    of_kernels = _inside(maps.transpose(3, 1, 2, 0), delta.transpose(1, 2, 0, 3))
    return of_maps, of_kernels.transpose(1, 2, 0, 3)


_convolved = jax.custom_vjp(_inside)
"""Each filter at each place of maps, with the gradient of this file."""

_convolved.defvjp(_inside_and_operands, _gradients_of_inside)
