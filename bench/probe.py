"""The settings, start weights and batches under which a bug shows and rounding does not.

*Coefficients.*  With the articles' settings the penalty and the momentum vanish beside the data: a
forgotten momentum would pass.  Every coefficient that is not zero is raised to a size at which its
absence shows; which code runs does not depend on the size.  The memories of Adam and RMSprop are
shortened for the same reason: with a beta of 0.999 nothing of it would show within four updates.

*Epsilon.*  The first step of Adam is ``rate * g / (|g| + epsilon)``, up to constants.  With an
epsilon of 1e-7 that is the sign of ``g``: right for any gradient of the right sign, and for one
near zero decided by rounding.  The probe has an epsilon as large as a good part of the largest
gradient.  Then the size of the gradient shows, the place and size of epsilon show, and an error
of the gradient passes on as it is, not magnified.

*Biases.*  A start at zero would hide what is done wrong with biases; they are drawn.

*Kinks.*  The slope of ReLU jumps at 0.  Where its input is as near to 0 as rounding reaches, two
right implementations may differ by one example's whole share of a gradient, which is far more
than rounding.  Such examples are replaced by others.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from impls import reference
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows

PENALTY = 0.5
"""Per example where gradients are sums over the batch: the penalty has to stand out from them."""
MOMENTUM = 0.5
BETA1, BETA2, RHO = 0.5, 0.8, 0.75
"""Memories of a few updates; the betas differ, so that one in place of the other shows."""
EPSILON = 0.25
"""Of the largest gradient."""
ATTEMPTS = 20
"""Of a thousand examples about eight are near a kink, so two or three attempts are usual."""


def probe_training(network: Network, training: Training) -> Training:
    """``training`` with every non-zero coefficient large enough to be seen.

    The learning rate is such that a few updates neither saturate an output nor vanish in rounding.
    """
    summed = training.batch_size if training.reduction == "sum" else 1
    if training.optimiser == "sgd":
        rate = 0.5 / (summed * network.layers[0])
    else:
        # These move every weight by about the rate, whatever its gradient, and so a node by that
        # times the outputs below it, which dropout enlarges.
        kept = 1 - max(network.dropout, default=0.0)
        rate = 0.5 * kept / max(network.layers[:-1])
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


def with_visible_epsilon(
    network: Network, probe: Training, start: Parameters, data: tuple[Floats, Floats], rows: Rows
) -> Training:
    """``probe`` with an epsilon of the size of the gradients that ``rows`` have at the start."""
    trainer = reference.Trainer(network, probe, start)
    trainer.bind(*data)
    trainer.prepare(rows)
    trainer.forward()
    trainer.backward()
    largest = max(float(np.abs(array).max()) for _, array in trainer.gradients().arrays())
    visible = EPSILON * (largest or 1.0)
    if probe.optimiser == "rmsprop":
        epsilon = (1 - probe.rho) * visible**2
    else:
        epsilon = math.sqrt(1 - probe.beta2) * visible
    return msgspec.structs.replace(probe, epsilon=epsilon)


def probe_start(start: Parameters) -> Parameters:
    """``start`` with biases of the size of the weights where they are all zero."""
    rng = np.random.default_rng(1)
    biases = []
    for W, b in zip(start.weights, start.biases, strict=True):
        size = float(np.abs(W).max()) or 1.0
        drawn = rng.uniform(-size, size, b.shape).astype(b.dtype)
        biases.append(b if b.any() else drawn)
    return Parameters(start.weights, tuple(biases))


def away_from_kinks(trainer: reference.Trainer, rows: Rows, bound: float) -> Rows:
    """``rows`` with others in place of those that bring a ReLU of ``trainer`` near its kink.

    ``bound`` is the tolerance of a sum of products relative to its size.  Where the data hold too
    few other examples some such rows may remain.
    """
    if trainer.network.activation != "relu":
        return rows
    rng = np.random.default_rng(1)
    rows = rows.copy()
    masks = trainer.draw_masks(len(rows))
    places = np.arange(len(rows))
    for _ in range(ATTEMPTS):
        X = trainer.X[rows[places]].astype(np.float64)
        near = _near_kinks(trainer, X, [m if m is None else m[places] for m in masks], bound)
        places = places[near]
        if not places.size:
            break
        rows[places] = rng.integers(0, len(trainer.X), places.size)
    return rows


def _near_kinks(
    trainer: reference.Trainer, X: Floats, masks: list[Floats | None], bound: float
) -> npt.NDArray[np.bool_]:
    """Which examples have a hidden input that rounding could carry to the other side of 0."""
    inputs, outputs, _ = trainer.layers(X, masks)
    near = np.zeros(len(X), dtype=bool)
    for Z, A, W, b, mask in zip(inputs, outputs, trainer.W, trainer.b, masks[1:], strict=False):
        # Errors of the terms add up at random: like the root of the sum of their squares.
        error = bound * np.sqrt(A**2 @ W**2 + b**2)
        # A sum of zeros is 0 for everyone, and what is dropped is dropped on either side.
        doubtful = (np.abs(Z) <= error) & (error > 0) & (mask is None or mask > 0)
        near |= doubtful.any(axis=1)
    return near
