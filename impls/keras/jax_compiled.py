"""What XLA compiles of a Keras model: functions that are handed all state and hand it back.

The state of a training is a triple of lists: trained variables, counts of updates, and what the
optimiser has in variables.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import keras
from jax import lax

from impls.keras.losses import data_loss, outputs_of, penalty_of, seen
from impls.keras.model import assembled
from impls.networks import Network, Training

Array = Any  # CI checks types without JAX, so its types are left out everywhere
State = tuple[list[Array], list[Array], list[Array]]


class Compiled:
    """Model and optimiser of a training, and functions for the shapes that they are called with.

    ``data`` are the bound examples and targets, ``rows`` those of a batch; ``convolution`` is the
    class of the layers that convolve.
    """

    def __init__(
        self, network: Network, training: Training, convolution: Callable[..., Any]
    ) -> None:
        self.network, self.training = network, training
        self.parts = assembled(network, training, convolution=convolution)
        self.gather = jax.jit(gathered)
        self.forward = jax.jit(self._forward)
        self.loss = jax.jit(self._loss)
        self.backward = jax.jit(self._backward)
        self.update = jax.jit(self._moved, donate_argnums=0)
        self.predict = jax.jit(self._predict)
        self.step = jax.jit(self._step, donate_argnums=0)
        self.epoch = jax.jit(self._epoch, donate_argnums=0)
        self.fixed_epoch = jax.jit(self._fixed_epoch, donate_argnums=0)

    def _inputs_of_last(self, P: list[Array], counts: list[Array], X: Array) -> Array:
        Z, _ = self.parts.model.stateless_call(P, counts, X, training=True)
        return Z

    def _penalty(self, P: list[Array], Z: Array) -> Array:
        variables = self.parts.model.trainable_variables
        with keras.StatelessScope(state_mapping=list(zip(variables, P, strict=True))):
            return penalty_of(self.parts.model.losses, Z)

    def _cost(self, P: list[Array], counts: list[Array], X: Array, T: Array) -> tuple[Array, Array]:
        """Return the cost, and what is told of it."""
        Z = self._inputs_of_last(P, counts, X)
        data = data_loss(self.network, self.training, Z, T)
        penalty = self._penalty(P, Z)
        return data + penalty, seen(self.network, data, penalty, Z, T)

    def _forward(self, P: list[Array], counts: list[Array], X: Array) -> tuple[Array, Array, Any]:
        """Return what goes into the last activation, outputs, and the way back."""
        Z, back = jax.vjp(lambda P: self._inputs_of_last(P, counts, X), P)
        return Z, outputs_of(self.network, Z), back

    def _loss(self, P: list[Array], Z: Array, T: Array) -> Array:
        data = data_loss(self.network, self.training, Z, T)
        return seen(self.network, data, self._penalty(P, Z), Z, T)

    def _backward(self, P: list[Array], back: Any, Z: Array, T: Array) -> list[Array]:
        delta = jax.grad(lambda Z: data_loss(self.network, self.training, Z, T))(Z)
        (G,) = back(delta)
        shares = jax.grad(lambda P: self._penalty(P, Z))(P)
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
        """State, gradients, and what is told of the cost of one batch."""
        P, counts, _ = state
        X, T = gathered(data, rows)
        G, losses = jax.grad(self._cost, has_aux=True)(P, counts, X, T)
        return self._moved(state, G), G, losses

    def _epoch(
        self, state: State, data: tuple[Array, Array], parts: Array, count: Array
    ) -> tuple[State, Array]:
        """Train on the first ``count`` of ``parts``, shape ``(capacity, batch)``."""

        def body(index: Array, carried: tuple[State, Array]) -> tuple[State, Array]:
            state, _, losses = self._step(carried[0], data, parts[index])
            return state, carried[1].at[index].set(losses)

        losses = jnp.zeros((len(parts), 3), data[0].dtype)
        return lax.fori_loop(0, count, body, (state, losses))  # type: ignore[no-any-return]  # as above

    def _fixed_epoch(
        self, state: State, data: tuple[Array, Array], parts: Array
    ) -> tuple[State, Array]:
        """Train on all ``parts``, whose number is compiled in."""

        def body(state: State, rows: Array) -> tuple[State, Array]:
            state, _, losses = self._step(state, data, rows)
            return state, losses

        return lax.scan(body, state, parts)  # type: ignore[no-any-return]  # as above


def gathered(data: tuple[Array, Array], rows: Array) -> tuple[Array, ...]:
    """Return examples and targets of ``rows``, which are in range."""
    return tuple(jnp.take(part, rows, axis=0, mode="clip") for part in data)


@functools.lru_cache(maxsize=8)
def compiled(network: Network, training: Training, convolution: Callable[..., Any]) -> Compiled:
    """Return what all trainers of this network and training share."""
    return Compiled(network, training, convolution)
