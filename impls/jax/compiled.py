"""The mathematics of a training step on JAX arrays, and what XLA compiles of it.

Parameters are a list of pairs, those of convolutions first: weights ``(n_out, n_in)``, an order in
which XLA multiplies faster than in the transposed one, and biases ``(n_out,)``.  ``k`` holds the
numbers of a training, in the order of :data:`NUMBERS`; the rest of it is in the
:class:`~impls.networks.Formulas`.

Every product asks for a precision.  A GPU would else round the factors to the 10 bits of TF32, also
where nobody asked for it; on a CPU it makes no difference.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from impls.jax.convolution import flattened
from impls.jax.device import Device
from impls.jax.epochs import compiled_epoch
from impls.mathematics.dropout import (
    FIRST_FACTOR,
    FIRST_SHIFT,
    HALF_BITS,
    LAST_SHIFT,
    SECOND_FACTOR,
    SECOND_SHIFT,
    threshold,
)
from impls.mathematics.functions import output_delta
from impls.networks import Formulas

Array = Any  # CI checks types without JAX, so its types are left out everywhere
Pairs = list[tuple[Array, Array]]
Masks = list[Array | None]
State = tuple[Pairs, tuple[Pairs, ...]]
"""Parameters and what the optimiser remembers."""

NUMBERS = (
    "rate", "momentum", "l1", "l2",
    "beta1", "beta2", "log_beta1", "log_beta2", "rho", "epsilon",
)  # fmt: skip
"""What a training says in numbers, and two logarithms."""

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
}


class Compiled:
    """The functions of certain formulas, each compiled for the shapes that it is called with."""

    def __init__(self, formulas: Formulas, device: Device, precision: str) -> None:
        self.formulas, self.device = formulas, device
        self.activation = ACTIVATIONS[formulas.activation]

        def jit(function: Callable[..., Any], **options: Any) -> Any:
            def exact(*arguments: Any) -> Any:
                with jax.default_matmul_precision(precision):
                    return function(*arguments)

            return jax.jit(exact, **options)

        self.gather = jax.jit(gathered)
        self.forward = jit(self._forward)
        self.loss = jit(self._sums)
        self.backward = jit(self._backward)
        self.penalty = jit(self._penalty)
        self.with_share = jit(self._with_share)
        self.update = jit(self._moved, donate_argnums=(0, 1))
        self.predict = jit(self._predict)
        self.step = jit(self._step, donate_argnums=0)
        self.epoch = compiled_epoch(self._step_of_epoch, jit, fixed=device.fixed_epochs)

    def _forward(self, P: Pairs, X: Array, columns: list[Array], key: Array) -> Any:
        """Return what goes into the last layer, outputs, and the way back."""
        masks = self._masks(columns, key, len(X), X.dtype)
        Z, back = jax.vjp(lambda P: self._inputs_of_last(P, X, masks), P)
        return Z, self._outputs(Z), back

    def _inputs_of_last(self, P: Pairs, X: Array, masks: Masks) -> Array:
        """Return what goes into the last layer; ``masks`` is empty where nothing is dropped."""
        H, conv_layers = X, self.formulas.conv_layers
        if conv_layers:
            patches = self.device.patches
            H = flattened(conv_layers, self.activation, P[: len(conv_layers)], X, patches=patches)
        for layer, (W, b) in enumerate(P[len(conv_layers) : -1]):
            H = self.activation(H @ W.T + b)
            kept = masks[layer] if masks else None
            H = H if kept is None else H * kept
        W, b = P[-1]
        return H @ W.T + b

    def _outputs(self, Z: Array) -> Array:
        """Return outputs of the network from the inputs ``Z`` of its last layer."""
        return jax.nn.softmax(Z) if self.formulas.output == "softmax" else jax.nn.sigmoid(Z)

    def _sums(self, Z: Array, A: Array, T: Array) -> Array:
        """Return data loss and absolute deviation from ``T``, summed over all elements.

        The loss is taken from ``Z``, where no digit is lost yet.
        """
        if self.formulas.loss == "mse":
            data = 0.5 * jnp.sum((A - T) ** 2)
        elif self.formulas.loss == "cross-entropy":
            data = -jnp.sum(T * jax.nn.log_softmax(Z))
        else:
            data = jnp.sum(jax.nn.softplus(Z) - T * Z)
        return jnp.stack([data, jnp.sum(jnp.abs(A - T))])

    def _masks(self, columns: list[Array], key: Array, rows: int, dtype: Any) -> Masks:
        """Return the dropout masks of the hidden layers; ``key`` is that of the first row.

        ``columns`` are the keys of each layer's words.
        """
        row_keys = hash_of(key + jnp.arange(rows, dtype=jnp.uint32))
        layers = zip(columns, self.formulas.layers[1:-1], self.formulas.dropout_rates, strict=False)
        masks: Masks = []
        for words_of, nodes, rate in layers:
            words = hash_of(row_keys[:, None] ^ words_of)
            low, high = words & np.uint32((1 << HALF_BITS) - 1), words >> HALF_BITS
            kept = jnp.concatenate([low, high], 1)[:, :nodes] >= threshold(rate)
            masks.append(kept.astype(dtype) / (1 - rate) if rate else None)
        return masks

    def _backward(self, back: Any, A: Array, T: Array, scale: Array) -> Any:
        """Return gradients of the data loss times ``scale``, from the outputs and the way back."""
        (G,) = back(output_delta(self.formulas.loss, A, T) * scale)
        return G

    def _gradients(
        self,
        P: Pairs,
        data: tuple[Array, Array],
        rows: Array,
        scale: Array,
        columns: list[Array],
        key: Array,
    ) -> tuple[Pairs, Array]:
        """Return gradients of the data loss and the two sums of a batch, tile by tile."""

        def of_tile(part: Array, first: Array | int) -> tuple[Pairs, Array]:
            X, T = gathered(data, part)
            Z, A, back = self._forward(P, X, columns, key + jnp.asarray(first, jnp.uint32))
            return self._backward(back, A, T, scale), self._sums(Z, A, T)

        def add(total: Any, part: tuple[Array, Array]) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, of_tile(*part)), None

        size = self.device.tile_rows(self.formulas)
        whole = len(rows) // size * size
        if len(rows) <= size:
            return of_tile(rows, 0)
        zero = (jax.tree.map(jnp.zeros_like, P), jnp.zeros(2, P[0][0].dtype))
        first = np.arange(0, whole, size, dtype=np.uint32)
        total: tuple[Pairs, Array]
        total, _ = lax.scan(add, zero, (rows[:whole].reshape(-1, size), first))
        if whole < len(rows):
            total, _ = add(total, (rows[whole:], np.uint32(whole)))
        return total

    def _predict(self, P: Pairs, X: Array) -> Array:
        """Return outputs of the network for examples ``X``; maps are made of one tile at a time."""

        def of_tile(part: Array) -> Array:
            return self._outputs(self._inputs_of_last(P, part, []))

        size = self.device.tile_rows(self.formulas)
        whole = len(X) // size * size
        if not self.formulas.conv_layers or len(X) <= size:
            return of_tile(X)
        tiles = lax.map(of_tile, X[:whole].reshape(-1, size, X.shape[1]))
        outputs = tiles.reshape(whole, -1)
        return outputs if whole == len(X) else jnp.concatenate([outputs, of_tile(X[whole:])])

    def _penalty(self, P: Pairs, k: Array) -> Array:
        """Return the penalty of the weights."""
        number = dict(zip(NUMBERS, k, strict=True))
        penalty = jnp.zeros((), k.dtype)
        if self.formulas.l2:
            penalty += 0.5 * number["l2"] * sum(jnp.vdot(W, W) for W, _ in P)
        if self.formulas.l1:
            penalty += number["l1"] * sum(jnp.sum(jnp.abs(W)) for W, _ in P)
        return penalty

    def _with_share(self, P: Pairs, G: Pairs, k: Array) -> Pairs:
        """Return gradients of the whole cost from those of the data loss."""
        number = dict(zip(NUMBERS, k, strict=True))
        if self.formulas.l2:
            G = [(g + number["l2"] * W, h) for (g, h), (W, _) in zip(G, P, strict=True)]
        if self.formulas.l1:
            G = [(g + number["l1"] * jnp.sign(W), h) for (g, h), (W, _) in zip(G, P, strict=True)]
        return G

    def _moved(self, P: Pairs, memory: tuple[Pairs, ...], G: Pairs, k: Array, t: Array) -> State:
        """Return parameters and memory after update number ``t = 1, 2, ...``."""
        number = dict(zip(NUMBERS, k, strict=True))
        rate = number["rate"]
        if self.formulas.optimiser == "adam":
            beta1, beta2, epsilon = number["beta1"], number["beta2"], number["epsilon"]
            mean = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, memory[0], G)
            square = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, memory[1], G)
            # 1 - beta**t, without the digits that the difference would lose.
            corrected = rate * jnp.sqrt(-jnp.expm1(t * number["log_beta2"]))
            corrected /= -jnp.expm1(t * number["log_beta1"])
            P = jax.tree.map(
                lambda p, m, v: p - corrected * m / (jnp.sqrt(v) + epsilon), P, mean, square
            )
            return P, (mean, square)
        if self.formulas.optimiser == "rmsprop":
            rho, epsilon = number["rho"], number["epsilon"]
            square = jax.tree.map(lambda v, g: rho * v + (1 - rho) * g * g, memory[0], G)
            P = jax.tree.map(lambda p, g, v: p - rate * g / jnp.sqrt(v + epsilon), P, G, square)
            return P, (square,)
        V = jax.tree.map(lambda g: rate * g, G)
        if not self.formulas.momentum:
            return jax.tree.map(jnp.subtract, P, V), memory
        P = jax.tree.map(lambda p, v, last: p - (v + number["momentum"] * last), P, V, memory[0])
        return P, (V,)

    def _step(
        self,
        state: State,
        data: tuple[Array, Array],
        rows: Array,
        scale: Array,
        k: Array,
        dropout: tuple[Array, list[Array]],
        updates: Array,
    ) -> tuple[State, Pairs, Array]:
        """Return state, gradients, and data loss, penalty and mean error of one batch.

        ``dropout`` holds the hash of the seed and the keys of the layers' words; ``updates`` were
        made before this step.
        """
        P, memory = state
        seed, columns = dropout
        G, sums = self._gradients(P, data, rows, scale, columns, hash_of(seed + updates))
        penalty = self._penalty(P, k)
        G = self._with_share(P, G, k)
        state = self._moved(P, memory, G, k, updates + 1)
        outputs = len(rows) * self.formulas.layers[-1]
        return state, G, jnp.stack([sums[0] * scale, penalty, sums[1] / outputs])

    def _step_of_epoch(
        self,
        state: State,
        data: tuple[Array, Array],
        rows: Array,
        index: Array,
        scale: Array,
        k: Array,
        dropout: tuple[Array, list[Array]],
        updates: Array,
    ) -> tuple[State, Pairs, Array]:
        """Return batch number ``index`` of an epoch before which ``updates`` were made."""
        updates = updates + index.astype(updates.dtype)
        return self._step(state, data, rows, scale, k, dropout, updates)


@functools.cache
def compiled(formulas: Formulas, device: Device, precision: str) -> Compiled:
    """Return what all trainers with these formulas share on a device.

    ``precision`` is that of products, in JAX' words.
    """
    return Compiled(formulas, device, precision)


def gathered(data: tuple[Array, Array], rows: Array) -> tuple[Array, ...]:
    """Return examples and targets of ``rows``, which are in range."""
    return tuple(jnp.take(part, rows, axis=0, mode="clip") for part in data)


def hash_of(x: Array) -> Array:
    """Return the hash of :mod:`impls.mathematics.dropout` of unsigned words."""
    for shift, factor in ((FIRST_SHIFT, FIRST_FACTOR), (SECOND_SHIFT, SECOND_FACTOR)):
        x = (x ^ (x >> shift)) * np.uint32(factor)
    return x ^ (x >> LAST_SHIFT)
