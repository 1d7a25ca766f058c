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
- *Tiles*: a large batch runs through the network some hundred rows at a time, gradients added up.
  The tile's activations stay in the cache between one call and the next, and OpenBLAS multiplies
  such shapes faster than very long ones.
"""

from __future__ import annotations

import numpy as np

from impls import contract, inplace
from impls.contract import Loss
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows, batches

TILE_ROWS = 1000
"""Rows per tile: enough to feed several threads, few enough for the cache."""


class Flat:
    """Matrices of shape ``(n_in + 1, n_out)``, biases in the last row, as views of one vector."""

    def __init__(self, network: Network) -> None:
        self.vector = np.zeros(network.parameter_count, dtype=network.dtype)
        self.M: list[Floats] = []
        start = 0
        for n_in, n_out in network.shapes:
            end = start + (n_in + 1) * n_out
            self.M.append(self.vector[start:end].reshape(n_in + 1, n_out))
            start = end

    def canonical(self) -> Parameters:
        """A canonical copy."""
        weights, biases = tuple(M[:-1] for M in self.M), tuple(M[-1] for M in self.M)
        return Parameters(weights, biases).astype(self.vector.dtype)


class Tile:
    """Buffers for ``rows`` examples, and the work that is done on them.

    ``A[layer]`` has a column of ones at its end, except at the output.  ``D[layer]`` is the delta
    that belongs to ``M[layer]``, of the shape of ``A[layer + 1]``.
    """

    def __init__(self, network: Network, rows: int) -> None:
        self.network = network
        widths = [nodes + 1 for nodes in network.layers[:-1]] + [network.layers[-1]]
        self.A = [np.ones((rows, width), dtype=network.dtype) for width in widths]
        self.D = [np.empty_like(A) for A in self.A[1:]]
        self.scratch = [np.empty_like(A) for A in self.A[1:]]
        self.T = np.empty_like(self.A[-1])

    def gather(self, X: Floats, Y: Floats, rows: Rows) -> None:
        """Copy the examples ``rows`` of ``X``, which carries its ones, into the tile."""
        # mode="clip" lets take() write straight into the buffer; rows are always in range.
        np.take(X, rows, axis=0, out=self.A[0], mode="clip")
        np.take(Y, rows, axis=0, out=self.T, mode="clip")

    def forward(self, parameters: Flat) -> None:
        """Fill the activations of all layers."""
        for below, M, A in zip(self.A[:-2], parameters.M[:-1], self.A[1:-1], strict=True):
            np.matmul(below, M, out=A[:, :-1])
            # The whole buffer is contiguous, its part without the ones is not.
            inplace.ACTIVATIONS[self.network.activation](A)
            A[:, -1] = 1
        np.matmul(self.A[-2], parameters.M[-1], out=self.A[-1])
        inplace.ACTIVATIONS[self.network.output](self.A[-1])

    def loss(self) -> tuple[float, float]:
        """Data loss and absolute error, both summed over the tile."""
        return inplace.loss_sums(self.network.loss, self.A[-1], self.T, self.scratch[-1])

    def backward(self, parameters: Flat, gradients: Flat) -> None:
        """Write the gradients of the tile, without penalty, into ``gradients``."""
        delta = self.D[-1]
        inplace.output_delta(self.network.loss, self.A[-1], self.T, delta, self.scratch[-1])
        times_slope = inplace.TIMES_SLOPE[self.network.activation]
        for layer in range(len(self.D) - 1, 0, -1):
            A, below = self.A[layer], self.D[layer - 1]
            np.matmul(A.T, delta, out=gradients.M[layer])
            np.matmul(delta, parameters.M[layer].T, out=below)
            times_slope(below, A, self.scratch[layer - 1])
            delta = below[:, :-1]
        np.matmul(self.A[0].T, delta, out=gradients.M[0])


class Trainer(contract.Trainer):
    """Row-ordered tiles, flat parameters, every result into a buffer."""

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.P, self.G, self.tile_G = Flat(network), Flat(network), Flat(network)
        # The coefficient for every weight and 0 for every bias: one product leaves biases out.
        self.l1, self.l2 = Flat(network), Flat(network)
        for l1, l2 in zip(self.l1.M, self.l2.M, strict=True):
            l1[:-1], l2[:-1] = training.l1, training.l2
        self.move = np.zeros_like(self.P.vector)
        self.previous = np.zeros_like(self.P.vector)
        self.scratch = np.zeros_like(self.P.vector)
        self.tiles: dict[tuple[int, int], Tile] = {}
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        for M, W, b in zip(self.P.M, parameters.weights, parameters.biases, strict=True):
            M[:-1], M[-1] = W, b
        self.previous[:] = 0

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X: Floats = np.ones((len(X), X.shape[1] + 1), X.dtype)
        self.X[:, :-1] = X
        self.Y = Y

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
        return self._loss(data, error, into_gradients=False)

    def backward(self) -> None:
        for index, tile in enumerate(self.batch):
            self._add_gradients(tile, first=index == 0)
        self._penalty(into_gradients=True)

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
        loss = self._loss(data, error, into_gradients=True)
        self.update()
        return loss

    def _add_gradients(self, tile: Tile, *, first: bool) -> None:
        tile.backward(self.P, self.G if first else self.tile_G)
        if not first:
            np.add(self.G.vector, self.tile_G.vector, out=self.G.vector)

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
        return Loss(data, penalty, error / (self.examples * self.network.layers[-1]))

    def predict(self, X: Floats) -> Floats:
        outputs = np.empty((len(X), self.network.layers[-1]), dtype=self.network.dtype)
        for start in range(0, len(X), TILE_ROWS):
            part = X[start : start + TILE_ROWS]
            # A tile of its own: the batch in work stays as it is.
            tile = self._tile(-1, len(part))
            tile.A[0][:, :-1] = part
            tile.forward(self.P)
            outputs[start : start + len(part)] = tile.A[-1]
        return outputs

    def parameters(self) -> Parameters:
        return self.P.canonical()

    def gradients(self) -> Parameters:
        return self.G.canonical()
