"""Everything that NumPy allows, on top of the articles' ladder.

- *Rows are examples*, so that a batch, its activations and both operands of every product are
  views in row order; BLAS takes the transposed ones by a flag.
- *The bias is free.*  Every buffer ends in a column of ones that stays where it is, and the last
  row of a weight matrix holds the biases: the product adds them, and the product of the gradients
  sums their deltas.  (NumPy adds a vector to the rows of a matrix three times more slowly than it
  adds two matrices.)
- *Nothing is allocated in a steady step*: the batch is gathered into a buffer, products and
  element-wise functions write into buffers with ``out=``.
- *Parameters are one flat vector*, the matrices are views of it: penalty and update are a handful
  of calls whatever the number of layers, which is what counts at small batches.
- *Dropout scales weights*, not outputs: what is kept of a layer has to be divided by one minus the
  rate, and so can the weights behind it be, which are fewer numbers in all but small batches.
- *Tiles*: a large batch runs through the network some hundred rows at a time, gradients added up.
  The tile's activations stay in the cache between one call and the next, and OpenBLAS multiplies
  such shapes faster than very long ones.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from impls import contract
from impls.contract import DENSE_FEATURES, Feature, Loss, State
from impls.mathematics.dropout import step_key
from impls.mathematics.optimisers import InPlace
from impls.networks import Network, Training
from impls.numpy.tile import FlatBiasRows, Tile, joined
from impls.parameters import Floats, Parameters, Rows, batches

TILE_ROWS = 1000
"""Rows per tile: enough to feed several threads, few enough for the cache."""


class Trainer(contract.Trainer):
    """Row-ordered tiles, flat parameters, every result into a buffer."""

    features: ClassVar[frozenset[Feature]] = DENSE_FEATURES

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.P, self.G = FlatBiasRows(network), FlatBiasRows(network)
        self.tile_G = FlatBiasRows(network)
        # The coefficient for every weight and 0 for every bias: one product leaves biases out.
        self.l1, self.l2 = FlatBiasRows(network), FlatBiasRows(network)
        for l1, l2 in zip(self.l1.M, self.l2.M, strict=True):
            l1[:-1], l2[:-1] = training.l1, training.l2
        # Weights as training sees them: behind a layer with dropout, copies that carry its scale.
        self.dropped = [0.0, *network.dropout_rates]
        self.M = [
            np.empty_like(M) if rate else M for M, rate in zip(self.P.M, self.dropped, strict=True)
        ]
        self.optimiser = InPlace(training, self.P.vector)
        self.scratch = np.zeros_like(self.P.vector)
        self.tiles: dict[tuple[int, int], Tile] = {}
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        for M, W, b in zip(self.P.M, parameters.weights, parameters.biases, strict=True):
            M[:-1], M[-1] = W, b
        self.optimiser.forget()
        self.updates = 0

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X: Floats = np.ones((len(X), X.shape[1] + 1), X.dtype)
        self.X[:, :-1] = X
        self.Y = Y

    def _tile(self, index: int, rows: int) -> Tile:
        """The buffers of tile number ``index``, made at its first use."""
        if (index, rows) not in self.tiles:
            self.tiles[index, rows] = Tile(self.network, rows, dropout=index >= 0)
        return self.tiles[index, rows]

    def prepare(self, rows: Rows) -> None:
        self.examples = len(rows)
        self.batch = []
        for index, part in enumerate(batches(rows, TILE_ROWS)):
            tile = self._tile(index, len(part))
            tile.gather(self.X, self.Y, part)
            self.batch.append(tile)

    def forward(self) -> None:
        key = self._begin()
        for index, tile in enumerate(self.batch):
            tile.draw(key, index * TILE_ROWS)
            tile.forward(self.M)

    def loss(self) -> Loss:
        data = error = 0.0
        for tile in self.batch:
            tile_data, tile_error = tile.loss()
            data += tile_data
            error += tile_error
        return self._loss(data, error, into_gradients=False)

    def backward(self) -> None:
        for index, tile in enumerate(self.batch):
            self._add_gradients(tile, first=index == 0)
        self._scale_gradients()
        self._penalty(into_gradients=True)

    def update(self) -> None:
        self.updates += 1
        self.optimiser.update(self.G.vector, self.learning_rate, self.updates)

    def step(self, rows: Rows) -> Loss:
        """All phases tile by tile, in the one set of buffers that is still in the cache."""
        self.examples = len(rows)
        key = self._begin()
        data = error = 0.0
        for index, part in enumerate(batches(rows, TILE_ROWS)):
            tile = self._tile(0, len(part))
            tile.gather(self.X, self.Y, part)
            tile.draw(key, index * TILE_ROWS)
            tile.forward(self.M)
            tile_data, tile_error = tile.loss()
            data += tile_data
            error += tile_error
            self._add_gradients(tile, first=index == 0)
        self._scale_gradients()
        loss = self._loss(data, error, into_gradients=True)
        self.update()
        return loss

    def _begin(self) -> int:
        """Scale the weights behind dropout and return the key of the step's masks."""
        for M, P, rate in zip(self.M, self.P.M, self.dropped, strict=True):
            if rate:
                np.divide(P[:-1], 1 - rate, out=M[:-1])
                M[-1] = P[-1]
        seed = self.training.dropout_seed
        return step_key(seed, self.updates) if any(self.dropped) else 0

    def _add_gradients(self, tile: Tile, *, first: bool) -> None:
        gradients = self.G if first else self.tile_G
        tile.backward(self.M, gradients.M, self.training.data_scale(self.examples))
        if not first:
            np.add(self.G.vector, self.tile_G.vector, out=self.G.vector)

    def _scale_gradients(self) -> None:
        """From gradients by the scaled weights to those by the weights."""
        for G, rate in zip(self.G.M, self.dropped, strict=True):
            if rate:
                np.divide(G[:-1], 1 - rate, out=G[:-1])

    def _penalty(self, *, into_gradients: bool) -> float:
        """Penalty of the weights; its share of the gradients is added where asked for."""
        P, share, penalty = self.P.vector, self.scratch, 0.0
        if self.training.l2:
            np.multiply(P, self.l2.vector, out=share)
            penalty += 0.5 * float(np.vdot(P, share))
            if into_gradients:
                np.add(self.G.vector, share, out=self.G.vector)
        if self.training.l1:
            np.sign(P, out=share)
            np.multiply(share, self.l1.vector, out=share)
            penalty += float(np.vdot(P, share))
            if into_gradients:
                np.add(self.G.vector, share, out=self.G.vector)
        return penalty

    def _loss(self, data: float, error: float, *, into_gradients: bool) -> Loss:
        """The loss of the batch, in one pass with the penalty's gradients where asked for."""
        penalty = self._penalty(into_gradients=into_gradients)
        data *= self.training.data_scale(self.examples)
        return Loss(data, penalty, error / (self.examples * self.network.layers[-1]))

    def predict(self, X: Floats) -> Floats:
        outputs = np.empty((len(X), self.network.layers[-1]), dtype=self.network.dtype)
        for start in range(0, len(X), TILE_ROWS):
            part = X[start : start + TILE_ROWS]
            # A tile of its own: the batch in work stays as it is.
            tile = self._tile(-1, len(part))
            tile.A[0][:, :-1] = part
            tile.forward(self.P.M)
            outputs[start : start + len(part)] = tile.A[-1]
        return outputs

    def state(self) -> State:
        memory = tuple(self.P.split(vector) for vector in self.optimiser.remembered())
        return State(self.parameters(), memory, self.updates)

    def resume(self, state: State) -> None:
        super().resume(state)
        self.updates = state.updates
        self.optimiser.recall([joined(remembered) for remembered in state.memory or ()])

    def parameters(self) -> Parameters:
        return self.P.canonical()

    def gradients(self) -> Parameters:
        return self.G.canonical()
