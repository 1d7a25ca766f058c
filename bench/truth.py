"""What the float64 reference computes on its way through some batches, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.probe import away_from_kinks
from impls import reference
from impls.contract import Loss
from impls.functions import PROBABILITY_FLOOR, data_loss
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows


@dataclass(frozen=True, eq=False)
class Path:
    """Outputs before the first update, what follows from it, and where several updates end.

    ``losses`` has shape ``(batches, 3)``.
    """

    outputs: Floats
    losses: npt.NDArray[np.float64]
    first_gradients: Parameters
    first_update: Parameters
    parameters: Parameters


class Disturbed(reference.Trainer):
    """The reference with every activation off by one rounding of the network's dtype.

    What an array moves by then is what no implementation can be blamed for: little, unless large
    terms cancel or a saturated slope has lost its digits.  Up or down is drawn at random; a
    rounding of full size, always, leaves nothing to the luck of a number that is nearly exact.
    """

    def load(self, parameters: Parameters) -> None:
        """Copy parameters in and draw from the beginning."""
        super().load(parameters)
        self.signs = np.random.default_rng(1)

    def stored(self, A: Floats) -> Floats:
        """``A`` with each number off by one rounding."""
        eps = float(np.finfo(self.network.dtype).eps)
        up = self.signs.integers(0, 2, A.shape, dtype=np.int8)
        moved: Floats = A * np.where(up, 1 + eps, 1 - eps)
        return moved


class Truth:
    """The reference's path through the batches ``parts``.

    Rows that bring a ReLU near its kink are replaced in ``parts``; ``bound`` is the tolerance of a
    sum of products relative to its size.  ``disturbed`` is the path with activations off by one
    rounding each.  ``loss_rounding`` is how far the data loss of a batch moves, relative to its
    size, when each output is off by one rounding, times ``safety``.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        start: Parameters,
        data: tuple[Floats, Floats],
        parts: list[Rows],
        *,
        bound: float,
        safety: float,
    ) -> None:
        self.bound, self.safety = bound, safety
        self.parts: list[Rows] = []
        self.loss_rounding = 0.0
        trainer = reference.Trainer(network, training, start)
        trainer.bind(*data)
        self.exact = walk(trainer, self._choose(trainer, parts))
        self.X = data[0][self.parts[0]]
        disturbed = Disturbed(network, training, start)
        disturbed.bind(*data)
        self.disturbed = walk(disturbed, self.parts)

    def _choose(self, trainer: reference.Trainer, parts: list[Rows]) -> Iterator[Rows]:
        """Choose the rows of each batch for the parameters that it meets."""
        for given in parts:
            rows = away_from_kinks(trainer, given, self.bound)
            self.parts.append(rows)
            yield rows
            # The step has been taken.
            moved = self.safety * loss_rounding(trainer.network, trainer.A[-1], trainer.T)
            size = data_loss(trainer.network.loss, trainer.A[-1], trainer.T)
            self.loss_rounding = max(self.loss_rounding, moved / (size or 1.0))


def walk(trainer: reference.Trainer, parts: Iterable[Rows]) -> Path:
    """Take a step per batch."""
    losses: list[Loss] = []
    for rows in parts:
        if not losses:
            outputs = trainer.predict(trainer.X[rows])
        losses.append(trainer.step(rows))
        if len(losses) == 1:
            first_gradients, first_update = trainer.gradients(), trainer.parameters()
    table = np.array([[float(value) for value in loss] for loss in losses])
    return Path(outputs, table, first_gradients, first_update, trainer.parameters())


def loss_rounding(network: Network, A: Floats, T: Floats) -> float:
    """How far the summed data loss moves when each output ``A`` is off by one rounding, at random.

    Both arrays have shape ``(batch, n_E)``; the sum of squares stands for independent roundings.
    """
    if network.loss == "mse":
        slopes = np.abs(A - T)
    else:
        truth = np.where(T > 0, A, 1.0 if network.loss == "cross-entropy" else 1 - A)
        slopes = 1 / np.maximum(truth, PROBABILITY_FLOOR)
    return float(np.finfo(network.dtype).eps) * float(np.sqrt(np.sum(slopes**2)))
