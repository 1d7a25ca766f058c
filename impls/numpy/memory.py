"""Memory that is made once: the buffers of a batch, and parameters as views of one vector."""

from __future__ import annotations

import numpy as np

from impls.networks import Network
from impls.parameters import Floats, Parameters


class Batch:
    """Memory for ``rows`` examples.

    ``A[layer]`` has a column of ones at its end, except at the output.  ``D[layer]`` is the delta
    that belongs to ``W[layer]``, of the shape of ``A[layer + 1]``, and so is ``scratch[layer]``.
    """

    def __init__(self, network: Network, rows: int) -> None:
        widths = [nodes + 1 for nodes in network.layers[:-1]] + [network.layers[-1]]
        self.A = [np.ones((rows, width), dtype=network.dtype) for width in widths]
        self.D = [np.empty_like(A) for A in self.A[1:]]
        self.scratch = [np.empty_like(A) for A in self.A[1:]]
        self.T = np.empty_like(self.A[-1])


class FlatMatrices:
    """Matrices ``M`` of shape ``(n_in + 1, n_out)``, biases in the last row, in one ``vector``.

    The order is not that of :class:`~impls.parameters.Flat`, which has all biases at its end.
    """

    def __init__(self, network: Network) -> None:
        self.vector = np.zeros(network.parameter_count, dtype=network.dtype)
        self.M: list[Floats] = []
        start = 0
        for n_in, n_out in network.shapes:
            end = start + (n_in + 1) * n_out
            self.M.append(self.vector[start:end].reshape(n_in + 1, n_out))
            start = end

    def split(self, vector: Floats) -> Parameters:
        """Return another vector of this order in canonical form, in its own dtype."""
        ends = np.cumsum([M.size for M in self.M])[:-1]
        parts = [
            part.reshape(M.shape) for part, M in zip(np.split(vector, ends), self.M, strict=True)
        ]
        return Parameters(tuple(P[:-1] for P in parts), tuple(P[-1] for P in parts))


def flattened(parameters: Parameters) -> Floats:
    """Return canonical parameters as one vector in the order of :class:`FlatMatrices`."""
    pairs = zip(parameters.weights, parameters.biases, strict=True)
    return np.concatenate([np.vstack([W, b]).ravel() for W, b in pairs])
