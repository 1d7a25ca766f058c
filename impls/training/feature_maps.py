"""What the convolutions of a trained network look for, and what they find in one example."""

from __future__ import annotations

import numpy as np

from impls.convolution import Stage
from impls.mathematics.functions import ACTIVATIONS
from impls.mathematics.patches import convolved, pooled
from impls.networks import Network
from impls.parameters import Floats, Parameters


def kernels(stage: Stage, W: Floats) -> Floats:
    """Return the weights of each filter as pictures, shape ``(filters, kernel, kernel, channels)``.

    ``W`` has the canonical shape, see :class:`~impls.convolution.Stage`.
    """
    squares = W.reshape(stage.kernel, stage.kernel, stage.channels, stage.filters)
    return np.moveaxis(squares, 3, 0)


def feature_maps(network: Network, parameters: Parameters, example: Floats) -> tuple[Floats, ...]:
    """Return what each convolution makes of ``example``, which has shape ``(features,)``.

    One array per convolution, shape ``(filters, height, width)``: its activations, before they are
    pooled.  None for a network without convolutions.
    """
    found = []
    # Sequences stop with the stages: the dense layers come after them.
    layers = zip(network.stages, parameters.weights, parameters.biases, strict=False)
    maps = example.reshape(1, *(network.image or (len(example),)))
    for stage, W, b in layers:
        activations = ACTIVATIONS[network.activation](convolved(maps, W, stage.kernel) + b)
        found.append(np.moveaxis(activations[0], 2, 0))
        maps, _ = pooled(activations, stage.pool)
    return tuple(found)
