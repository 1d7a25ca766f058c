"""What ``torch.compile`` is given: a training step on tensors, as functions without a state."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from impls.mathematics.formulas import Formulas
from impls.torch.functions import Tensor, data_loss, hash_of, mask
from impls.torch.tile import linear, views, worth_onednn

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
}
SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": lambda A: A * (1 - A),
    "tanh": lambda A: 1 - A * A,
    "relu": lambda A: (A > 0).to(A.dtype),
}
"""Slopes of the activations from their outputs."""

COEFFICIENTS = ("momentum", "l1", "l2", "beta1", "beta2", "rho", "epsilon")
"""Fields of a training that enter formulas as numbers, after the rate and the scale of the loss."""


@torch.library.custom_op("mlpbench::linear", mutates_args=())  # type: ignore[untyped-decorator]
def opaque_linear(H: torch.Tensor, W: torch.Tensor, b: torch.Tensor | None) -> torch.Tensor:
    """:func:`linear` as an operator of its own: the compiler knows oneDNN's for constants only."""
    return linear(H, W, b)


@opaque_linear.register_fake  # type: ignore[untyped-decorator]
def _shape_of_linear(H: Tensor, W: Tensor, _: Tensor) -> Tensor:
    return H.new_empty(H.shape[0], W.shape[0])


class Graphs(NamedTuple):
    """What is compiled for certain formulas and one size.

    ``step`` takes a batch through everything.  Of a batch of several tiles, ``tile`` computes the
    gradients of each and ``finish`` moves the weights by their sum.
    """

    step: Callable[..., tuple[Tensor, Tensor]]
    tile: Callable[..., tuple[Tensor, Tensor]]
    finish: Callable[..., tuple[Tensor, Tensor]]


@functools.cache
def graphs(formulas: Formulas, rows: int | None, backend: str) -> Graphs:
    """The graphs for batches of ``rows``, or for any number where None; compiled when called."""

    def tile(P: Tensor, *batch: Tensor) -> tuple[Tensor, Tensor]:
        return _gradients(formulas, P, *batch)

    def finish(P: Tensor, memory: list[Tensor], G: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        return _move(formulas, P, memory, G, k)

    def step(
        P: Tensor, memory: list[Tensor], X: Tensor, T: Tensor, k: Tensor, *dropout: Tensor
    ) -> tuple[Tensor, Tensor]:
        G, losses = _gradients(formulas, P, X, T, k, *dropout)
        G, penalty = _move(formulas, P, memory, G, k)
        return G, torch.cat([losses, penalty])

    compiled = functools.partial(
        torch.compile,
        backend=backend,
        options={"cpp_wrapper": True} if backend == "inductor" else None,
        fullgraph=True,
        dynamic=rows is None,
    )
    return Graphs(*(compiled(_with_code_of_its_own(one)) for one in (step, tile, finish)))


def _with_code_of_its_own(function: Any) -> Callable[..., Any]:
    """A copy of ``function`` that shares no code object with the same closure for other formulas.

    The compiler keeps its graphs with the code object and gives up when one has too many of them.
    """
    own = function.__code__.replace()
    return FunctionType(own, function.__globals__, function.__name__, None, function.__closure__)


def _gradients(
    formulas: Formulas, P: Tensor, X: Tensor, T: Tensor, k: Tensor, *dropout: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of the data loss in one vector; loss and absolute deviation, summed over rows."""
    W, b = views(P, formulas.layers)
    masks = _masks(formulas, X, *dropout)
    A, H = [X], [X]
    for layer in range(len(W) - 1):
        A.append(ACTIVATIONS[formulas.activation](_product(H[-1], W[layer], b[layer])))
        H.append(_kept(A[-1], masks[layer]))
    Z = _product(H[-1], W[-1], b[-1])
    outputs = torch.softmax(Z, 1) if formulas.output == "softmax" else torch.sigmoid(Z)
    deviation = outputs - T
    losses = torch.stack([data_loss(formulas.loss, Z, outputs, T), deviation.abs().sum()])
    delta = deviation * k[1]
    if formulas.loss == "mse":
        delta = delta * SLOPES["sigmoid"](outputs)
    into_W, into_b = [], []
    for layer in range(len(W) - 1, -1, -1):
        into_W.append(_product(delta.T, H[layer].T))
        into_b.append(delta.sum(0))
        if layer:
            below = _kept(_product(delta, W[layer].T), masks[layer - 1])
            delta = below * SLOPES[formulas.activation](A[layer])
    parts = [*reversed(into_W), *reversed(into_b)]
    return torch.cat([part.reshape(-1) for part in parts]), losses


def _product(H: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """``H @ W.T + b`` by the faster library."""
    return opaque_linear(H, W, b) if worth_onednn(H, W) else functional.linear(H, W, b)


def _kept(A: Tensor, mask_of_layer: Tensor | None) -> Tensor:
    return A if mask_of_layer is None else A * mask_of_layer


def _masks(formulas: Formulas, X: Tensor, *dropout: Tensor) -> list[Tensor | None]:
    """The dropout masks of the hidden layers from the step's key and the keys of their words."""
    if not formulas.dropout_rates:
        return [None] * (len(formulas.layers) - 2)
    key, *columns = dropout
    row_keys = hash_of(torch.arange(len(X), dtype=torch.int32) + key)
    hidden = zip(columns, formulas.layers[1:-1], formulas.dropout_rates, strict=True)
    return [
        mask(words, row_keys, nodes, rate, X) if rate else None for words, nodes, rate in hidden
    ]


def _move(
    formulas: Formulas, P: Tensor, memory: list[Tensor], G: Tensor, k: Tensor
) -> tuple[Tensor, Tensor]:
    """Add the penalty's share to ``G`` and move ``P``; returns ``G`` and the penalty."""
    rate, _, momentum, l1, l2, beta1, beta2, rho, epsilon = k.unbind()
    W, _ = views(P, formulas.layers)
    weights = P[: sum(part.numel() for part in W)]
    penalties = []
    biases = P.new_zeros(len(P) - len(weights))
    if formulas.l2:
        penalties.append(0.5 * l2 * weights.square().sum())
        G = G + torch.cat([l2 * weights, biases])
    if formulas.l1:
        penalties.append(l1 * weights.abs().sum())
        G = G + torch.cat([l1 * torch.sign(weights), biases])
    penalty = sum(penalties, P.new_zeros(()))
    if formulas.optimiser == "adam":
        mean, square = memory
        mean.copy_(beta1 * mean + (1 - beta1) * G)
        square.copy_(beta2 * square + (1 - beta2) * G * G)
        P.sub_(rate * mean / (square.sqrt() + epsilon))
    elif formulas.optimiser == "rmsprop":
        (square,) = memory
        square.copy_(rho * square + (1 - rho) * G * G)
        P.sub_(rate * G / (square + epsilon).sqrt())
    elif formulas.momentum:
        (previous,) = memory
        V = rate * G
        P.sub_(V + momentum * previous)
        previous.copy_(V)
    else:
        P.sub_(rate * G)
    return G, penalty.reshape(1)
