"""The mathematics of a training step as pure functions of JAX arrays.

Parameters are a list of pairs, those of convolutions first: weights ``(n_out, n_in)``, an order in
which XLA multiplies faster than in the transposed one, and biases ``(n_out,)``.  ``k`` holds the
numbers of a training, in the order of :data:`NUMBERS`; the rest of it is in the
:class:`~impls.mathematics.formulas.Formulas`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from impls.jax.convolution import flattened
from impls.jax.device import Device
from impls.mathematics.dropout import (
    FIRST_FACTOR,
    FIRST_SHIFT,
    HALF_BITS,
    LAST_SHIFT,
    SECOND_FACTOR,
    SECOND_SHIFT,
    threshold,
)
from impls.mathematics.formulas import Formulas
from impls.mathematics.functions import output_delta

Array = Any  # CI checks types without JAX, so its types are left out everywhere
Pairs = list[tuple[Array, Array]]

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


def gather(X: Array, rows: Array) -> Array:
    """Return the examples ``rows``, which are in range."""
    return jnp.take(X, rows, axis=0, mode="clip")


def inputs_of_last(
    formulas: Formulas, device: Device, P: Pairs, X: Array, masks: list[Array | None]
) -> Array:
    """Return what goes into the last layer; ``masks`` is empty where nothing is dropped."""
    H, stages = X, formulas.stages
    if stages:
        activation = ACTIVATIONS[formulas.activation]
        H = flattened(stages, activation, P[: len(stages)], X, patches=device.patches)
    for layer, (W, b) in enumerate(P[len(stages) : -1]):
        H = ACTIVATIONS[formulas.activation](H @ W.T + b)
        kept = masks[layer] if masks else None
        H = H if kept is None else H * kept
    W, b = P[-1]
    return H @ W.T + b


def outputs_of(formulas: Formulas, Z: Array) -> Array:
    """Outputs of the network from the inputs ``Z`` of its last layer."""
    return jax.nn.softmax(Z) if formulas.output == "softmax" else jax.nn.sigmoid(Z)


def sums(formulas: Formulas, Z: Array, A: Array, T: Array) -> Array:
    """Data loss and absolute deviation from ``T``, summed over all elements.

    The loss is taken from ``Z``, where no digit is lost yet.
    """
    if formulas.loss == "mse":
        data = 0.5 * jnp.sum((A - T) ** 2)
    elif formulas.loss == "cross-entropy":
        data = -jnp.sum(T * jax.nn.log_softmax(Z))
    else:
        data = jnp.sum(jax.nn.softplus(Z) - T * Z)
    return jnp.stack([data, jnp.sum(jnp.abs(A - T))])


def hash_of(x: Array) -> Array:
    """Return the hash of :mod:`impls.mathematics.dropout` of unsigned words."""
    for shift, factor in ((FIRST_SHIFT, FIRST_FACTOR), (SECOND_SHIFT, SECOND_FACTOR)):
        x = (x ^ (x >> shift)) * np.uint32(factor)
    return x ^ (x >> LAST_SHIFT)


def masks_of(
    formulas: Formulas, columns: list[Array], key: Array, rows: int, dtype: Any
) -> list[Array | None]:
    """Return the dropout masks of the hidden layers; ``key`` is that of the first row.

    ``columns`` are the keys of each layer's words.
    """
    row_keys = hash_of(key + jnp.arange(rows, dtype=jnp.uint32))
    masks: list[Array | None] = []
    for words_of, nodes, rate in zip(
        columns, formulas.layers[1:-1], formulas.dropout_rates, strict=False
    ):
        words = hash_of(row_keys[:, None] ^ words_of)
        low, high = words & np.uint32((1 << HALF_BITS) - 1), words >> HALF_BITS
        kept = jnp.concatenate([low, high], 1)[:, :nodes] >= threshold(rate)
        masks.append(kept.astype(dtype) / (1 - rate) if rate else None)
    return masks


def delta_of(formulas: Formulas, A: Array, T: Array, scale: Array) -> Array:
    """Return the delta of the last layer where the data loss is multiplied by ``scale``."""
    return output_delta(formulas.loss, A, T) * scale


def tile_gradients(
    formulas: Formulas,
    device: Device,
    P: Pairs,
    X: Array,
    T: Array,
    scale: Array,
    masks: list[Array | None],
) -> tuple[Pairs, Array]:
    """Gradients of the data loss and the two sums of one tile."""
    Z, back = jax.vjp(lambda P: inputs_of_last(formulas, device, P, X, masks), P)
    A = outputs_of(formulas, Z)
    (G,) = back(delta_of(formulas, A, T, scale))
    return G, sums(formulas, Z, A, T)


def gradients(
    formulas: Formulas,
    device: Device,
    P: Pairs,
    data: tuple[Array, Array],
    rows: Array,
    scale: Array,
    columns: list[Array],
    key: Array,
) -> tuple[Pairs, Array]:
    """Gradients of the data loss and the two sums of the batch ``rows``, tile by tile."""

    def of_tile(part: Array, first: Array | int) -> tuple[Pairs, Array]:
        X, T = gather(data[0], part), gather(data[1], part)
        place = key + jnp.asarray(first, jnp.uint32)
        masks = masks_of(formulas, columns, place, len(part), X.dtype)
        return tile_gradients(formulas, device, P, X, T, scale, masks)

    def add(total: Any, part: tuple[Array, Array]) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, of_tile(*part)), None

    size = device.tile_rows(formulas)
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


def predicted(formulas: Formulas, device: Device, P: Pairs, X: Array) -> Array:
    """Outputs of the network for examples ``X``; maps are made of one tile at a time."""

    def of_tile(part: Array) -> Array:
        return outputs_of(formulas, inputs_of_last(formulas, device, P, part, []))

    size = device.tile_rows(formulas)
    whole = len(X) // size * size
    if not formulas.stages or len(X) <= size:
        return of_tile(X)
    tiles = lax.map(of_tile, X[:whole].reshape(-1, size, X.shape[1]))
    outputs = tiles.reshape(whole, -1)
    return outputs if whole == len(X) else jnp.concatenate([outputs, of_tile(X[whole:])])


def penalty_of(formulas: Formulas, P: Pairs, k: Array) -> Array:
    """Return the penalty of the weights."""
    number = dict(zip(NUMBERS, k, strict=True))
    penalty = jnp.zeros((), k.dtype)
    if formulas.l2:
        penalty += 0.5 * number["l2"] * sum(jnp.vdot(W, W) for W, _ in P)
    if formulas.l1:
        penalty += number["l1"] * sum(jnp.sum(jnp.abs(W)) for W, _ in P)
    return penalty


def with_share(formulas: Formulas, P: Pairs, G: Pairs, k: Array) -> Pairs:
    """Gradients of the whole cost from those of the data loss."""
    number = dict(zip(NUMBERS, k, strict=True))
    if formulas.l2:
        G = [(g + number["l2"] * W, h) for (g, h), (W, _) in zip(G, P, strict=True)]
    if formulas.l1:
        G = [(g + number["l1"] * jnp.sign(W), h) for (g, h), (W, _) in zip(G, P, strict=True)]
    return G


def moved(
    formulas: Formulas, P: Pairs, memory: tuple[Pairs, ...], G: Pairs, k: Array, t: Array
) -> tuple[Pairs, tuple[Pairs, ...]]:
    """Parameters and memory after update number ``t = 1, 2, ...``."""
    number = dict(zip(NUMBERS, k, strict=True))
    rate = number["rate"]
    if formulas.optimiser == "adam":
        beta1, beta2 = number["beta1"], number["beta2"]
        mean = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, memory[0], G)
        square = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, memory[1], G)
        # 1 - beta**t, without the digits that the difference would lose.
        corrected = rate * jnp.sqrt(-jnp.expm1(t * number["log_beta2"]))
        corrected /= -jnp.expm1(t * number["log_beta1"])
        P = jax.tree.map(
            lambda p, m, v: p - corrected * m / (jnp.sqrt(v) + number["epsilon"]), P, mean, square
        )
        return P, (mean, square)
    if formulas.optimiser == "rmsprop":
        rho = number["rho"]
        square = jax.tree.map(lambda v, g: rho * v + (1 - rho) * g * g, memory[0], G)
        P = jax.tree.map(
            lambda p, g, v: p - rate * g / jnp.sqrt(v + number["epsilon"]), P, G, square
        )
        return P, (square,)
    V = jax.tree.map(lambda g: rate * g, G)
    if not formulas.momentum:
        return jax.tree.map(jnp.subtract, P, V), memory
    P = jax.tree.map(lambda p, v, last: p - (v + number["momentum"] * last), P, V, memory[0])
    return P, (V,)
