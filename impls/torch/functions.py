"""Activations, losses, dropout and optimisers on PyTorch tensors, in place wherever it helps."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.optim.adam import adam

from impls.mathematics.dropout import (
    FIRST_FACTOR,
    FIRST_SHIFT,
    HALF_BITS,
    LAST_SHIFT,
    SECOND_FACTOR,
    SECOND_SHIFT,
    column_keys,
    threshold,
)
from impls.networks import Network, Training

Tensor = Any  # CI checks types without PyTorch, so its types are left out everywhere

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": torch.sigmoid_,
    "tanh": torch.tanh_,
    "relu": torch.relu_,
}
"""Functions of the hidden layers, in place."""


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


def data_loss(loss: str, Z: Tensor, A: Tensor, T: Tensor) -> Tensor:
    """Loss of outputs ``A`` with inputs ``Z`` against one-hot ``T``, summed over all elements.

    The logarithms are taken from ``Z``, where no digit is lost yet; squares read ``A``.
    """
    if loss == "mse":
        return 0.5 * (A - T).square().sum()
    if loss == "cross-entropy":
        return -(functional.log_softmax(Z, 1) * T).sum()
    return functional.binary_cross_entropy_with_logits(Z, T, reduction="sum")


def signed(word: int) -> int:
    """The number below ``2**31`` in size that has the bits of ``word``, one below ``2**32``."""
    return word - (1 << 32) if word >> 31 else word


def hash_of(x: Tensor) -> Tensor:
    """The hash of ``impls.mathematics.dropout`` on signed words: PyTorch shifts no others."""
    for shift, factor in ((FIRST_SHIFT, FIRST_FACTOR), (SECOND_SHIFT, SECOND_FACTOR)):
        x.bitwise_xor_(_shifted(x, shift)).mul_(signed(factor))
    return x.bitwise_xor_(_shifted(x, LAST_SHIFT))


def _shifted(x: Tensor, bits: int) -> Tensor:
    """``x`` to the right with zeros from the left, where PyTorch brings the sign."""
    return (x >> bits) & ((1 << (32 - bits)) - 1)


def columns_of(network: Network) -> list[Tensor]:
    """Return the keys of the words of each hidden layer, empty for a layer without dropout."""
    return [
        torch.from_numpy(column_keys(network, layer)[: None if rate else 0].view(np.int32))
        for layer, rate in enumerate(network.dropout_rates, start=1)
    ]


def mask(columns: Tensor, row_keys: Tensor, nodes: int, rate: float, like: Tensor) -> Tensor:
    """What the outputs of a layer are multiplied by: 0 or ``1 / (1 - rate)``, type of ``like``."""
    words = hash_of(row_keys[:, None] ^ columns)
    halves = torch.cat([words & ((1 << HALF_BITS) - 1), _shifted(words, HALF_BITS)], 1)
    kept = halves[:, :nodes] >= threshold(rate)
    return kept.to(like.dtype).mul_(1 / (1 - rate))


Move = Callable[[Tensor, Tensor, list[Tensor], float, int, Training], None]


def _sgd(
    values: Tensor, G: Tensor, memory: list[Tensor], rate: float, _: int, training: Training
) -> None:
    if not training.momentum:
        values.sub_(G, alpha=rate)
        return
    (previous,) = memory
    values.sub_(previous, alpha=training.momentum)
    torch.mul(G, rate, out=previous)
    values.sub_(previous)


def _adam(
    values: Tensor, G: Tensor, memory: list[Tensor], rate: float, t: int, training: Training
) -> None:
    """PyTorch's own in one pass; its epsilon stands where ours is after the correction."""
    mean, square = memory
    adam(
        [values], [G], [mean], [square], [], [torch.tensor(t - 1.0)],
        fused=True,
        amsgrad=False,
        beta1=training.beta1,
        beta2=training.beta2,
        lr=rate,
        weight_decay=0.0,
        eps=training.epsilon / math.sqrt(1 - training.beta2**t),
        maximize=False,
    )  # fmt: skip


def _rmsprop(
    values: Tensor, G: Tensor, memory: list[Tensor], rate: float, _: int, training: Training
) -> None:
    (square,) = memory
    square.mul_(training.rho).addcmul_(G, G, value=1 - training.rho)
    values.addcdiv_(G, (square + training.epsilon).sqrt_(), value=-rate)


OPTIMISERS: dict[str, Move] = {"sgd": _sgd, "adam": _adam, "rmsprop": _rmsprop}
"""Move ``values`` and ``memory`` by the gradient in update number ``t = 1, 2, ...``."""
