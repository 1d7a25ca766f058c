"""The top of the ladder, with everything that the articles' program did not have.

The tricks are those of the rungs; the last of them is in :mod:`impls.numpy.tiles`.  Added here are
dropout, Adam and RMSprop, cross-entropy over a softmax, costs averaged over the batch, and float64.

Dropout scales weights, not outputs.  What is kept of a layer has to be divided by one minus the
rate.  Dividing the weights behind the layer instead gives the same products, and they are fewer
numbers in all but small batches.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from impls.contract import DENSE_FEATURES, Feature, Loss
from impls.mathematics.dropout import MaskDrawer, step_key
from impls.mathematics.functions import SMALLEST_PROBABILITY
from impls.networks import Network, Training
from impls.numpy import inplace
from impls.numpy import tiles as numpy_tiles
from impls.numpy.rung import Rung
from impls.numpy.tiles import TILE_ROWS, Sums
from impls.parameters import Floats, Indices, Parameters

_SMALLEST = np.float32(SMALLEST_PROBABILITY)


class Masks:
    """What a tile keeps: arrays of 1 and 0 in the shapes of its outputs, None without dropout."""

    def __init__(self, network: Network, outputs: list[Floats]) -> None:
        self.drawer = MaskDrawer(network, len(outputs[0]))
        self.kept = [
            np.ones_like(A) if rate else None
            for A, rate in zip(outputs, [0.0, *network.dropout_rates, 0.0], strict=True)
        ]

    def draw(self, key: int, first: int) -> None:
        """Draw for the step of ``key``; ``first`` is the tile's first row in the batch."""
        self.drawer.draw(key, first)
        for layer, kept in enumerate(self.kept):
            if kept is not None:
                self.drawer.write(layer, kept[:, :-1])


class Trainer(numpy_tiles.Trainer):
    """Rung 10 for every dense network and every training."""

    features: ClassVar[frozenset[Feature]] = DENSE_FEATURES

    @classmethod
    def supports(cls, network: Network, training: Training) -> str | None:
        # Without the limits of a Rung, which are those of the articles' program.
        return super(Rung, cls).supports(network, training)

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.rates = [0.0, *network.dropout_rates]
        self.masks: dict[tuple[int, int], Masks] = {}
        self.kept: list[Floats | None] = [None] * len(network.layers)
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        super().load(parameters)
        # Weights as training sees them: behind a layer with dropout, copies that carry its scale.
        self.W = [
            np.empty_like(M) if rate else M for M, rate in zip(self.P.M, self.rates, strict=True)
        ]

    def use(self, rows: int, tile: int = 0) -> None:
        super().use(rows, tile)
        if any(self.rates):
            if (tile, rows) not in self.masks:
                self.masks[tile, rows] = Masks(self.network, self.A)
            self.mask = self.masks[tile, rows]
            self.kept = self.mask.kept

    def prepare(self, rows: Indices) -> None:
        self.scale = self.training.data_scale(len(rows))
        super().prepare(rows)

    def forward(self) -> None:
        self.scale_weights()
        super().forward()

    def step(self, rows: Indices) -> Loss:
        self.scale = self.training.data_scale(len(rows))
        self.scale_weights()
        return super().step(rows)

    def scale_weights(self) -> None:
        """Bring the scaled copies of weights up to date."""
        for W, P, rate in zip(self.W, self.P.M, self.rates, strict=True):
            if rate:
                np.divide(P[:-1], 1 - rate, out=W[:-1])
                W[-1] = P[-1]

    def forward_tile(self, tile: int) -> None:
        """Run the tile in use; its number says which rows of the batch it has."""
        if any(self.rates):
            key = step_key(self.training.dropout_seed, self.updates)
            self.mask.draw(key, tile * TILE_ROWS)
        super().forward_tile(tile)

    def hidden(self, layer: int) -> None:
        super().hidden(layer)
        kept = self.kept[layer]
        if kept is not None:
            np.multiply(self.A[layer], kept, out=self.A[layer])

    def sums(self) -> tuple[float, float]:
        if self.network.loss != "cross-entropy":
            return super().sums()
        A, T, scratch = self.A[-1], self.T, self.scratch[-1]
        np.subtract(A, T, out=scratch)
        np.abs(scratch, out=scratch)
        error = float(scratch.sum())
        # The output itself: of its distance to 1, float32 would have seven decimals.
        np.maximum(A, _SMALLEST, out=scratch)
        np.log(scratch, out=scratch)
        return -float(np.vdot(scratch, T)), error

    def total(self, sums: Sums, examples: int, *, into_gradients: bool) -> Loss:
        if into_gradients:
            self.unscale_gradients()
        loss = super().total(sums, examples, into_gradients=into_gradients)
        return loss._replace(data=float(loss.data) * self.scale)

    def output_delta(self) -> Floats:
        delta = super().output_delta()
        return delta if self.scale == 1 else np.multiply(delta, self.scale, out=delta)

    def delta_below(self, layer: int, delta: Floats) -> Floats:
        below, kept = super().delta_below(layer, delta), self.kept[layer]
        if kept is not None and self.network.activation in inplace.SLOPED_AT_ZERO:
            np.multiply(self.D[layer - 1], kept, out=self.D[layer - 1])
        return below

    def penalise(self) -> None:
        self.unscale_gradients()
        super().penalise()

    def unscale_gradients(self) -> None:
        """Turn gradients by the scaled weights into those by the parameters, before the penalty."""
        for G, rate in zip(self.G, self.rates, strict=True):
            if rate:
                np.divide(G[:-1], 1 - rate, out=G[:-1])

    def predict(self, X: Floats) -> Floats:
        outputs = np.empty((len(X), self.network.layers[-1]), dtype=self.network.dtype)
        for start in range(0, len(X), TILE_ROWS):
            A = X[start : start + TILE_ROWS]
            for layer, M in enumerate(self.P.M, start=1):
                A = A @ M[:-1] + M[-1]
                last = layer == len(self.P.M)
                self.activations[self.network.output if last else self.network.activation](A)
            outputs[start : start + len(A)] = A
        return outputs

    def parameters(self) -> Parameters:
        return self.canonical(self.P.M, self.network.dtype)
