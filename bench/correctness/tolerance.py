"""What rounding explains: the largest relative error of a sum of products in a network's dtype.

A float result of a sum of K products carries an error that grows like ``sqrt(K)`` roundings.  Going
forward a layer sums over what it meets: the nodes below, or the patch below a filter.  A gradient
sums over the examples of the batch, and that of a filter over the places of the pooled map as well,
because one delta comes from each.  What is computed depends on sums that were computed before, so
the longest of them counts.

Where factors are rounded before they are multiplied, as TF32 does, each term is off by that much
and independently of the others.  So the sum is off by the same share of the root of the sum of
their squares, however long it is: what is added is one rounding, not ``sqrt(K)`` of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from impls.networks import Network
from impls.precision import TF32_EPS, declares_tf32

SAFETY = 8.0
"""Roundings add up over layers and updates; measured errors stay ten times below and more."""


class Rounding(NamedTuple):
    """How far off a number may be, relative to it: what is kept and summed, and what is multiplied.

    ``numbers`` is the distance of neighbouring numbers.  ``factors`` is half of that distance in
    TF32, by which a factor moves at most where it is rounded to the nearest; 0 where products take
    their factors as they are kept.
    """

    numbers: float
    factors: float = 0.0

    @classmethod
    def of(cls, network: Network, declared: Mapping[str, str]) -> Rounding:
        """Return that of an implementation with ``declared`` settings; TF32 is for float32."""
        is_tf32 = declares_tf32(declared) and network.dtype == "float32"
        return cls(float(np.finfo(network.dtype).eps), TF32_EPS if is_tf32 else 0.0)

    def of_sum(self, terms: int, safety: float = SAFETY) -> float:
        """Return the error of a sum of ``terms`` products, relative to the size of the terms."""
        return safety * (self.numbers * math.sqrt(terms) + self.factors)


class Tolerances(NamedTuple):
    """Relative errors that rounding explains.

    ``outputs`` is that of the outputs, ``losses`` that of what is summed over them and the batch;
    ``layers`` has that of the gradient of each layer, and of all that updates make of it.
    """

    outputs: float
    losses: float
    layers: tuple[float, ...]


def forward_tolerance(
    network: Network, rounding: Rounding, layer: int, safety: float = SAFETY
) -> float:
    """Return that of the inputs of ``layer = 0, 1, ...``, relative to the size of their terms."""
    return rounding.of_sum(max(n_in for n_in, _ in network.shapes[: layer + 1]), safety)


def tolerances(network: Network, batch_size: int, rounding: Rounding) -> Tolerances:
    """Return those of everything that the gate compares."""
    longest = max(n_in for n_in, _ in network.shapes)
    # The gradient of a filter sums over the places of its map as well.
    places = [conv.pooled[0] * conv.pooled[1] for conv in network.conv_layers]
    places += [1] * (len(network.shapes) - len(places))
    return Tolerances(
        outputs=rounding.of_sum(longest),
        losses=rounding.of_sum(max(longest, batch_size)),
        layers=tuple(rounding.of_sum(max(longest, batch_size * number)) for number in places),
    )
