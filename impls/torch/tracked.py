"""Losses of several batches at a time, and the derivative from which autograd goes back.

In a recorded epoch each small operator is a launch that takes longer than its work.  So the
backward pass begins at the last layer's input, with a derivative that is known, and what is
only tracked waits until many batches can be told at once.
"""

from __future__ import annotations

import torch
from torch import _foreach_norm as norms  # documented, whatever its name says
from torch.nn import functional

from impls.networks import Network, Training
from impls.torch.cost import outputs
from impls.torch.functions import Tensor
from impls.torch.lists import Tensors


def derivative(network: Network, Z: Tensor, T: Tensor) -> Tensor:
    """That of the summed data loss with respect to the last layer's input ``Z``."""
    A = outputs(network, Z)
    # Log loss and sigmoid have cancelled, and so have cross-entropy and softmax.
    delta = A - T
    return torch.ops.aten.sigmoid_backward(delta, A) if network.loss == "mse" else delta


def weight_norms(weights: Tensors, training: Training) -> Tensors:
    """What :func:`losses` needs of the weights before they move."""
    squared = norms(weights) if training.l2 else []
    return [*squared, *(norms(weights, 1) if training.l1 else [])]


def losses(
    network: Network, training: Training, Z: Tensors, T: Tensor, weight_norms: list[Tensors]
) -> Tensor:
    """Data, penalty and mean error of batches of one size, shape ``(batches, 3)``.

    ``Z`` and ``weight_norms`` have one element per batch, ``T`` the rows of all of them.
    """
    inputs = torch.stack(Z)
    T = T.view(inputs.shape)
    A = outputs(network, inputs)
    data = _data_losses(network, inputs, A, T).sum((1, 2))
    error = (A - T).abs_().mean((1, 2))
    scale = training.data_scale(inputs.shape[1])
    return torch.stack([data * scale, _penalties(training, data, weight_norms), error], 1)


def _data_losses(network: Network, Z: Tensor, A: Tensor, T: Tensor) -> Tensor:
    """The loss of each output of each example."""
    if network.loss == "mse":
        return (A - T).square_().mul_(0.5)
    if network.loss == "cross-entropy":
        return functional.log_softmax(Z, -1).mul_(T).neg_()
    return functional.binary_cross_entropy_with_logits(Z, T, reduction="none")


def _penalties(training: Training, like: Tensor, weight_norms: list[Tensors]) -> Tensor:
    """The penalty of each batch."""
    found = torch.zeros_like(like)
    if not weight_norms[0]:
        return found
    rows = torch.stack([norm for row in weight_norms for norm in row]).view(len(weight_norms), -1)
    parts = list(rows.chunk(bool(training.l1) + bool(training.l2), 1))
    if training.l2:
        found += parts.pop(0).square().sum(1).mul_(0.5 * training.l2)
    if training.l1:
        found += parts.pop().sum(1).mul_(training.l1)
    return found
