"""Proof before timing: an implementation must compute what the float64 reference computes.

The gate runs on the very network, batch size and thread setting that is timed afterwards.  It
compares outputs, loss, every gradient and the parameters after several updates, by phases, by
whole steps and by a whole epoch with a shorter last batch, because each of these is timed and
each is separate code.

It does not run with the settings that are timed but with others, under which a bug shows and
rounding does not: see :mod:`bench.correctness.gate_settings`.

*Error and tolerance.*  The error of an array is ``max|ours - reference| / max|reference|``.  Its
bound is what rounding explains of sums as long as those behind it
(:mod:`bench.correctness.tolerance`), plus two allowances.  Where large terms cancel, or a saturated
slope has lost its digits, no float32 formula is that exact.  So a second run of the reference
rounds each activation and delta once, and ``SAFETY`` times its deviation is added to the bound.
Places where rounding decides the way of a delta are avoided, or drawn at random in that run
(:mod:`bench.correctness.nonsmooth`).  The data loss may deviate further, by the effect of one
rounding of every output: the logarithm magnifies it near 0, and near 1 the difference from 1 has
lost its digits.

An implementation that declares TF32 is granted the rounding of factors as well, in the bound and in
the perturbed run.  That is one rounding of TF32, 4096 of float32's, however long the sum: some
hundred times the bound at a few hundred terms, less for longer sums.  So such numbers are never
ranked with others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from bench.correctness import reference_run
from bench.correctness.gate_settings import (
    gate_data,
    gate_start,
    gate_training,
    with_visible_epsilon,
)
from bench.correctness.reference_run import ReferenceRun
from bench.correctness.tolerance import SAFETY, Rounding
from bench.documents.timings import Check
from impls.contract import Loss, Trainer
from impls.errors import ImplementationError
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters, batches, epoch_order, read_only

STEPS = 3
LARGE_BATCH = 4096
"""From here on one full batch and a shorter one must do: they take as long as many small ones."""
_FEWEST_DIGITS, _ALL_DIGITS = 6, 17


def inspect(
    trainer_class: type[Trainer],
    network: Network,
    training: Training,
    start: Parameters,
    data: tuple[Floats, Floats],
    order: Indices,
    shared: Path | None = None,
) -> list[Check]:
    """Return all comparisons of one implementation with the reference; it passed if all did.

    ``data`` are the bound ``X`` and ``Y``; ``order`` holds the rows of some batches and a shorter
    last one (see :func:`sample`).  ``shared`` is a folder in which workers that pass the same
    arguments keep what the reference computed.
    """
    settings, start = gate_training(network, training), gate_start(start).read_only()
    X, Y = gate_data(network, data)
    data = (read_only(X), read_only(Y))
    parts = list(batches(order, training.batch_size))
    if len(parts) == 1:
        # Momentum shows from the second step on.
        parts *= 2
    # A further epoch of one batch shows whether state survives the end of the first one.
    parts.append(parts[-1])
    rounded = Rounding.of(network, trainer_class.declared())
    name = f"reference-{training.batch_size}-{rounded.numbers:g}-{rounded.factors:g}.pickle"
    known = None if shared is None else shared / name
    if known is not None and known.exists():
        run = reference_run.load(known)
    else:
        settings = with_visible_epsilon(network, settings, start, data, parts[0])
        run = reference_run.train(network, settings, start, data, parts, rounded)
        if known is not None:
            reference_run.save(run, known)

    def fresh() -> Trainer:
        trainer = trainer_class(network, run.training, start)
        trainer.bind(*data)
        return trainer

    return [
        *_by_phases(fresh(), run, read_only(X[run.parts[0]])),
        *_by_steps(fresh(), run),
        *_by_epoch(fresh(), run),
    ]


def sample(
    X: Floats, Y: Floats, batch_size: int, seed: int
) -> tuple[tuple[Floats, Floats], Indices]:
    """Return the first examples of an epoch, as many as the gate wants, and an order of them.

    No more than these: some implementations copy all that they are bound to.
    """
    wanted = rows_needed(batch_size, len(X))
    rows = epoch_order(len(X), seed, 0)[:wanted]
    return (X[rows], Y[rows]), epoch_order(wanted, seed, 1)


def rows_needed(batch_size: int, examples: int) -> int:
    """Return how many rows of the data the gate wants: some batches and part of another."""
    full = STEPS if batch_size < LARGE_BATCH else 1
    return min(examples, full * batch_size + max(1, batch_size // 3))


def examples_trained(batch_size: int, examples: int) -> tuple[int, int]:
    """Return how many examples the reference trains on for the gate, and each implementation."""
    rows = rows_needed(batch_size, examples)
    path = 3 * rows if rows <= batch_size else rows + (rows % batch_size or batch_size)
    return path, min(rows, batch_size) + 2 * path


def _by_phases(ours: Trainer, run: ReferenceRun, X: Floats) -> Iterator[Check]:
    """Yield outputs for ``X``, loss, gradients and one update, where they can be run apart."""
    if "prepare" in ours.phases:
        ours.prepare(run.parts[0])
    if "forward" in ours.phases:
        ours.forward()
    if "loss" in ours.phases:
        yield from _losses("loss", _rows([ours.loss()]), run, 1)
    granted = run.granted.outputs + rounding(
        [path.outputs for path in run.perturbed], run.exact.outputs
    )
    yield compare("outputs", ours.predict(X), run.exact.outputs, granted)
    if "backward" in ours.phases:
        ours.backward()
        yield from _arrays("gradient of ", ours.gradients(), run, "first_gradients")
        if "update" in ours.phases:
            ours.update()
            yield from _arrays("updated ", ours.parameters(), run, "first_update")


def _by_steps(ours: Trainer, run: ReferenceRun) -> Iterator[Check]:
    """Yield losses, gradients and parameters of whole steps, so that momentum has a past."""
    losses = [ours.step(run.parts[0])]
    yield from _arrays("step 1 gradient of ", ours.gradients(), run, "first_gradients")
    losses += [ours.step(rows) for rows in run.parts[1:]]
    yield from _losses("step losses", _rows(losses), run, len(losses))
    yield from _arrays(f"step {len(losses)} ", ours.parameters(), run, "parameters")


def _by_epoch(ours: Trainer, run: ReferenceRun) -> Iterator[Check]:
    """Yield the epoch's own loop: what it reports for each batch, and where it ends.

    A second epoch of one batch follows, which must go on where the first one ended.
    """
    *parts, further = run.parts
    losses = np.asarray(ours.epoch(np.concatenate(parts)), dtype=np.float64)
    yield from _losses("epoch losses", losses, run, len(parts))
    ours.epoch(further)
    yield from _arrays("epoch ", ours.parameters(), run, "parameters")


def _rows(losses: list[Loss]) -> npt.NDArray[np.float64]:
    """Return data, penalty and mean error of each batch.

    Raises:
        ImplementationError: one of the losses is not three numbers.
    """
    try:
        return np.array([[float(value) for value in loss] for loss in losses])
    except (TypeError, ValueError) as error:
        wrong = next((loss for loss in losses if not isinstance(loss, Loss)), losses[0])
        raise ImplementationError(
            f"loss and step must return a Loss of three numbers, {', '.join(Loss._fields)}, and "
            f"one returned {wrong!r}"
        ) from error


def _losses(
    name: str, ours: npt.NDArray[np.float64], run: ReferenceRun, batches_taken: int
) -> Iterator[Check]:
    """Yield data, penalty and mean error, each relative to its size."""
    exact = run.exact.losses[:batches_taken]
    if ours.shape != exact.shape:
        yield _misshapen(name, ours.shape, exact.shape, run.granted.losses)
        return
    for column, part in enumerate(Loss._fields):
        perturbed = [path.losses[:batches_taken, column] for path in run.perturbed]
        granted = run.granted.losses + rounding(perturbed, exact[:, column])
        granted += SAFETY * run.exact.loss_rounding if part == "data" else 0.0
        yield compare(f"{name}: {part}", ours[:, column], exact[:, column], granted)


def _arrays(
    prefix: str,
    ours: Parameters,
    run: ReferenceRun,
    field: Literal["first_gradients", "first_update", "parameters"],
) -> Iterator[Check]:
    """Yield every weight matrix and bias vector; those of a layer share deltas and rounding.

    ``field`` names what of the reference's paths they are compared with.
    """
    exact: Parameters = getattr(run.exact, field)
    perturbed: list[Parameters] = [getattr(path, field) for path in run.perturbed]
    pairs = list(zip(ours.arrays(), exact.arrays(), strict=False))
    if len(pairs) != 2 * len(exact.weights):
        yield _misshapen(
            f"{prefix}all", (len(pairs),), (2 * len(exact.weights),), max(run.granted.layers)
        )
    moved = zip(*(parameters.arrays() for parameters in perturbed), strict=True)
    roundings = [
        rounding([array for _, array in arrays], expected)
        for arrays, (_, expected) in zip(moved, exact.arrays(), strict=True)
    ]
    for index, ((name, array), (_, expected)) in enumerate(pairs):
        weights = index - index % 2
        granted = run.granted.layers[index // 2] + max(roundings[weights : weights + 2])
        yield compare(f"{prefix}{name}", array, expected, granted)


def rounding(perturbed: Sequence[Floats], exact: Floats) -> float:
    """Return ``SAFETY`` times the largest relative error that one rounding of each number makes."""
    scale = float(np.max(np.abs(exact), initial=0.0)) or 1.0
    moved = max(float(np.max(np.abs(array - exact), initial=0.0)) for array in perturbed)
    return SAFETY * moved / scale


def compare(name: str, ours: Floats, exact: Floats, bound: float) -> Check:
    """Return the relative error of one array and the place where it is largest."""
    if ours.shape != exact.shape:
        return _misshapen(name, ours.shape, exact.shape, bound)
    if ours.dtype.kind not in "fiu":
        return Check(name=name, error=None, tolerance=bound, place=f"{ours.dtype} numbers")
    if not np.isfinite(ours).all():
        place = np.argwhere(~np.isfinite(ours))[0]
        return Check(name=name, error=None, tolerance=bound, place=f"not finite at {_index(place)}")
    scale = float(np.max(np.abs(exact), initial=0.0)) or 1.0
    deviation = np.abs(ours.astype(np.float64) - exact) / scale
    place = np.unravel_index(int(np.argmax(deviation)), deviation.shape)
    error = float(deviation[place])
    if not error:
        return Check(name=name, error=error, tolerance=bound, place="exact")
    # As many digits as differ.
    for digits in range(_FEWEST_DIGITS, _ALL_DIGITS + 1):
        said, expected = f"{float(ours[place]):.{digits}g}", f"{float(exact[place]):.{digits}g}"
        if said != expected:
            break
    text = f"at {_index(place)}: {said} instead of {expected}"
    return Check(name=name, error=error, tolerance=bound, place=text)


def _misshapen(name: str, ours: tuple[int, ...], exact: tuple[int, ...], bound: float) -> Check:
    return Check(name=name, error=None, tolerance=bound, place=f"shape {ours} instead of {exact}")


def _index(place: object) -> str:
    return "[" + ", ".join(str(int(i)) for i in np.asarray(place).ravel()) + "]"


def refusal(checks: list[Check]) -> str:
    """Return one sentence on the worst failed check, or an empty string if all passed."""
    failed = [check for check in checks if not check.passed]
    if not failed:
        return ""
    worst = max(failed, key=lambda check: math.inf if check.error is None else check.error)
    size = "not comparable" if worst.error is None else f"relative error {worst.error:.3g}"
    return (
        f"{len(failed)} of {len(checks)} checks against the float64 reference failed; worst is "
        f"{worst.name}: {size} (tolerance {worst.tolerance:.2g}), {worst.place}"
    )
