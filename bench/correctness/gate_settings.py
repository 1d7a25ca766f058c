"""The settings, start weights and batches under which a bug shows and rounding does not.

*Coefficients.*  With the articles' settings the penalty and the momentum vanish beside the data: a
forgotten momentum would pass.  Every coefficient that is not zero is raised to a size at which its
absence shows; which code runs does not depend on the size.  The memories of Adam and RMSprop are
shortened for the same reason: with a beta of 0.999 nothing of it would show within four updates.

*Epsilon.*  The first step of Adam is ``rate * g / (|g| + epsilon)``, up to constants.  With an
epsilon of 1e-7 that is the sign of ``g``: right for any gradient of the right sign, and for one
near zero decided by rounding.  The gate has an epsilon as large as a good part of the largest
gradient.  Then the size of the gradient shows, the place and size of epsilon show, and an error
of the gradient passes on as it is, not magnified.

*Biases.*  A start at zero would hide what is done wrong with biases; they are drawn.

*Pixels.*  Images share their background.  Where rounding decides which place of a background is the
largest, it does so in every image, and no other image helps (``bench.correctness.nonsmooth``).  So
the input of convolutions is multiplied by random factors near 1.  A background of zeros keeps all
its ties; any other background then differs from image to image.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from impls.mathematics import reference
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters

PENALTY = 0.5
"""Per example where gradients are sums over the batch: the penalty has to stand out from them."""
MOMENTUM = 0.5
BETA1, BETA2, RHO = 0.5, 0.8, 0.75
"""Memories of a few updates; the betas differ, so that one in place of the other shows."""
EPSILON = 0.25
"""Of the largest gradient."""
DITHER = 0.1
"""Factors of pixels are within this distance of 1."""
_BLOCK = 512


def gate_training(network: Network, training: Training) -> Training:
    """Return ``training`` with every non-zero coefficient large enough to be seen.

    The learning rate is such that a few updates neither saturate an output nor vanish in rounding.
    """
    summed = training.batch_size if training.reduction == "sum" else 1
    if training.optimiser == "sgd":
        # A filter moves by what all places of its map ask for, and each of them feels it.
        sums = (conv.shape[0] * conv.outputs // conv.filters for conv in network.conv_layers)
        rate = 0.5 / (summed * max(network.layers[0], *sums, 0))
    else:
        # These move every weight by about the rate, whatever its gradient, and so a node by that
        # times the outputs below it, which dropout enlarges.
        kept = 1 - max(network.dropout, default=0.0)
        rate = 0.5 * kept / max(n_in for n_in, _ in network.shapes)
    return msgspec.structs.replace(
        training,
        momentum=MOMENTUM if training.momentum else 0.0,
        l1=PENALTY * summed if training.l1 else 0.0,
        l2=PENALTY * summed if training.l2 else 0.0,
        beta1=BETA1 if training.beta1 else 0.0,
        beta2=BETA2 if training.beta2 else 0.0,
        rho=RHO if training.rho else 0.0,
        learning_rate=rate,
    )


def gate_data(network: Network, data: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """Return ``data`` as they are, or with random factors on the pixels that convolutions meet."""
    if not network.convolutions:
        return data
    X, Y = data
    rng = np.random.default_rng(1)
    dithered = np.empty_like(X)
    # In blocks: factors for all examples would take the memory of several copies.
    for start in range(0, len(X), _BLOCK):
        block = X[start : start + _BLOCK]
        factors = 1 + DITHER * (2 * rng.random(block.shape, dtype=np.float32) - 1)
        np.multiply(block, factors, out=dithered[start : start + _BLOCK])
    return dithered, Y


def with_visible_epsilon(
    network: Network,
    settings: Training,
    start: Parameters,
    data: tuple[Floats, Floats],
    rows: Indices,
) -> Training:
    """Return ``settings`` with an epsilon of the size of the first gradients of ``rows``."""
    trainer = reference.Trainer(network, settings, start)
    trainer.bind(*data)
    trainer.prepare(rows)
    trainer.forward()
    trainer.backward()
    largest = max(float(np.abs(array).max()) for _, array in trainer.gradients().arrays())
    visible = EPSILON * (largest or 1.0)
    if settings.optimiser == "rmsprop":
        epsilon = (1 - settings.rho) * visible**2
    else:
        epsilon = math.sqrt(1 - settings.beta2) * visible
    return msgspec.structs.replace(settings, epsilon=epsilon)


def gate_start(start: Parameters) -> Parameters:
    """Return ``start`` with biases of the size of the weights where they are all zero."""
    rng = np.random.default_rng(1)
    biases = []
    for W, b in zip(start.weights, start.biases, strict=True):
        size = float(np.abs(W).max()) or 1.0
        drawn = rng.uniform(-size, size, b.shape).astype(b.dtype)
        biases.append(b if b.any() else drawn)
    return Parameters(start.weights, tuple(biases))
