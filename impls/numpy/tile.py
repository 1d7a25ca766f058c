"""The buffers of :mod:`impls.numpy.optimized`, and what is done to one tile of a batch."""

from __future__ import annotations

import numpy as np

from impls.mathematics.dropout import MaskDrawer
from impls.networks import Network
from impls.numpy import inplace
from impls.parameters import Floats, Parameters, Rows


class FlatBiasRows:
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

    def split(self, vector: Floats) -> Parameters:
        """Another vector of this order in canonical form, in its own dtype."""
        ends = np.cumsum([M.size for M in self.M])[:-1]
        parts = [
            part.reshape(M.shape) for part, M in zip(np.split(vector, ends), self.M, strict=True)
        ]
        return Parameters(tuple(P[:-1] for P in parts), tuple(P[-1] for P in parts))


def joined(parameters: Parameters) -> Floats:
    """Canonical parameters as one vector in the order of :class:`FlatBiasRows`."""
    pairs = zip(parameters.weights, parameters.biases, strict=True)
    return np.concatenate([np.vstack([W, b]).ravel() for W, b in pairs])


class Tile:
    """Buffers for ``rows`` examples, and the work that is done on them.

    ``A[layer]`` has a column of ones at its end, except at the output.  ``D[layer]`` is the delta
    that belongs to ``M[layer]``, of the shape of ``A[layer + 1]``.  ``kept[layer]``, where the
    outputs of ``layer`` are subject to dropout, is of the shape of ``A[layer]`` and holds 1 for
    what the step keeps and 0 for what it drops.  The scale of what is kept is not applied here: it
    belongs to the weights that the tile is given, which are fewer numbers.
    """

    def __init__(self, network: Network, rows: int, *, dropout: bool) -> None:
        self.network = network
        widths = [nodes + 1 for nodes in network.layers[:-1]] + [network.layers[-1]]
        self.A = [np.ones((rows, width), dtype=network.dtype) for width in widths]
        self.D = [np.empty_like(A) for A in self.A[1:]]
        self.scratch = [np.empty_like(A) for A in self.A[1:]]
        self.T = np.empty_like(self.A[-1])
        self.kept: list[Floats | None] = [None] * len(network.layers)
        if dropout and any(network.dropout):
            self.drawer = MaskDrawer(network, rows)
            for layer, rate in enumerate(network.dropout, start=1):
                self.kept[layer] = np.ones_like(self.A[layer]) if rate else None

    def gather(self, X: Floats, Y: Floats, rows: Rows) -> None:
        """Copy the examples ``rows`` of ``X``, which carries its ones, into the tile."""
        # mode="clip" lets take() write straight into the buffer; rows are always in range.
        np.take(X, rows, axis=0, out=self.A[0], mode="clip")
        np.take(Y, rows, axis=0, out=self.T, mode="clip")

    def draw(self, key: int, first: int) -> None:
        """Draw what the step of ``key`` keeps; ``first`` is the tile's first row in the batch."""
        if any(self.network.dropout):
            self.drawer.draw(key, first)
        for layer, kept in enumerate(self.kept):
            if kept is not None:
                self.drawer.write(layer, kept[:, :-1])

    def forward(self, M: list[Floats]) -> None:
        """Fill the activations of all layers."""
        for layer, A in enumerate(self.A[1:-1], start=1):
            np.matmul(self.A[layer - 1], M[layer - 1], out=A[:, :-1])
            # The whole buffer is contiguous, its part without the ones is not.
            inplace.ACTIVATIONS[self.network.activation](A)
            A[:, -1] = 1
            kept = self.kept[layer]
            if kept is not None:
                np.multiply(A, kept, out=A)
        np.matmul(self.A[-2], M[-1], out=self.A[-1])
        inplace.ACTIVATIONS[self.network.output](self.A[-1])

    def loss(self) -> tuple[float, float]:
        """Data loss and absolute error, both summed over the tile."""
        return inplace.loss_sums(self.network.loss, self.A[-1], self.T, self.scratch[-1])

    def backward(self, M: list[Floats], G: list[Floats], scale: float) -> None:
        """Write the gradients of the tile by ``M`` into ``G``, for a data loss times ``scale``."""
        delta = self.D[-1]
        inplace.output_delta(self.network.loss, self.A[-1], self.T, delta, self.scratch[-1])
        if scale != 1:
            np.multiply(delta, scale, out=delta)
        activation = self.network.activation
        for layer in range(len(self.D) - 1, 0, -1):
            A, below, kept = self.A[layer], self.D[layer - 1], self.kept[layer]
            np.matmul(A.T, delta, out=G[layer])
            np.matmul(delta, M[layer].T, out=below)
            inplace.TIMES_SLOPE[activation](below, A, self.scratch[layer - 1])
            if kept is not None and activation in inplace.SLOPED_AT_ZERO:
                np.multiply(below, kept, out=below)
            delta = below[:, :-1]
        np.matmul(self.A[0].T, delta, out=G[0])
