"""What XLA compiles: the phases, the step and the epoch, shared by all trainers alike.

Every product asks for a precision.  A GPU would else round the factors to the 10 bits of TF32, also
where nobody asked for it; on a CPU it makes no difference.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from impls.jax import functions
from impls.jax.device import Device
from impls.jax.epochs import compiled_epoch
from impls.jax.functions import Array, Pairs
from impls.mathematics.formulas import Formulas

State = tuple[Pairs, tuple[Pairs, ...]]
"""Parameters and what the optimiser remembers."""


class Compiled(NamedTuple):
    """The functions of certain formulas, each compiled for the shapes that it is called with."""

    gather: Callable[..., Any]
    forward: Callable[..., Any]
    loss: Callable[..., Any]
    backward: Callable[..., Any]
    penalty: Callable[..., Any]
    with_share: Callable[..., Any]
    update: Callable[..., Any]
    predict: Callable[..., Any]
    step: Callable[..., Any]
    epoch: Callable[..., Any]


@functools.cache
def compiled(formulas: Formulas, device: Device, precision: str) -> Compiled:
    """Return what all trainers with these formulas share on a device.

    ``precision`` is that of products, in JAX' words.
    """

    def forward(P: Pairs, X: Array, columns: list[Array], key: Array) -> Any:
        masks = functions.masks_of(formulas, columns, key, len(X), X.dtype)
        Z, back = jax.vjp(lambda P: functions.inputs_of_last(formulas, device, P, X, masks), P)
        return Z, functions.outputs_of(formulas, Z), back

    def backward(back: Any, A: Array, T: Array, scale: Array) -> Pairs:
        (G,) = back(functions.delta_of(formulas, A, T, scale))
        return G  # type: ignore[no-any-return]  # JAX' types are left out

    jit = functools.partial(_jit, precision)
    step: Callable[..., Any] = functools.partial(_step, formulas, device)

    def counted(state: State, data: Any, rows: Array, index: Array, *settings: Any) -> Any:
        *same, updates = settings
        return step(state, data, rows, *same, updates + index.astype(updates.dtype))

    return Compiled(
        gather=jax.jit(lambda data, rows: tuple(functions.gather(part, rows) for part in data)),
        forward=jit(forward),
        loss=jit(functions.sums, formulas),
        backward=jit(backward),
        penalty=jit(functions.penalty_of, formulas),
        with_share=jit(functions.with_share, formulas),
        update=jit(functions.moved, formulas, donate_argnums=(0, 1)),
        predict=jit(functions.predicted, formulas, device),
        step=jit(step, donate_argnums=0),
        epoch=compiled_epoch(counted, jit, fixed=device.fixed_epochs),
    )


def _jit(precision: str, function: Callable[..., Any], *first: Any, **options: Any) -> Any:
    """``function`` compiled, with its ``first`` arguments fixed and its products that exact."""

    def exact(*arguments: Any) -> Any:
        with jax.default_matmul_precision(precision):
            return function(*first, *arguments)

    return jax.jit(exact, **options)


def _step(
    formulas: Formulas,
    device: Device,
    state: State,
    data: tuple[Array, Array],
    rows: Array,
    scale: Array,
    k: Array,
    dropout: tuple[Array, list[Array]],
    updates: Array,
) -> tuple[State, Pairs, Array]:
    """State, gradients, and data loss, penalty and mean error of one batch.

    ``dropout`` holds the hash of the seed and the keys of the layers' words; ``updates`` were made
    before this step.
    """
    P, memory = state
    seed, columns = dropout
    key = functions.hash_of(seed + updates)
    G, sums = functions.gradients(formulas, device, P, data, rows, scale, columns, key)
    penalty = functions.penalty_of(formulas, P, k)
    G = functions.with_share(formulas, P, G, k)
    state = functions.moved(formulas, P, memory, G, k, updates + 1)
    outputs = len(rows) * formulas.layers[-1]
    return state, G, jnp.stack([sums[0] * scale, penalty, sums[1] / outputs])
