"""PyTorch through ``torch.compile``: a whole step as one graph of fused kernels.

- *Nothing is left to Python* between the gathered batch and the moved weights: the compiler fuses
  what lies between two matrix products, and all of penalty and update.
- *The backward pass is written out* as in the eager implementation, so that its products can go to
  oneDNN, which autograd knows nothing of.
- *The wrapper is C++* as well (``cpp_wrapper``): at small batches Python between the kernels costs
  a tenth of a step.
- *Full batches have a graph of their own*, all other sizes share a second one in which the number
  of rows is a variable: a shorter last batch compiles once, not once per size.
- *Coefficients are tensors*, so that a new learning rate needs no new graph; what only chooses
  between formulas is a constant in it.

Graphs are shared by all trainers of a process that compute the same.  They also outlive it: what
the compiler made lies in its cache on disk, so the first call of a later process is shorter.
"""

from __future__ import annotations

import functools
import os
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar, NamedTuple

import torch
from torch.nn import functional

from impls.contract import Loss, Phase
from impls.mathematics.dropout import step_key
from impls.networks import Formulas, Network, Training
from impls.parameters import Indices, Parameters
from impls.torch import mlp as torch_mlp
from impls.torch.dropout import Tensor, hash_of, mask, signed
from impls.torch.functions import ACTIVATIONS, SLOPES, data_loss, outputs
from impls.torch.mlp import TILE_ROWS
from impls.torch.optimisers import corrected
from impls.torch.tile import canonical, linear, views, worth_onednn

COEFFICIENTS = ("momentum", "l1", "l2", "beta1", "beta2", "rho", "epsilon")
"""Fields of a training that enter formulas as numbers, after the rate and the scale of the loss."""


class Trainer(torch_mlp.Trainer):
    """The eager trainer with its step compiled; only gathering the batch stays a phase."""

    phases: ClassVar[frozenset[Phase]] = frozenset({"prepare"})
    backend: ClassVar[str] = "inductor"

    @classmethod
    def unavailable(cls) -> str | None:
        compiler = os.environ.get("CXX") or "g++"
        if shutil.which(compiler) is None:
            return f"no C++ compiler: {compiler} is not on the path; install one, or name it in CXX"
        header = Path(sysconfig.get_path("include"), "Python.h")
        if not header.exists():
            return f"no headers of Python: {header} does not exist; install those of this Python"
        return None

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        formulas = Formulas.of(network, training)
        self.full_rows = min(training.batch_size, TILE_ROWS)
        self.full = graphs(formulas, self.full_rows, self.backend)
        self.other = graphs(formulas, None, self.backend)
        self.numbers: tuple[float, ...] = ()
        super().__init__(network, training, parameters)
        self.current = self.G.vector

    def backward(self) -> None:
        super().backward()
        self.current = self.G.vector

    def step(self, rows: Indices) -> Loss:
        self.examples = len(rows)
        parts = torch.from_numpy(rows).split(TILE_ROWS)
        memory = [part.vector for part in self.memory]
        k = self._coefficients()
        if len(parts) == 1:
            batch, graphs_of_size = self._gathered(parts[0], 0)
            self.current, losses = graphs_of_size.step(self.P.vector, memory, *batch)
        else:
            self.current, losses = self._by_tiles(parts, memory, k)
        self.updates += 1
        data, error, penalty = losses.tolist()
        return self._loss(data, error, penalty)

    def _by_tiles(
        self, parts: tuple[Tensor, ...], memory: list[Tensor], k: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return a step of several tiles: their gradients and losses are added up."""
        G = losses = torch.zeros(())
        for index, part in enumerate(parts):
            batch, graphs_of_size = self._gathered(part, index * TILE_ROWS)
            tile_G, tile_losses = graphs_of_size.tile(self.P.vector, *batch)
            G = G.add_(tile_G) if index else tile_G
            losses = losses + tile_losses
        G, penalty = self.full.finish(self.P.vector, memory, G, k)
        return G, torch.cat([losses, penalty])

    def _gathered(self, rows: Tensor, first: int) -> tuple[tuple[Tensor, ...], Graphs]:
        """Return what the graphs take of the examples ``rows``, and those for this size.

        The first of them is number ``first`` of the batch.
        """
        tile = self._tile(0, len(rows))
        tile.gather(self.X, self.Y, rows)
        batch = (tile.A[0], tile.T, self._coefficients())
        if self.drops:
            key = (step_key(self.training.dropout_seed, self.updates) + first) & 0xFFFFFFFF
            batch += (torch.tensor(signed(key), dtype=torch.int32), *self.columns)
        return batch, self.full if tile.rows == self.full_rows else self.other

    def _coefficients(self) -> Tensor:
        """Return rate, scale of the data loss, and coefficients of the training in one tensor."""
        training = self.training
        rate = corrected(training, self.learning_rate, self.updates)
        scale = training.data_scale(self.examples)
        numbers = (rate, scale, *(getattr(training, name) for name in COEFFICIENTS))
        if numbers != self.numbers:
            self.numbers = numbers
            self.k = self.P.vector.new_tensor(numbers)
        return self.k

    def gradients(self) -> Parameters:
        return canonical(self.current, self.network)


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
    """Return graphs for batches of ``rows``, or for any number where None."""

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
    return Graphs(*(compiled(_with_code_of_its_own(part)) for part in (step, tile, finish)))


def _with_code_of_its_own(function: Any) -> Callable[..., Any]:
    """Return a copy of ``function`` with a code object of its own.

    The compiler keeps its graphs with the code object and gives up when one has too many of them.
    """
    own = function.__code__.replace()
    return FunctionType(own, function.__globals__, function.__name__, None, function.__closure__)


def _gradients(
    formulas: Formulas, P: Tensor, X: Tensor, T: Tensor, k: Tensor, *dropout: Tensor
) -> tuple[Tensor, Tensor]:
    """Return gradients of the data loss in one vector; loss and deviation summed over rows."""
    W, b = views(P, formulas.layers)
    masks = _masks(formulas, X, *dropout)
    A, H = [X], [X]
    for layer in range(len(W) - 1):
        A.append(ACTIVATIONS[formulas.activation](_product(H[-1], W[layer], b[layer])))
        H.append(_kept(A[-1], masks[layer]))
    Z = _product(H[-1], W[-1], b[-1])
    A_last = outputs(formulas, Z)
    deviation = A_last - T
    losses = torch.stack([data_loss(formulas.loss, Z, T, A_last), deviation.abs().sum()])
    delta = deviation * k[1]
    if formulas.loss == "mse":
        delta = delta * SLOPES["sigmoid"](A_last)
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
    """Return ``H @ W.T + b`` by the faster library."""
    return opaque_linear(H, W, b) if worth_onednn(H, W) else functional.linear(H, W, b)


def _kept(A: Tensor, mask_of_layer: Tensor | None) -> Tensor:
    return A if mask_of_layer is None else A * mask_of_layer


def _masks(formulas: Formulas, X: Tensor, *dropout: Tensor) -> list[Tensor | None]:
    """Return dropout masks from the key of the step and the keys of the layers' words."""
    if not formulas.dropout_rates:
        return [None] * (len(formulas.layers) - 2)
    key, *columns = dropout
    row_keys = hash_of(torch.arange(len(X), dtype=torch.int32) + key)
    hidden = zip(columns, formulas.layers[1:-1], formulas.dropout_rates, strict=True)
    return [
        mask(words, row_keys, nodes, rate, X.dtype) if rate else None
        for words, nodes, rate in hidden
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
