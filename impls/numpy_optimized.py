"""Everything that NumPy allows, on top of the articles' ladder.

- *Rows are examples*, so that a batch, its activations and both operands of every product are
  views in row order; BLAS takes the transposed ones by a flag.
- *Biases are vectors*, added in place: no matrix grows by a row.
- *Nothing is allocated in a steady step*: the batch is gathered into a buffer, products and
  element-wise functions write into buffers with ``out=``.
- *Parameters are one flat vector*, the matrices are views of it: penalty and update are a handful
  of calls whatever the number of layers, which is what counts at small batches.
- *Tiles*: a large batch runs through the network some hundred rows at a time, gradients added up.
  The tile's activations stay in the cache between one call and the next, and OpenBLAS multiplies
  such shapes faster than very long ones.
"""

from __future__ import annotations

import numpy as np

from impls import contract, inplace
from impls.contract import Loss
from impls.flat import Flat
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows, batches

TILE_ROWS = 1000
"""Rows per tile: large enough to feed two threads, small enough for a level-2 cache."""


class Tile:
    """Buffers for ``rows`` examples, and the work that is done on them.

    ``D[layer]`` is the delta that belongs to ``W[layer]``, of the shape of ``A[layer + 1]``.
    """

    def __init__(self, network: Network, rows: int) -> None:
        def buffers() -> list[Floats]:
            return [np.empty((rows, nodes), dtype=network.dtype) for nodes in network.layers[1:]]

        self.network = network
        self.A = [np.empty((rows, network.layers[0]), dtype=network.dtype), *buffers()]
        self.D = buffers()
        self.scratch = buffers()
        self.T = np.empty_like(self.A[-1])
        self.ones = np.ones(rows, dtype=network.dtype)

    def gather(self, X: Floats, Y: Floats, rows: Rows) -> None:
        """Copy the examples ``rows`` into the tile."""
        # mode="clip" lets take() write straight into the buffer; rows are always in range.
        np.take(X, rows, axis=0, out=self.A[0], mode="clip")
        np.take(Y, rows, axis=0, out=self.T, mode="clip")

    def forward(self, parameters: Flat) -> None:
        """Fill the activations of all layers."""
        last = len(parameters.W) - 1
        for layer, (W, b) in enumerate(zip(parameters.W, parameters.b, strict=True)):
            Z = self.A[layer + 1]
            np.matmul(self.A[layer], W, out=Z)
            np.add(Z, b, out=Z)
            name = self.network.output if layer == last else self.network.activation
            inplace.ACTIVATIONS[name](Z)

    def loss(self) -> tuple[float, float]:
        """Data loss and absolute error, both summed over the tile."""
        A, scratch = self.A[-1], self.scratch[-1]
        data = inplace.data_loss(self.network.loss, A, self.T, scratch)
        return data, inplace.absolute_error(A, self.T, scratch)

    def backward(self, parameters: Flat, gradients: Flat) -> None:
        """Write the gradients of the tile, without penalty, into ``gradients``."""
        inplace.output_delta(self.network.loss, self.A[-1], self.T, self.D[-1], self.scratch[-1])
        times_slope = inplace.TIMES_SLOPE[self.network.activation]
        for layer in reversed(range(len(parameters.W))):
            A, delta = self.A[layer], self.D[layer]
            np.matmul(A.T, delta, out=gradients.W[layer])
            # A product with ones adds columns up faster than sum(axis=0).
            np.matmul(self.ones, delta, out=gradients.b[layer])
            if layer:
                below = self.D[layer - 1]
                np.matmul(delta, parameters.W[layer].T, out=below)
                times_slope(below, A, self.scratch[layer - 1])


class Trainer(contract.Trainer):
    """Row-ordered tiles, flat parameters, every result into a buffer."""

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.P, self.G, self.tile_G = Flat(network), Flat(network), Flat(network)
        self.move = np.zeros_like(self.P.vector)
        self.previous = np.zeros_like(self.P.vector)
        self.scratch = np.zeros_like(self.P.vector)
        self.tiles: dict[tuple[int, int], Tile] = {}
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        self.P.fill(parameters)
        self.previous[:] = 0

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X, self.Y = X, Y

    def _tile(self, index: int, rows: int) -> Tile:
        """The buffers of tile number ``index``, made at its first use."""
        if (index, rows) not in self.tiles:
            self.tiles[index, rows] = Tile(self.network, rows)
        return self.tiles[index, rows]

    def prepare(self, rows: Rows) -> None:
        self.examples = len(rows)
        self.batch = []
        for index, part in enumerate(batches(rows, TILE_ROWS)):
            tile = self._tile(index, len(part))
            tile.gather(self.X, self.Y, part)
            self.batch.append(tile)

    def forward(self) -> None:
        for tile in self.batch:
            tile.forward(self.P)

    def loss(self) -> Loss:
        data = error = 0.0
        for tile in self.batch:
            tile_data, tile_error = tile.loss()
            data += tile_data
            error += tile_error
        return self._loss(data, error)

    def backward(self) -> None:
        for index, tile in enumerate(self.batch):
            self._add_gradients(tile, first=index == 0)
        self._penalise()

    def update(self) -> None:
        np.multiply(self.G.vector, self.learning_rate, out=self.move)
        np.subtract(self.P.vector, self.move, out=self.P.vector)
        if self.training.momentum:
            np.multiply(self.previous, self.training.momentum, out=self.scratch)
            np.subtract(self.P.vector, self.scratch, out=self.P.vector)
            self.previous, self.move = self.move, self.previous

    def step(self, rows: Rows) -> Loss:
        """All phases tile by tile, in the one set of buffers that is still in the cache."""
        self.examples = len(rows)
        data = error = 0.0
        for index, part in enumerate(batches(rows, TILE_ROWS)):
            tile = self._tile(0, len(part))
            tile.gather(self.X, self.Y, part)
            tile.forward(self.P)
            tile_data, tile_error = tile.loss()
            data += tile_data
            error += tile_error
            self._add_gradients(tile, first=index == 0)
        loss = self._loss(data, error)
        self._penalise()
        self.update()
        return loss

    def _add_gradients(self, tile: Tile, *, first: bool) -> None:
        tile.backward(self.P, self.G if first else self.tile_G)
        if not first:
            np.add(self.G.vector, self.tile_G.vector, out=self.G.vector)

    def _penalise(self) -> None:
        """Add the share of L1 and L2 to the gradients of the weights, biases left out."""
        weights, share = self.P.weights, self.scratch[: self.P.weights.size]
        if self.training.l2:
            np.multiply(weights, self.training.l2, out=share)
            np.add(self.G.weights, share, out=self.G.weights)
        if self.training.l1:
            np.sign(weights, out=share)
            np.multiply(share, self.training.l1, out=share)
            np.add(self.G.weights, share, out=self.G.weights)

    def _loss(self, data: float, error: float) -> Loss:
        weights, share = self.P.weights, self.scratch[: self.P.weights.size]
        penalty = 0.0
        if self.training.l2:
            penalty += 0.5 * self.training.l2 * float(np.vdot(weights, weights))
        if self.training.l1:
            penalty += self.training.l1 * float(np.abs(weights, out=share).sum())
        return Loss(data, penalty, error / (self.examples * self.network.layers[-1]))

    def predict(self, X: Floats) -> Floats:
        outputs = np.empty((len(X), self.network.layers[-1]), dtype=self.network.dtype)
        for start in range(0, len(X), TILE_ROWS):
            part = X[start : start + TILE_ROWS]
            tile = self._tile(0, len(part))
            np.copyto(tile.A[0], part)
            tile.forward(self.P)
            outputs[start : start + len(part)] = tile.A[-1]
        return outputs

    def parameters(self) -> Parameters:
        return self.P.canonical()

    def gradients(self) -> Parameters:
        return self.G.canonical()
