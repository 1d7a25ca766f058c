"""What rounding explains: the largest relative error of a sum of products in a network's dtype.

A float result of a sum of K products carries an error that grows like ``sqrt(K)`` roundings.  Going
forward a layer sums over what it meets: the nodes below, or the patch below a filter.  A gradient
sums over the examples of the batch, and that of a filter over the places of the pooled map as well,
because one delta comes from each.  What is computed depends on sums that were computed before, so
the longest of them counts.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from impls.networks import Network

SAFETY = 8.0
"""Roundings add up over layers and updates; measured errors stay ten times below and more."""


class Tolerances(NamedTuple):
    """Relative errors that rounding explains.

    ``outputs`` is that of the outputs, ``losses`` that of what is summed over them and the batch;
    ``layers`` has that of the gradient of each layer, and of all that updates make of it.
    """

    outputs: float
    losses: float
    layers: tuple[float, ...]


def forward_tolerance(network: Network, layer: int, safety: float = SAFETY) -> float:
    """That of the inputs of ``layer = 0, 1, ...``, relative to the size of their terms."""
    longest = max(n_in for n_in, _ in network.shapes[: layer + 1])
    return safety * float(np.finfo(network.dtype).eps) * math.sqrt(longest)


def tolerances(network: Network, batch_size: int) -> Tolerances:
    """Those of everything that the gate compares."""
    longest = max(n_in for n_in, _ in network.shapes)
    return Tolerances(
        outputs=_of_sum(network, longest),
        losses=_of_sum(network, max(longest, batch_size)),
        layers=tuple(
            _of_sum(network, max(longest, batch_size * _places(network, layer)))
            for layer in range(len(network.shapes))
        ),
    )


def _places(network: Network, layer: int) -> int:
    """Deltas of each example that the gradient of ``layer`` sums over."""
    if layer >= len(network.stages):
        return 1
    height, width, _ = network.stages[layer].pooled
    return height * width


def _of_sum(network: Network, terms: int) -> float:
    return SAFETY * float(np.finfo(network.dtype).eps) * math.sqrt(terms)
