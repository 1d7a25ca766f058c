"""The float64 reference: the mathematics and nothing else.

Every implementation is compared with this one before it is timed, so it is written to be checked
by eye: examples in rows, one line per formula, no buffer, no trick.  It is never timed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from impls import contract
from impls.contract import FEATURES, Feature, Loss, State
from impls.mathematics import dropout, patches
from impls.mathematics.functions import (
    ACTIVATIONS,
    SLOPES_FROM_INPUT,
    data_loss,
    output_activation,
    output_delta,
    penalty,
)
from impls.mathematics.optimisers import MEMORIES, OPTIMISERS, new_memory
from impls.parameters import Floats, Indices, Parameters


class Passed(NamedTuple):
    """What examples leave behind on their way through the layers, those of convolutions first.

    ``Z`` holds the inputs of each layer and ``A`` the outputs, from the examples themselves on.
    Of a convolution only the inputs that its pooling takes are kept, with their ``places``.
    """

    Z: list[Floats]
    A: list[Floats]
    places: list[patches.Places]


class Trainer(contract.Trainer):
    """Plain float64 arithmetic, whatever the network's dtype."""

    features: ClassVar[frozenset[Feature]] = FEATURES
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

    def prepare(self, rows: Indices) -> None:
        self.A: list[Floats] = [self.X[rows].astype(self.dtype)]
        self.T = self.Y[rows].astype(self.dtype)

    def forward(self) -> None:
        self.masks = self.draw_masks(len(self.T))
        self.Z, self.A, self.places = self.layers(self.A[0], self.masks)

    def draw_masks(self, rows: int) -> list[Floats | None]:
        """Return what each layer's outputs are multiplied by in this step."""
        seed = self.training.dropout_seed
        return dropout.masks(self.network, seed, self.updates, rows, self.dtype)

    def layers(self, X: Floats, masks: Sequence[Floats | None] | None = None) -> Passed:
        """Return everything between examples ``X``, shape ``(batch, n_0)``, and their outputs."""
        activation = ACTIVATIONS[self.network.activation]
        conv_layers, last = len(self.network.conv_layers), len(self.W) - 1
        Z, A, places = Passed([], [self.stored(X)], [])
        for layer in range(conv_layers):
            inputs, where = self.convolved(layer, A[-1])
            Z.append(inputs)
            places.append(where)
            A.append(self.stored(activation(inputs)))
        for layer in range(conv_layers, last):
            Z.append(self.weighted(layer, A[-1]))
            A.append(self.kept(layer + 1, self.stored(activation(Z[-1])), masks))
        Z.append(self.weighted(last, A[-1]))
        A.append(self.stored(output_activation(self.network.output, Z[-1], axis=1)))
        return Passed(Z, A, places)

    def kept(self, layer: int, A: Floats, masks: Sequence[Floats | None] | None) -> Floats:
        """Return what dropout leaves of ``A``, outputs or deltas of ``layer``; 0 is the input."""
        mask = masks[max(0, layer - len(self.network.conv_layers))] if masks else None
        return A if mask is None else A * mask

    def weighted(self, layer: int, A: Floats) -> Floats:
        """Return the inputs of a dense layer that meets ``A``."""
        Z: Floats = A @ self.W[layer] + self.b[layer]
        return Z

    def convolved(self, layer: int, A: Floats) -> tuple[Floats, patches.Places]:
        """Return the inputs of a convolution that its pooling takes, and their places."""
        return patches.forward(self.network.conv_layers[layer], A, self.W[layer], self.b[layer])

    def stored(self, A: Floats) -> Floats:
        """Return what is kept of a layer's outputs or deltas: all, unless errors are tried."""
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
            W, delta = self.W[layer], self.stored(delta)
            share = self.training.l2 * W + self.training.l1 * np.sign(W)
            self.G[layer] = self.gradient(layer, delta) + share
            # One row per example, and in a convolution per place of the map that it leaves.
            self.g[layer] = delta.reshape(-1, W.shape[1]).sum(axis=0)
            if layer:
                below = self.passed_back(layer, delta) * slope(self.Z[layer - 1])
                delta = self.kept(layer, below, self.masks)

    def gradient(self, layer: int, delta: Floats) -> Floats:
        """Return the gradient of a layer's weights, without penalty."""
        if layer >= len(self.places):
            return self.A[layer].T @ delta
        conv = self.network.conv_layers[layer]
        return patches.gradient(conv, self.A[layer], delta, self.places[layer])

    def passed_back(self, layer: int, delta: Floats) -> Floats:
        """Return the delta of the outputs below a layer from the delta of its inputs."""
        if layer >= len(self.places):
            return delta @ self.W[layer].T
        conv = self.network.conv_layers[layer]
        return patches.backward(conv, delta, self.places[layer], self.W[layer])

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
        return self.layers(X.astype(self.dtype)).A[-1]

    def state(self) -> State:
        memory = tuple(
            Parameters(
                tuple(memory[number] for memory in self.memory_of_W),
                tuple(memory[number] for memory in self.memory_of_b),
            ).astype(self.dtype)
            for number in range(MEMORIES[self.training.optimiser])
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
