"""The buffers of a batch."""

from __future__ import annotations

import numpy as np

from impls.networks import Network


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
