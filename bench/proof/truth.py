"""What the float64 reference computes on its way through some batches, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.proof.kinks import at_kinks, away_from_kinks, in_squares, parts
from bench.proof.tolerance import SAFETY, Rounding, tolerances
from impls.contract import Loss
from impls.mathematics import patches, reference
from impls.mathematics.functions import PROBABILITY_FLOOR, data_loss
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


FEW = 16
"""A layer with fewer weights may be moved by nearly nothing, by luck, so draws are repeated."""
DRAWS = 4


class Disturbed(reference.Trainer):
    """The reference with every activation and delta off by one rounding of the network's dtype.

    What an array moves by then is what no implementation can be blamed for: little, unless large
    terms cancel or a saturated slope has lost its digits.  Up or down is drawn at random; a
    rounding of full size, always, leaves nothing to the luck of a number that is nearly exact.

    Where factors of products are rounded as well, so are activations and deltas here, once more,
    each time that a product takes them.  Those of weights are left to the safety.

    With ``thrown``, which side an input takes that is in doubt (``bench.proof.kinks``) is drawn as
    well: the sign at a kink, the place in a square.  In doubt is here what plain rounding reaches,
    without safety, because what the throws change is granted several times over.
    """

    thrown = False
    seed = 1

    def __init__(
        self, network: Network, training: Training, start: Parameters, rounding: Rounding
    ) -> None:
        self.rounding = rounding
        super().__init__(network, training, start)

    def load(self, parameters: Parameters) -> None:
        """Copy parameters in and draw from the beginning."""
        super().load(parameters)
        self.signs = np.random.default_rng(self.seed)

    def stored(self, A: Floats) -> Floats:
        """``A`` with each number off by one rounding."""
        return self._moved(A, self.rounding.numbers)

    def factor(self, A: Floats) -> Floats:
        """``A`` as a product takes it."""
        return self._moved(A, self.rounding.factors) if self.rounding.factors else A

    def _moved(self, A: Floats, eps: float) -> Floats:
        moved: Floats = A * np.where(self._coins(A), 1 + eps, 1 - eps)
        return moved

    def weighted(self, layer: int, A: Floats) -> Floats:
        """The inputs of a dense layer; those in doubt may be on the other side of 0."""
        Z = super().weighted(layer, self.factor(A))
        if self.thrown and layer < len(self.W) - 1:
            for some in parts(len(A)):
                flipped = self._at_kinks(layer, A[some], Z[some]) & self._coins(Z[some])
                Z[some] = np.where(flipped, -Z[some], Z[some])
        return Z

    def convolved(self, layer: int, A: Floats) -> tuple[Floats, patches.Places]:
        """The inputs that pooling takes; those in doubt may be others."""
        Z, places = super().convolved(layer, self.factor(A))
        if self.thrown:
            for some in parts(len(A)):
                kinks, rivals = in_squares(self, layer, A[some], self.rounding, 1.0)
                Z[some] = np.where(kinks & self._coins(Z[some]), -Z[some], Z[some])
                places[some] = np.where(self._coins(Z[some]), rivals, places[some])
        return Z, places

    def gradient(self, layer: int, delta: Floats) -> Floats:
        """The gradient of a layer's weights from the delta of its inputs, without penalty."""
        return super().gradient(layer, self.factor(delta))

    def passed_back(self, layer: int, delta: Floats) -> Floats:
        """The delta of the outputs below a layer from the delta of its inputs."""
        return super().passed_back(layer, self.factor(delta))

    def _at_kinks(self, layer: int, A: Floats, Z: Floats) -> npt.NDArray[np.bool_]:
        return at_kinks(self, layer, A, Z, self.rounding, 1.0)

    def _coins(self, A: Floats) -> npt.NDArray[np.bool_]:
        """Heads or tails for each number of ``A``."""
        return self.signs.integers(0, 2, A.shape, dtype=np.int8) > 0


class Truth:
    """The reference's path through the batches ``parts``.

    Rows that leave no doubt replace others in ``parts``.  ``disturbed`` are paths with all
    activations and deltas off by one rounding, and with what is in doubt nevertheless thrown.
    ``granted`` is what sums of products explain, ``loss_rounding`` how far the data loss of a batch
    moves, relative to its size, when each output is off by one rounding, times ``SAFETY``.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        start: Parameters,
        data: tuple[Floats, Floats],
        parts: list[Rows],
        rounding: Rounding,
    ) -> None:
        self.rounding = rounding
        self.granted = tolerances(network, training.batch_size, rounding)
        self.parts: list[Rows] = []
        self.loss_rounding = 0.0
        self.certain = True
        trainer = reference.Trainer(network, training, start)
        trainer.bind(*data)
        self.exact = walk(trainer, self._choose(trainer, parts))
        self.X = data[0][self.parts[0]]
        self.disturbed: list[Path] = []
        few = min(n_in * n_out for n_in, n_out in network.shapes) < FEW
        for seed in range(1, 1 + (DRAWS if few else 1)):
            disturbed = Disturbed(network, training, start, rounding)
            disturbed.thrown, disturbed.seed = not self.certain, seed
            disturbed.bind(*data)
            # Draws begin when parameters are loaded.
            disturbed.load(start)
            self.disturbed.append(walk(disturbed, self.parts))

    def _choose(self, trainer: reference.Trainer, parts: list[Rows]) -> Iterator[Rows]:
        """Choose the rows of each batch for the parameters that it meets."""
        for given in parts:
            rows, certain = away_from_kinks(trainer, given, self.rounding)
            self.certain &= certain
            self.parts.append(rows)
            yield rows
            # The step has been taken.
            moved = SAFETY * loss_rounding(trainer.network, trainer.A[-1], trainer.T)
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
