"""Cost of a batch from the last layer's input, for autograd; penalties beside it, on lists.

Penalties are kept out of autograd: a value and a share of the gradients, each one call for all
weights, where autograd would take a chain of small operators per matrix, forward and back.
"""

from __future__ import annotations

import torch

# PyTorch documents these operators, whatever their names say.
from torch import _foreach_add_ as add
from torch import _foreach_norm as norms
from torch import _foreach_sign as signs
from torch.nn import functional

from impls.networks import LossName, Network, Training
from impls.torch.functions import Tensor
from impls.torch.lists import Tensors


def outputs(network: Network, Z: Tensor) -> Tensor:
    """What the last layer makes of its input ``Z``."""
    return torch.softmax(Z, -1) if network.output == "softmax" else torch.sigmoid(Z)


def data_loss(loss: LossName, Z: Tensor, T: Tensor) -> Tensor:
    """Data loss of one-hot targets ``T``, summed over all elements, from ``Z``."""
    if loss == "mse":
        return 0.5 * functional.mse_loss(torch.sigmoid(Z), T, reduction="sum")
    if loss == "cross-entropy":
        return functional.cross_entropy(Z, T, reduction="sum")
    return functional.binary_cross_entropy_with_logits(Z, T, reduction="sum")


def mean_error(network: Network, Z: Tensor, T: Tensor) -> Tensor:
    """Mean of ``|target - output|``."""
    deviation = outputs(network, Z).sub_(T)
    return torch.linalg.vector_norm(deviation, 1).div_(T.numel())


def penalty(weights: Tensors, training: Training) -> Tensor:
    """The share of L1 and L2 in the cost."""
    found = weights[0].new_zeros(())
    if training.l2:
        # The norm of all weights is that of the norms of the matrices.
        norm = torch.linalg.vector_norm(torch.stack(norms(weights)))
        found = norm.square_().mul_(0.5 * training.l2)
    if training.l1:
        found = found + torch.stack(norms(weights, 1)).sum().mul_(training.l1)
    return found


def add_penalty_gradients(gradients: Tensors, weights: Tensors, training: Training) -> None:
    """Add the gradients of :func:`penalty` to those of the weights."""
    if training.l2:
        add(gradients, weights, alpha=training.l2)
    if training.l1:
        add(gradients, signs(weights), alpha=training.l1)
