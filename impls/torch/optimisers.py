"""The optimisers, on one vector of all parameters and on lists of tensors.

On lists each operator takes all parameters at a time, and the rate may be a tensor on the device.
In a recorded graph a number would stay what it was; so everything that changes from update to
update is in the rate, and the rest is constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

# PyTorch documents these operators, whatever their names say.
from torch import _foreach_add as add
from torch import _foreach_addcmul_ as add_product
from torch import _foreach_copy_ as copy
from torch import _foreach_mul as times
from torch import _foreach_mul_ as multiply
from torch import _foreach_rsqrt_ as invert_root
from torch import _foreach_sub_ as subtract
from torch import _foreach_zero_ as clear
from torch.optim.adam import adam

from impls.mathematics.optimisers import MEMORIES
from impls.networks import Training

Tensor = Any  # as in impls.torch.dropout
Tensors = list[Tensor]
Rate = Any
"""A number, or a tensor without dimensions."""


def corrected(training: Training, rate: Any, updates: Any) -> Any:
    """Return ``rate`` with the corrections of Adam in the update that follows ``updates`` others.

    Both are numbers or arrays of them; the other optimisers correct nothing.
    """
    if training.optimiser != "adam":
        return rate
    t = updates + 1
    return rate * (1 - training.beta2**t) ** 0.5 / (1 - training.beta1**t)


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
    epsilon = training.epsilon / math.sqrt(1 - training.beta2**t)
    steps = [torch.tensor(t - 1.0)]
    _fused_adam(training, [values], [G], [mean], [square], steps, rate, epsilon)


def _rmsprop(
    values: Tensor, G: Tensor, memory: list[Tensor], rate: float, _: int, training: Training
) -> None:
    (square,) = memory
    square.mul_(training.rho).addcmul_(G, G, value=1 - training.rho)
    values.addcdiv_(G, (square + training.epsilon).sqrt_(), value=-rate)


OPTIMISERS: dict[str, Move] = {"sgd": _sgd, "adam": _adam, "rmsprop": _rmsprop}
"""Move ``values`` and ``memory`` by the gradient in update number ``t = 1, 2, ...``."""


def _fused_adam(
    training: Training,
    values: Tensors,
    G: Tensors,
    mean: Tensors,
    square: Tensors,
    steps: Tensors,
    rate: Rate,
    epsilon: float,
) -> None:
    adam(
        values, G, mean, square, [], steps,
        fused=True,
        amsgrad=False,
        beta1=training.beta1,
        beta2=training.beta2,
        lr=rate,
        weight_decay=0.0,
        eps=epsilon,
        maximize=False,
    )  # fmt: skip


class Optimiser:
    """Moves ``values``, and has a memory of its own for each of them."""

    def __init__(self, values: Tensors, training: Training) -> None:
        self.values, self.training = values, training
        self.memory = [
            [torch.zeros_like(value, requires_grad=False) for value in values]
            for _ in range(MEMORIES[training.optimiser])
        ]
        # A count that no update changes any more.
        self.endless = [torch.full((), math.inf, device=value.device) for value in values]
        moves = {"sgd": self._sgd, "adam": self._adam, "rmsprop": self._rmsprop}
        self._move = moves[training.optimiser]

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def move(self, G: Tensors, rate: Rate) -> None:
        """Move by the gradients ``G`` at a rate from :func:`corrected`."""
        self._move(G, rate)

    def forget(self) -> None:
        """Memories as before the first update."""
        for tensors in self.memory:
            clear(tensors)

    def _sgd(self, G: Tensors, rate: Rate) -> None:
        if not self.training.momentum:
            subtract(self.values, times(G, rate))
            return
        (previous,) = self.memory
        subtract(self.values, previous, alpha=self.training.momentum)
        copy(previous, G)
        multiply(previous, rate)
        subtract(self.values, previous)

    def _adam(self, G: Tensors, rate: Rate) -> None:
        """PyTorch's fused kernel after endless updates, where its own corrections are 1.

        That leaves the form of Keras, whose epsilon is added to the root of the moment as it is.
        """
        mean, square = self.memory
        epsilon = self.training.epsilon
        _fused_adam(self.training, self.values, G, mean, square, self.endless, rate, epsilon)

    def _rmsprop(self, G: Tensors, rate: Rate) -> None:
        """Not PyTorch's own, whose epsilon stands outside the root."""
        (square,) = self.memory
        multiply(square, self.training.rho)
        add_product(square, G, G, value=1 - self.training.rho)
        factors = add(square, self.training.epsilon)
        invert_root(factors)
        multiply(factors, rate)
        add_product(self.values, G, factors, value=-1)
