"""What a batch costs, in Keras' operations, from what goes into the last activation.

There no digit is lost yet, and each engine has stable forms of its own behind Keras' functions.
``Z`` and the targets ``T`` have shape ``(batch, n_E)``.
"""

from __future__ import annotations

from typing import Any

from keras import ops

from impls.networks import Network, Training

Tensor = Any  # the engines' own


def outputs_of(network: Network, Z: Tensor) -> Tensor:
    """Outputs of the network."""
    return ops.softmax(Z) if network.output == "softmax" else ops.sigmoid(Z)


def data_loss(network: Network, training: Training, Z: Tensor, T: Tensor) -> Tensor:
    """Return the loss of a batch, summed over outputs, summed or averaged over examples."""
    if network.loss == "mse":
        losses = 0.5 * ops.square(ops.sigmoid(Z) - T)
    elif network.loss == "cross-entropy":
        losses = ops.categorical_crossentropy(T, Z, from_logits=True)
    else:
        losses = ops.binary_crossentropy(T, Z, from_logits=True)
    total = ops.sum(losses)
    if training.reduction == "mean":
        total = total / ops.cast(ops.shape(T)[0], Z.dtype)
    return total


def penalty_of(losses: list[Tensor], Z: Tensor) -> Tensor:
    """Return the penalty from those of the layers, of the type of ``Z``."""
    return sum(losses[1:], losses[0]) if losses else ops.zeros((), Z.dtype)


def seen(network: Network, data: Tensor, penalty: Tensor, Z: Tensor, T: Tensor) -> Tensor:
    """Data loss, penalty and mean error as one tensor."""
    error = ops.mean(ops.abs(T - outputs_of(network, Z)))
    return ops.stack([data, penalty, error])
