"""All parameters of a network in one vector.

Penalty and update then touch one contiguous piece of memory in a handful of calls, whatever the
number of layers.
"""

from __future__ import annotations

import numpy as np

from impls.networks import Network
from impls.parameters import Floats, Parameters


class Flat:
    """All weights, then all biases, in one vector, with matrix and vector views of the parts.

    ``vector`` is that memory where it exists already.
    """

    def __init__(self, network: Network, vector: Floats | None = None) -> None:
        new = np.zeros(network.parameter_count, dtype=network.dtype) if vector is None else vector
        self.vector = new
        self.W: list[Floats] = []
        self.b: list[Floats] = []
        start = 0
        for n_in, n_out in network.shapes:
            self.W.append(self.vector[start : start + n_in * n_out].reshape(n_in, n_out))
            start += n_in * n_out
        self.weights = self.vector[:start]
        for _, n_out in network.shapes:
            self.b.append(self.vector[start : start + n_out])
            start += n_out

    def fill(self, parameters: Parameters) -> None:
        """Copy canonical ``parameters`` in."""
        ours = [*self.W, *self.b]
        for view, given in zip(ours, [*parameters.weights, *parameters.biases], strict=True):
            view[...] = given

    def canonical(self) -> Parameters:
        """Return a canonical copy."""
        return Parameters(tuple(self.W), tuple(self.b)).astype(self.vector.dtype)
