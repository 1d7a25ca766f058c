"""What the float64 reference computes on its way through some batches, and how sure that is.

All implementations of a run are compared with the same path, so it is computed once and kept in a
file for the other workers.
"""

from __future__ import annotations

import os
import pathlib
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.correctness.nonsmooth import at_kinks, away_from_kinks, in_squares, parts
from bench.correctness.tolerance import Rounding, Tolerances, tolerances
from impls.contract import Loss
from impls.mathematics import patches, reference
from impls.mathematics.functions import PROBABILITY_FLOOR, data_loss
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters

FEW = 16
"""A layer with fewer weights may be moved by nearly nothing, by luck, so draws are repeated."""
DRAWS = 4


@dataclass(frozen=True, eq=False)
class Path:
    """Outputs before the first update, what follows from it, and where several updates end.

    ``losses`` has shape ``(batches, 3)``.  ``loss_rounding`` is how far the data loss of a batch
    moves at most, relative to its size, when each output is off by one rounding.
    """

    outputs: Floats
    losses: npt.NDArray[np.float64]
    loss_rounding: float
    first_gradients: Parameters
    first_update: Parameters
    parameters: Parameters


class Perturbed(reference.Trainer):
    """The reference with every activation and delta off by one rounding of the network's dtype.

    What an array moves by then is what no implementation can be blamed for: little, unless large
    terms cancel or a saturated slope has lost its digits.  Up or down is drawn at random from
    ``seed``; a rounding of full size, always, leaves nothing to the luck of a number that is nearly
    exact.

    Where factors of products are rounded as well, so are activations and deltas here, once more,
    each time that a product takes them.  Those of weights are left to the safety.

    With ``is_thrown``, inputs in doubt (``bench.correctness.nonsmooth``) take a random side as
    well: the sign at a kink, the place in a square.  Plain rounding without safety decides what is
    in doubt, because the effect of the random choice is granted several times over.
    """

    def __init__(
        self,
        network: Network,
        training: Training,
        start: Parameters,
        rounding: Rounding,
        *,
        seed: int,
        is_thrown: bool,
    ) -> None:
        self.rounding, self.is_thrown = rounding, is_thrown
        self.signs = np.random.default_rng(seed)
        super().__init__(network, training, start)

    def stored(self, A: Floats) -> Floats:
        """Return ``A`` with each number off by one rounding."""
        return self._moved(A, self.rounding.numbers)

    def factor(self, A: Floats) -> Floats:
        """Return ``A`` as a product takes it."""
        return self._moved(A, self.rounding.factors) if self.rounding.factors else A

    def _moved(self, A: Floats, eps: float) -> Floats:
        moved: Floats = A * np.where(self._coins(A), 1 + eps, 1 - eps)
        return moved

    def weighted(self, layer: int, A: Floats) -> Floats:
        """Return the inputs of a dense layer; those in doubt may be on the other side of 0."""
        Z = super().weighted(layer, self.factor(A))
        if self.is_thrown and layer < len(self.W) - 1:
            for some in parts(len(A)):
                kinks = at_kinks(self, layer, A[some], Z[some], self.rounding, safety=1.0)
                Z[some] = np.where(kinks & self._coins(Z[some]), -Z[some], Z[some])
        return Z

    def convolved(self, layer: int, A: Floats) -> tuple[Floats, patches.Places]:
        """Return the inputs that pooling takes; those in doubt may be others."""
        Z, places = super().convolved(layer, self.factor(A))
        if self.is_thrown:
            for some in parts(len(A)):
                kinks, rivals = in_squares(self, layer, A[some], self.rounding, safety=1.0)
                Z[some] = np.where(kinks & self._coins(Z[some]), -Z[some], Z[some])
                places[some] = np.where(self._coins(Z[some]), rivals, places[some])
        return Z, places

    def gradient(self, layer: int, delta: Floats) -> Floats:
        """Return the gradient of a layer's weights from its inputs' delta, without penalty."""
        return super().gradient(layer, self.factor(delta))

    def passed_back(self, layer: int, delta: Floats) -> Floats:
        """Return the delta of the outputs below a layer from the delta of its inputs."""
        return super().passed_back(layer, self.factor(delta))

    def _coins(self, A: Floats) -> npt.NDArray[np.bool_]:
        """Return heads or tails for each number of ``A``."""
        return self.signs.integers(0, 2, A.shape, dtype=np.int8) > 0


@dataclass(frozen=True, eq=False)
class ReferenceRun:
    """The reference's path through some batches, and how far rounding alone can move it.

    ``training`` is what the path was trained with and ``parts`` its batches, shape ``(batch,)``
    each.  ``perturbed`` are paths with all activations and deltas off by one rounding, and a random
    choice at each doubtful place.  ``granted`` is what sums of products explain.
    """

    training: Training
    parts: list[Indices]
    exact: Path
    perturbed: list[Path]
    granted: Tolerances


def train(
    network: Network,
    training: Training,
    start: Parameters,
    data: tuple[Floats, Floats],
    parts: list[Indices],
    rounding: Rounding,
) -> ReferenceRun:
    """Train the reference on the batches ``parts`` of ``data``, exactly and perturbed.

    Rows that leave no doubt replace others in ``parts``.
    """
    trainer = reference.Trainer(network, training, start)
    trainer.bind(*data)
    chosen: list[Indices] = []
    certain: list[bool] = []

    def without_doubts() -> Iterator[Indices]:
        """Yield the rows of each batch, chosen for the parameters that it meets."""
        for given in parts:
            rows, is_certain = away_from_kinks(trainer, given, rounding)
            chosen.append(rows)
            certain.append(is_certain)
            yield rows

    exact = walk(trainer, without_doubts())
    few = min(n_in * n_out for n_in, n_out in network.shapes) < FEW
    paths = []
    for seed in range(1, 1 + (DRAWS if few else 1)):
        perturbed = Perturbed(
            network, training, start, rounding, seed=seed, is_thrown=not all(certain)
        )
        perturbed.bind(*data)
        paths.append(walk(perturbed, chosen))
    granted = tolerances(network, training.batch_size, rounding)
    return ReferenceRun(training, chosen, exact, paths, granted)


def walk(trainer: reference.Trainer, parts: Iterable[Indices]) -> Path:
    """Take a step per batch."""
    losses: list[Loss] = []
    loss_roundings = []
    for rows in parts:
        if not losses:
            outputs = trainer.predict(trainer.X[rows])
        losses.append(trainer.step(rows))
        if len(losses) == 1:
            first_gradients, first_update = trainer.gradients(), trainer.parameters()
        A, T = trainer.A[-1], trainer.T
        size = data_loss(trainer.network.loss, A, T)
        loss_roundings.append(loss_rounding(trainer.network, A, T) / (size or 1.0))
    table = np.array([[float(value) for value in loss] for loss in losses])
    return Path(
        outputs,
        table,
        max(loss_roundings),
        first_gradients,
        first_update,
        trainer.parameters(),
    )


def loss_rounding(network: Network, A: Floats, T: Floats) -> float:
    """Return how far the summed data loss moves when each output ``A`` is off by one rounding.

    Both arrays have shape ``(batch, n_E)``; the sum of squares stands for independent roundings.
    """
    if network.loss == "mse":
        slopes = np.abs(A - T)
    else:
        truth = np.where(T > 0, A, 1.0 if network.loss == "cross-entropy" else 1 - A)
        slopes = 1 / np.maximum(truth, PROBABILITY_FLOOR)
    return float(np.finfo(network.dtype).eps) * float(np.sqrt(np.sum(slopes**2)))


def save(run: ReferenceRun, file: pathlib.Path) -> None:
    """Write ``run`` for :func:`load`, in one move: a reader finds all of it or nothing."""
    unfinished = file.with_suffix(f".{os.getpid()}")
    unfinished.write_bytes(pickle.dumps(run))
    unfinished.replace(file)


def load(file: pathlib.Path) -> ReferenceRun:
    """Return what :func:`save` wrote."""
    run: ReferenceRun = pickle.loads(file.read_bytes())  # noqa: S301 - by a worker of this run
    return run
