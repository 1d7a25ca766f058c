"""What happened in a training: the losses of every batch, and where each epoch ended."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Losses = npt.NDArray[np.float64]

CONVERGED_WITHIN = 0.01
"""An epoch has converged when no later cost is further than this from the last one."""

CONVERGED_FOR = 5
"""The fewest epochs that must follow it: two costs that are alike show nothing."""


@dataclass(frozen=True)
class Standing:
    """What the network reached over all examples, dropout and the order of batches aside.

    ``loss`` is the data loss per training example, without the penalty.  ``penalty_share`` is the
    share of the penalty in the cost of all training examples taken as one batch.  ``mean_error``
    is the mean of ``|target - output|`` over the training examples.
    """

    loss: float
    penalty_share: float
    mean_error: float
    train_accuracy: float
    test_accuracy: float


@dataclass(frozen=True)
class Epoch:
    """One finished epoch.

    ``losses`` holds data loss, penalty and mean error of each batch, shape ``(batches, 3)``;
    ``learning_rate`` is the rate after the epoch's decay; ``seconds`` covers training alone.
    ``standing`` is None where it was not computed: it takes a pass over all examples.
    """

    number: int
    losses: Losses
    learning_rate: float
    seconds: float
    standing: Standing | None = None

    @property
    def cost(self) -> float:
        """Cost of a batch, penalty included, averaged over the epoch's batches."""
        return float(self.losses[:, :2].sum(axis=1).mean())

    @property
    def last_cost(self) -> float:
        """Cost of the last batch, penalty included."""
        return float(self.losses[-1, :2].sum())

    @property
    def mean_error(self) -> float:
        """Mean of ``|target - output|`` over the epoch's batches."""
        return float(self.losses[:, 2].mean())

    @property
    def penalty_share(self) -> float:
        """Share of the penalty in the cost of the last batch; 0 where there is no cost."""
        return float(penalty_shares(self.losses[-1:])[0])


@dataclass
class History:
    """All epochs of a training, in order."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Training time of all epochs."""
        return sum(epoch.seconds for epoch in self.epochs)

    @property
    def losses(self) -> Losses:
        """The losses of all batches in the order in which they were trained, ``(batches, 3)``."""
        return np.concatenate([np.empty((0, 3)), *(epoch.losses for epoch in self.epochs)])

    @property
    def converged(self) -> int | None:
        """The first epoch whose cost, like that of all later ones, is near the last.

        Near is within :data:`CONVERGED_WITHIN` of the last cost.  None where fewer than a tenth of
        the epochs follow it, or than :data:`CONVERGED_FOR`: a cost that still falls is always near
        its end.
        """
        costs = np.array([epoch.cost for epoch in self.epochs])
        if not costs.size or not np.isfinite(costs).all():
            return None
        far = np.flatnonzero(np.abs(costs - costs[-1]) > CONVERGED_WITHIN * costs[-1])
        first = int(far[-1]) + 1 if far.size else 0
        following = len(costs) - 1 - first
        settled = following >= max(CONVERGED_FOR, len(costs) / 10)
        return self.epochs[first].number if settled else None


def penalty_shares(losses: Losses) -> Losses:
    """Return the penalty's share in the cost of each batch, ``(batches,)``; 0 without a cost."""
    costs = losses[:, :2].sum(axis=1)
    shares: Losses = np.zeros(len(losses))
    with np.errstate(invalid="ignore"):
        # Of a training that diverged there is no share.
        np.divide(losses[:, 1], costs, out=shares, where=costs != 0)
    return shares
