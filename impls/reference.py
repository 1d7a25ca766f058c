"""The float64 reference: the mathematics and nothing else.

Every implementation is compared with this one before it is timed, so it is written to be checked
by eye: examples in rows, one line per formula, no buffer, no trick.  It is never timed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from impls import contract, dropout
from impls.contract import DENSE_FEATURES, Feature, Loss, State
from impls.functions import (
    ACTIVATIONS,
    SLOPES_FROM_INPUT,
    data_loss,
    output_activation,
    output_delta,
    penalty,
)
from impls.optimisers import OPTIMISERS, new_memory
from impls.parameters import Floats, Parameters, Rows


class Trainer(contract.Trainer):
    """Plain float64 arithmetic, whatever the network's dtype."""

    features: ClassVar[frozenset[Feature]] = DENSE_FEATURES
    dtype: ClassVar[npt.DTypeLike] = np.float64

    def load(self, parameters: Parameters) -> None:
        exact = parameters.astype(self.dtype)
        self.W: list[Floats] = list(exact.weights)
        self.b: list[Floats] = list(exact.biases)
        self.memory_of_W = [new_memory(self.training.optimiser, W) for W in self.W]
        self.memory_of_b = [new_memory(self.training.optimiser, b) for b in self.b]
        self.updates = 0

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X, self.Y = X, Y

    def prepare(self, rows: Rows) -> None:
        self.A: list[Floats] = [self.X[rows].astype(self.dtype)]
        self.T = self.Y[rows].astype(self.dtype)

    def forward(self) -> None:
        self.masks = self.draw_masks(len(self.T))
        self.Z, self.A = self.layers(self.A[0], self.masks)

    def draw_masks(self, rows: int) -> list[Floats | None]:
        """What each layer's outputs are multiplied by in this step."""
        seed = self.training.dropout_seed
        return dropout.masks(self.network, seed, self.updates, rows, self.dtype)

    def layers(
        self, X: Floats, masks: Sequence[Floats | None] | None = None
    ) -> tuple[list[Floats], list[Floats]]:
        """Inputs and outputs of all layers for examples ``X``, shape ``(batch, n_0)``."""
        Z: list[Floats] = []
        A = [self.stored(X)]
        for W, b in zip(self.W, self.b, strict=True):
            Z.append(A[-1] @ W + b)
            if len(Z) == len(self.W):
                A.append(self.stored(output_activation(self.network.output, Z[-1], axis=1)))
                break
            A.append(self.stored(ACTIVATIONS[self.network.activation](Z[-1])))
            mask = masks[len(Z)] if masks else None
            if mask is not None:
                A[-1] = A[-1] * mask
        return Z, A

    def stored(self, A: Floats) -> Floats:
        """What is kept of the outputs ``A`` of a layer: all, except where errors are tried."""
        return A

    def loss(self) -> Loss:
        outputs = self.A[-1]
        scale = self.training.data_scale(len(self.T))
        return Loss(
            scale * data_loss(self.network.loss, outputs, self.T),
            penalty(self.W, self.training.l1, self.training.l2),
            float(np.mean(np.abs(outputs - self.T))),
        )

    def backward(self) -> None:
        slope = SLOPES_FROM_INPUT[self.network.activation]
        scale = self.training.data_scale(len(self.T))
        delta = scale * output_delta(self.network.loss, self.A[-1], self.T)
        self.G: list[Floats] = list(self.W)
        self.g: list[Floats] = list(self.b)
        for layer in reversed(range(len(self.W))):
            W = self.W[layer]
            share = self.training.l2 * W + self.training.l1 * np.sign(W)
            self.G[layer] = self.A[layer].T @ delta + share
            self.g[layer] = delta.sum(axis=0)
            if layer:
                delta = (delta @ W.T) * slope(self.Z[layer - 1])
                mask = self.masks[layer]
                if mask is not None:
                    delta = delta * mask

    def update(self) -> None:
        self.updates += 1
        lost = OPTIMISERS[self.training.optimiser]
        rate = self.learning_rate
        for values, gradients, memories in (
            (self.W, self.G, self.memory_of_W),
            (self.b, self.g, self.memory_of_b),
        ):
            for i, (gradient, memory) in enumerate(zip(gradients, memories, strict=True)):
                values[i] = values[i] - lost(gradient, memory, rate, self.updates, self.training)

    def predict(self, X: Floats) -> Floats:
        return self.layers(X.astype(self.dtype))[1][-1]

    def state(self) -> State:
        memory = tuple(
            Parameters(Ms, bs).astype(self.dtype)
            for Ms, bs in zip(
                zip(*self.memory_of_W, strict=True),
                zip(*self.memory_of_b, strict=True),
                strict=True,
            )
        )
        return State(self.parameters(), memory, self.updates)

    def resume(self, state: State) -> None:
        super().resume(state)
        self.updates = state.updates
        for number, remembered in enumerate(state.memory or ()):
            exact = remembered.astype(self.dtype)
            for memory, M in zip(self.memory_of_W, exact.weights, strict=True):
                memory[number] = M
            for memory, m in zip(self.memory_of_b, exact.biases, strict=True):
                memory[number] = m

    def parameters(self) -> Parameters:
        return Parameters(tuple(self.W), tuple(self.b)).astype(np.float64)

    def gradients(self) -> Parameters:
        return Parameters(tuple(self.G), tuple(self.g)).astype(np.float64)
