"""What the float64 reference computes on its way through some batches, and how sure that is.

All implementations of a run are compared with the same path, so it is computed once and kept in a
file for the other workers.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from bench.correctness.nonsmooth import at_kinks, away_from_kinks, in_squares, parts
from bench.correctness.tolerance import SAFETY, Rounding, Tolerances, tolerances
from impls.contract import Loss
from impls.mathematics import patches, reference
from impls.mathematics.functions import PROBABILITY_FLOOR, data_loss
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows, read_only


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

    With ``thrown``, inputs in doubt (``bench.correctness.nonsmooth``) take a random side as well:
    the sign at a kink, the place in a square.  Plain rounding without safety decides what is in
    doubt, because the effect of the random choice is granted several times over.
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
        """Return the inputs of a dense layer; those in doubt may be on the other side of 0."""
        Z = super().weighted(layer, self.factor(A))
        if self.thrown and layer < len(self.W) - 1:
            for some in parts(len(A)):
                flipped = self._at_kinks(layer, A[some], Z[some]) & self._coins(Z[some])
                Z[some] = np.where(flipped, -Z[some], Z[some])
        return Z

    def convolved(self, layer: int, A: Floats) -> tuple[Floats, patches.Places]:
        """Return the inputs that pooling takes; those in doubt may be others."""
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
        """Return the delta of the outputs below a layer from the delta of its inputs."""
        return super().passed_back(layer, self.factor(delta))

    def _at_kinks(self, layer: int, A: Floats, Z: Floats) -> npt.NDArray[np.bool_]:
        return at_kinks(self, layer, A, Z, self.rounding, 1.0)

    def _coins(self, A: Floats) -> npt.NDArray[np.bool_]:
        """Heads or tails for each number of ``A``."""
        return self.signs.integers(0, 2, A.shape, dtype=np.int8) > 0


@dataclass(frozen=True, eq=False)
class ReferenceRun:
    """The reference's path through some batches, and how far rounding alone can move it.

    ``training`` is what the path was trained with and ``parts`` its batches, shape ``(batch,)``
    each; ``X`` are the examples of the first one.  ``disturbed`` are paths with all activations and
    deltas off by one rounding, and a random choice at each doubtful place.  ``granted`` is what
    sums of products explain.  ``loss_rounding`` is how far the data loss of a batch moves, relative
    to its size, when each output is off by one rounding, times ``SAFETY``.
    """

    training: Training
    parts: list[Rows]
    X: Floats
    exact: Path
    disturbed: list[Path]
    granted: Tolerances
    loss_rounding: float


def take(
    network: Network,
    training: Training,
    start: Parameters,
    data: tuple[Floats, Floats],
    parts: list[Rows],
    rounding: Rounding,
) -> ReferenceRun:
    """Train the reference on the batches ``parts`` of ``data``, exactly and disturbed.

    Rows that leave no doubt replace others in ``parts``.
    """
    trainer = reference.Trainer(network, training, start)
    trainer.bind(*data)
    chosen = _Chosen(trainer, rounding)
    exact = walk(trainer, chosen.rows(parts))
    few = min(n_in * n_out for n_in, n_out in network.shapes) < FEW
    paths = []
    for seed in range(1, 1 + (DRAWS if few else 1)):
        disturbed = Disturbed(network, training, start, rounding)
        disturbed.thrown, disturbed.seed = not chosen.certain, seed
        disturbed.bind(*data)
        # Draws begin when parameters are loaded.
        disturbed.load(start)
        paths.append(walk(disturbed, chosen.parts))
    return ReferenceRun(
        training,
        chosen.parts,
        read_only(data[0][chosen.parts[0]]),
        exact,
        paths,
        tolerances(network, training.batch_size, rounding),
        chosen.loss_rounding,
    )


class _Chosen:
    """Chooses the rows of each batch for the parameters that it meets."""

    def __init__(self, trainer: reference.Trainer, rounding: Rounding) -> None:
        self.trainer, self.rounding = trainer, rounding
        self.parts: list[Rows] = []
        self.certain, self.loss_rounding = True, 0.0

    def rows(self, parts: list[Rows]) -> Iterator[Rows]:
        trainer = self.trainer
        for given in parts:
            rows, certain = away_from_kinks(trainer, given, self.rounding)
            self.certain &= certain
            self.parts.append(rows)
            yield rows
            # The caller takes the step between two batches, so outputs are those of this batch.
            moved = SAFETY * loss_rounding(trainer.network, trainer.A[-1], trainer.T)
            size = data_loss(trainer.network.loss, trainer.A[-1], trainer.T)
            self.loss_rounding = max(self.loss_rounding, moved / (size or 1.0))


def save(run: ReferenceRun, file: pathlib.Path) -> None:
    """Write ``run`` for :func:`load`, in one move: a reader finds all of it or nothing."""
    arrays: dict[str, Any] = {
        "scalars": np.array([run.training.epsilon, run.loss_rounding]),
        **{f"part{number}": rows for number, rows in enumerate(run.parts)},
        **_arrays("exact", run.exact),
    }
    for number, path in enumerate(run.disturbed):
        arrays |= _arrays(f"disturbed{number}", path)
    unfinished = file.with_suffix(f".{os.getpid()}.npz")
    np.savez(unfinished, **arrays)
    unfinished.replace(file)


def load(
    file: pathlib.Path,
    network: Network,
    training: Training,
    data: tuple[Floats, Floats],
    rounding: Rounding,
) -> ReferenceRun:
    """What :func:`save` wrote; the other arguments are those of :func:`take` that made it."""
    with np.load(file) as stored:
        arrays = {name: stored[name] for name in stored.files}
    epsilon, loss_rounded = arrays["scalars"].tolist()
    parts = [arrays[f"part{n}"] for n in range(sum(name.startswith("part") for name in arrays))]
    heads = sorted({name.partition(" ")[0] for name in arrays if name.startswith("disturbed")})
    return ReferenceRun(
        msgspec.structs.replace(training, epsilon=epsilon),
        parts,
        read_only(data[0][parts[0]]),
        _path("exact", arrays),
        [_path(head, arrays) for head in heads],
        tolerances(network, training.batch_size, rounding),
        loss_rounded,
    )


_PARAMETERS = ("first_gradients", "first_update", "parameters")


def _arrays(head: str, path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a path by name."""
    arrays: dict[str, npt.NDArray[Any]] = {
        f"{head} outputs": path.outputs,
        f"{head} losses": path.losses,
    }
    for field in _PARAMETERS:
        found: Parameters = getattr(path, field)
        arrays |= {f"{head} {field} {name}": array for name, array in found.arrays()}
    return arrays


def _path(head: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Path:
    """Return the path whose arrays have names that begin with ``head``."""

    def parameters(field: str) -> Parameters:
        layers = range(sum(name.startswith(f"{head} {field} weights") for name in arrays))
        weights = tuple(arrays[f"{head} {field} weights[{layer}]"] for layer in layers)
        biases = tuple(arrays[f"{head} {field} biases[{layer}]"] for layer in layers)
        return Parameters(weights, biases)

    first_gradients, first_update, end = map(parameters, _PARAMETERS)
    outputs, losses = arrays[f"{head} outputs"], arrays[f"{head} losses"]
    return Path(outputs, losses, first_gradients, first_update, end)


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
