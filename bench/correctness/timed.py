"""Was what was timed the training that was proven?

The gate proves a few steps before the clock starts.  A trainer could do less afterwards: skip
updates, use fewer rows, answer from a memory.  So the last timed epoch leaves evidence: the costs
of its batches and how far it moved the weights.  The parent computes the same epoch with the
float64 reference and compares.  The bounds are wide: rounding grows over hundreds of updates, and
every shortcut that saves time lies far outside.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bench.documents.messages import Evidence
from impls.mathematics import reference
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters, batches, epoch_order, start_parameters

FIRST = 8
"""The number of batches that are compared one by one."""
PARTS = 8
"""The number of sums in which the costs of all batches are compared."""
COST_ERROR = 0.03
MOVED_ERROR = 0.15
"""Largest relative errors of a cost, and of the movement of a layer's weights."""
MOST_SECONDS = 5.0
"""A reference epoch that would take longer is computed for the first batches alone."""

Costs = npt.NDArray[np.float64]


def evidence(number: int, losses: Costs, start: Parameters, end: Parameters, seed: int) -> Evidence:
    """Return the evidence of an epoch with these ``losses``, shape ``(batches, 3)``."""
    costs = np.asarray(losses, dtype=np.float64).reshape(-1, 3)[:, :2].sum(axis=1)
    norms, projections = [], []
    rng = np.random.default_rng([seed, 2])
    for before, after in zip(start.weights, end.weights, strict=True):
        moved = np.asarray(after, np.float64) - np.asarray(before, np.float64)
        norms.append(float(np.linalg.norm(moved)))
        projections.append(float((moved * rng.standard_normal(moved.shape)).sum()))
    parts = [float(part.sum()) for part in np.array_split(costs, min(PARTS, len(costs)))]
    return Evidence(
        number=number,
        batches=len(costs),
        first=_finite(costs[:FIRST].tolist()),
        parts=_finite(parts),
        norms=_finite(norms),
        projections=_finite(projections),
    )


def expected(
    network: Network, training: Training, X: Floats, Y: Floats, *, number: int, seed: int
) -> Evidence:
    """Return the evidence that the float64 reference leaves behind.

    Where the whole epoch would take longer than :data:`MOST_SECONDS`, it is that of its first
    batches: ``parts``, ``norms`` and ``projections`` are then empty.
    """
    start = start_parameters(network, training, seed)
    trainer = reference.Trainer(network, training, start)
    trainer.bind(X, Y)
    order = epoch_order(len(X), seed, number + 1)
    pieces = list(batches(order, training.batch_size))
    begun = time.thread_time()
    losses = [_losses(trainer, rows) for rows in pieces[:FIRST]]
    seconds = (time.thread_time() - begun) / len(losses) * len(pieces)
    if seconds > MOST_SECONDS:
        first = [float(loss[:2].sum()) for loss in losses]
        return Evidence(number=number, batches=len(pieces), first=_finite(first))
    losses += [_losses(trainer, rows) for rows in pieces[FIRST:]]
    return evidence(number, np.array(losses), start, trainer.parameters(), seed)


def contradiction(measured: Evidence, wanted: Evidence) -> str:
    """Return what speaks against the timed epoch; empty where nothing does."""
    if measured.batches != wanted.batches:
        return f"the timed epoch had {measured.batches} batches instead of {wanted.batches}"
    for place, (ours, theirs) in enumerate(zip(measured.first, wanted.first, strict=True)):
        if not _near(ours, theirs, COST_ERROR):
            return _words(f"the cost of batch {place + 1}", ours, theirs)
    for ours, theirs in zip(measured.parts, wanted.parts, strict=False):
        if not _near(ours, theirs, COST_ERROR):
            return _words("the cost of a part of all batches", ours, theirs)
    moves = zip(
        measured.norms, wanted.norms, measured.projections, wanted.projections, strict=False
    )
    for layer, (ours, theirs, along, wanted_along) in enumerate(moves):
        if not _near(ours, theirs, MOVED_ERROR):
            return _words(f"the movement of weights[{layer}]", ours, theirs)
        off = None if along is None or wanted_along is None else abs(along - wanted_along)
        # The projection of a difference of length d has standard deviation d.
        if off is None or off > 4 * MOVED_ERROR * (theirs or 0.0):
            return _words(
                f"the movement of weights[{layer}] along one direction", along, wanted_along
            )
    return ""


def _losses(trainer: reference.Trainer, rows: Indices) -> Costs:
    return np.array([float(value) for value in trainer.step(rows)])


def _finite(values: Sequence[float]) -> tuple[float | None, ...]:
    return tuple(value if np.isfinite(value) else None for value in values)


def _near(ours: float | None, theirs: float | None, share: float) -> bool:
    """Return whether both differ by at most a share, or the reference is not finite."""
    if theirs is None:
        return True
    return ours is not None and abs(ours - theirs) <= share * max(abs(theirs), 1e-12)


def _words(what: str, ours: float | None, theirs: float | None) -> str:
    said = "not finite" if ours is None else f"{ours:.6g}"
    return (
        f"what was timed is not the training that was proven: {what} is {said} instead of "
        f"{theirs:.6g}"
    )
