"""The training loop that all implementations share: epochs, order, learning rate, history."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from impls.contract import Trainer
from impls.parameters import Floats, epoch_order


@dataclass(frozen=True)
class Epoch:
    """One finished epoch.

    ``losses`` holds data loss, penalty and mean error of each batch, shape ``(batches, 3)``;
    ``learning_rate`` is the rate after the epoch's decay; ``seconds`` covers training alone.
    """

    number: int
    losses: npt.NDArray[np.float64]
    learning_rate: float
    seconds: float

    @property
    def mean_error(self) -> float:
        """Mean of ``|target - output|`` over the epoch's batches."""
        return float(self.losses[:, 2].mean())

    @property
    def penalty_share(self) -> float:
        """Share of the penalty in the cost of the last batch."""
        data, penalty, _ = self.losses[-1]
        return float(penalty / (data + penalty))


@dataclass
class History:
    """All epochs of a training, in order."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Training time of all epochs."""
        return sum(epoch.seconds for epoch in self.epochs)


def decayed(learning_rate: float, decay: float, epoch: int) -> float:
    """The rate after epoch ``0, 1, ...``: divided by ``1 + decay * epoch``, cumulatively."""
    return learning_rate / (1 + decay * epoch)


def fit(
    trainer: Trainer,
    examples: int,
    *,
    epochs: int,
    seed: int,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> History:
    """Train on the bound data for ``epochs``.

    Each epoch has a fresh order drawn from ``seed``, the same for every implementation.  An
    interruption from the keyboard ends the training early; what was learned is kept, and so is the
    history.
    """
    history = History()
    try:
        for number in range(epochs):
            order = epoch_order(examples, seed, number)
            begun = time.perf_counter()
            losses = trainer.epoch(order)
            trainer.synchronize()
            seconds = time.perf_counter() - begun
            trainer.learning_rate = decayed(trainer.learning_rate, trainer.training.decay, number)
            epoch = Epoch(number + 1, losses, trainer.learning_rate, seconds)
            history.epochs.append(epoch)
            if on_epoch:
                on_epoch(epoch)
    except KeyboardInterrupt:
        return history
    return history


def accuracy(trainer: Trainer, X: Floats, labels: npt.NDArray[np.integer]) -> float:
    """Share of examples whose largest output is that of their label."""
    return float(np.mean(trainer.predict(X).argmax(axis=1) == labels))
