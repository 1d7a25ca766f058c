"""Activations, their slopes, and the cost of a batch, as the dense and the autograd path have them.

Losses are taken from the last layer's input ``Z``, where no digit is lost yet and PyTorch has
stable fused forms.  On lists of weights, penalties are kept out of autograd: a value, and what it
adds to the gradients, each one call for all weights, where autograd would take a chain of small
operators per matrix, forward and back.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

# PyTorch documents these operators, whatever their names say.
from torch import _foreach_add_ as add
from torch import _foreach_norm as norms
from torch import _foreach_sign as signs
from torch.nn import functional

from impls.networks import Formulas, Network, Training
from impls.torch.optimisers import Tensor, Tensors

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
}
"""Functions of the hidden layers."""

ACTIVATIONS_IN_PLACE: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid_,
    "tanh": torch.tanh_,
    "relu": torch.relu_,
}

SLOPES: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": lambda A: A * (1 - A),
    "tanh": lambda A: 1 - A * A,
    "relu": lambda A: (A > 0).to(A.dtype),
}
"""Slopes of the activations from their outputs."""


def _times_sigmoid_slope(delta: Tensor, A: Tensor, _: Tensor) -> None:
    delta.mul_(A)
    delta.addcmul_(delta, A, value=-1)


def _times_tanh_slope(delta: Tensor, A: Tensor, scratch: Tensor) -> None:
    torch.mul(delta, A, out=scratch)
    delta.addcmul_(scratch, A, value=-1)


def _times_relu_slope(delta: Tensor, A: Tensor, scratch: Tensor) -> None:
    torch.gt(A, 0, out=scratch)
    delta.mul_(scratch)


TIMES_SLOPE: dict[str, Callable[[Tensor, Tensor, Tensor], None]] = {
    "sigmoid": _times_sigmoid_slope,
    "tanh": _times_tanh_slope,
    "relu": _times_relu_slope,
}
"""Multiply ``delta`` by the activation's slope, taken from its output; the last is scratch."""


def outputs(network: Network | Formulas, Z: Tensor) -> Tensor:
    """Return what the last layer makes of its input ``Z``."""
    return torch.softmax(Z, -1) if network.output == "softmax" else torch.sigmoid(Z)


def data_loss(loss: str, Z: Tensor, T: Tensor, A: Tensor | None = None) -> Tensor:
    """Return the data loss of one-hot targets ``T``, summed over all elements.

    ``A`` are the outputs, where they are known already; only squares read them.
    """
    if loss == "mse":
        if A is None:
            return 0.5 * functional.mse_loss(torch.sigmoid(Z), T, reduction="sum")
        # Three plain operators are faster than that where nothing is recorded.
        return 0.5 * (A - T).square().sum()
    if loss == "cross-entropy":
        return functional.cross_entropy(Z, T, reduction="sum")
    return functional.binary_cross_entropy_with_logits(Z, T, reduction="sum")


def mean_error(network: Network, Z: Tensor, T: Tensor) -> Tensor:
    """Return mean of ``|target - output|``."""
    deviation = outputs(network, Z).sub_(T)
    return torch.linalg.vector_norm(deviation, 1).div_(T.numel())


def penalty(weights: Tensors, training: Training) -> Tensor:
    """Return the penalty, the part of L1 and L2 in the cost."""
    cost = weights[0].new_zeros(())
    if training.l2:
        # The norm of all weights is that of the norms of the matrices.
        norm = torch.linalg.vector_norm(torch.stack(norms(weights)))
        cost = norm.square_().mul_(0.5 * training.l2)
    if training.l1:
        cost = cost + torch.stack(norms(weights, 1)).sum().mul_(training.l1)
    return cost


def add_penalty_gradients(gradients: Tensors, weights: Tensors, training: Training) -> None:
    """Add the gradients of :func:`penalty` to those of the weights."""
    if training.l2:
        add(gradients, weights, alpha=training.l2)
    if training.l1:
        add(gradients, signs(weights), alpha=training.l1)


def derivative(network: Network, Z: Tensor, T: Tensor) -> Tensor:
    """Return that of the summed data loss with respect to the last layer's input ``Z``."""
    A = outputs(network, Z)
    # Log loss and sigmoid have cancelled, and so have cross-entropy and softmax.
    delta = A - T
    return torch.ops.aten.sigmoid_backward(delta, A) if network.loss == "mse" else delta


def weight_norms(weights: Tensors, training: Training) -> Tensors:
    """Return what :func:`losses` needs of the weights before they move."""
    squared = norms(weights) if training.l2 else []
    return [*squared, *(norms(weights, 1) if training.l1 else [])]


def losses(
    network: Network, training: Training, Z: Tensors, T: Tensor, weight_norms: list[Tensors]
) -> Tensor:
    """Return data, penalty and mean error of batches of one size, shape ``(batches, 3)``.

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
    """Return the loss of each output of each example."""
    if network.loss == "mse":
        return (A - T).square_().mul_(0.5)
    if network.loss == "cross-entropy":
        return functional.log_softmax(Z, -1).mul_(T).neg_()
    return functional.binary_cross_entropy_with_logits(Z, T, reduction="none")


def _penalties(training: Training, like: Tensor, weight_norms: list[Tensors]) -> Tensor:
    """Return the penalty of each batch."""
    shares = torch.zeros_like(like)
    if not weight_norms[0]:
        return shares
    rows = torch.stack([norm for row in weight_norms for norm in row]).view(len(weight_norms), -1)
    parts = list(rows.chunk(bool(training.l1) + bool(training.l2), 1))
    if training.l2:
        shares += parts.pop(0).square().sum(1).mul_(0.5 * training.l2)
    if training.l1:
        shares += parts.pop().sum(1).mul_(training.l1)
    return shares
