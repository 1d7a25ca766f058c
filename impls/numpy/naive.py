"""Rung 0 of the ladder: the network as one writes it down first.

Columns are examples, and a row of ones on top of every layer turns biases into column 0 of the
weights, as in the textbook formula ``Z = W A``.  Four habits make it slow; each later rung mends
one kind and inherits the rest, so a rung's file shows its trick alone:

- float64, NumPy's default, doubles all memory traffic and halves the width of every instruction;
- the batch arrives transposed, ordered by columns, and is copied into a row-ordered matrix only
  to put the row of ones on top;
- on the way back the row of ones is put on ``Z`` as well, and dropped again afterwards;
- the sigmoid is computed anew for its derivative, twice, as the formula ``s (1 - s)`` is written,
  even for the input layer, whose delta nobody needs.

Source of the rungs: the performance articles (steps I to III) named in the README.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from impls import contract
from impls.contract import DENSE_FEATURES, Feature, Loss, State
from impls.mathematics import dropout
from impls.mathematics.functions import (
    ACTIVATIONS,
    SLOPES_FROM_INPUT,
    data_loss,
    output_activation,
    output_delta,
    penalty,
)
from impls.mathematics.optimisers import OPTIMISERS, new_memory
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows


def with_bias_row(A: Floats) -> Floats:
    """``A``, shape ``(nodes, batch)``, under a row of ones: a new row-ordered matrix."""
    augmented: Floats = np.ones((A.shape[0] + 1, A.shape[1]), dtype=A.dtype)
    augmented[1:] = A
    return augmented


class Trainer(contract.Trainer):
    """Bias rows both ways, every derivative from scratch, float64."""

    features: ClassVar[frozenset[Feature]] = DENSE_FEATURES
    dtype: ClassVar[npt.DTypeLike] = np.float64
    lowest_delta: ClassVar[int] = 0
    """The lowest layer whose delta is computed."""

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        dtype = np.dtype(cls.dtype)
        if dtype.itemsize < np.dtype(network.dtype).itemsize:
            return f"this rung computes in {dtype}, not {network.dtype}"
        return super().supports(network, training)

    def load(self, parameters: Parameters) -> None:
        self.W = self._matrices(parameters)
        self.memories = [new_memory(self.training.optimiser, W) for W in self.W]
        self.updates = 0

    def _matrices(self, parameters: Parameters) -> list[Floats]:
        """Canonical parameters with the biases in column 0, shape ``(n_out, n_in + 1)``."""
        return [
            np.column_stack([b, W.T]).astype(self.dtype)
            for W, b in zip(parameters.weights, parameters.biases, strict=True)
        ]

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X: Floats = X.astype(self.dtype)
        self.Y: Floats = np.ascontiguousarray(Y.T, dtype=self.dtype)

    def prepare(self, rows: Rows) -> None:
        self.input = self.X[rows].T
        self.T = self.Y[:, rows]

    def forward(self) -> None:
        batch, seed = self.input.shape[1], self.training.dropout_seed
        self.masks = dropout.masks(self.network, seed, self.updates, batch, self.dtype)
        self.Z, self.A = self._layers(self.input, self.augmented(self.input), self.masks)

    def augmented(self, X: Floats) -> Floats:
        """The input under its row of ones, shape ``(n_0 + 1, batch)``.

        ``X`` is ordered by columns and the new matrix by rows: a copy against the grain.
        """
        return with_bias_row(X)

    def _layers(
        self, X: Floats, A0: Floats, masks: Sequence[Floats | None]
    ) -> tuple[list[Floats], list[Floats]]:
        """Inputs ``Z`` and outputs ``A`` of all layers; index 0 is the input layer."""
        Z, A = [X], [A0]
        for W, mask in zip(self.W[:-1], masks[1:], strict=True):
            Z.append(W @ A[-1])
            outputs = ACTIVATIONS[self.network.activation](Z[-1])
            A.append(with_bias_row(outputs if mask is None else outputs * mask.T))
        Z.append(self.W[-1] @ A[-1])
        A.append(output_activation(self.network.output, Z[-1], axis=0))
        return Z, A

    def loss(self) -> Loss:
        outputs = self.A[-1]
        scale = self.training.data_scale(outputs.shape[1])
        return Loss(
            scale * data_loss(self.network.loss, outputs, self.T),
            penalty([W[:, 1:] for W in self.W], self.training.l1, self.training.l2),
            float(np.mean(np.abs(self.T - outputs))),
        )

    def backward(self) -> None:
        delta = output_delta(self.network.loss, self.A[-1], self.T)
        if self.training.reduction == "mean":
            delta /= delta.shape[1]
        self.G: list[Floats] = list(self.W)
        for layer in reversed(range(len(self.W))):
            self.G[layer] = delta @ self.A[layer].T
            self._penalise(layer)
            if layer >= self.lowest_delta:
                delta = self.delta_below(layer, delta)
                mask = self.masks[layer]
                if mask is not None:
                    delta *= mask.T

    def delta_below(self, layer: int, delta: Floats) -> Floats:
        """Delta of ``layer`` before dropout from that of the layer above, ``(nodes, batch)``."""
        slope = SLOPES_FROM_INPUT[self.network.activation](with_bias_row(self.Z[layer]))
        return ((self.W[layer].T @ delta) * slope)[1:]

    def _penalise(self, layer: int) -> None:
        """Add the share of L1 and L2 to a gradient; column 0 holds biases and is left out."""
        W, G = self.W[layer][:, 1:], self.G[layer][:, 1:]
        if self.training.l2:
            G += self.training.l2 * W
        if self.training.l1:
            G += self.training.l1 * np.sign(W)

    def update(self) -> None:
        self.updates += 1
        lost = OPTIMISERS[self.training.optimiser]
        for layer, (gradient, memory) in enumerate(zip(self.G, self.memories, strict=True)):
            self.W[layer] -= lost(gradient, memory, self.learning_rate, self.updates, self.training)

    def predict(self, X: Floats) -> Floats:
        columns, no_masks = X.astype(self.dtype).T, [None] * len(self.W)
        outputs = self._layers(columns, with_bias_row(columns), no_masks)[1][-1]
        return np.ascontiguousarray(outputs.T)

    def state(self) -> State:
        memory = tuple(
            _canonical(matrices).astype(self.dtype) for matrices in zip(*self.memories, strict=True)
        )
        return State(_canonical(self.W).astype(self.dtype), memory, self.updates)

    def resume(self, state: State) -> None:
        super().resume(state)
        self.updates = state.updates
        for number, remembered in enumerate(state.memory or ()):
            for memory, M in zip(self.memories, self._matrices(remembered), strict=True):
                memory[number] = M

    def parameters(self) -> Parameters:
        return _canonical(self.W).astype(self.network.dtype)

    def gradients(self) -> Parameters:
        return _canonical(self.G).astype(self.network.dtype)


def _canonical(matrices: Sequence[Floats]) -> Parameters:
    """Column 0 as biases, and the rest from ``(n_out, n_in)`` to ``(n_in, n_out)``: views."""
    return Parameters(tuple(M[:, 1:].T for M in matrices), tuple(M[:, 0] for M in matrices))
