"""Proof before timing: an implementation must compute what the float64 reference computes.

The gate runs on the very network, batch size and thread setting that is timed afterwards.  It
compares outputs, loss, every gradient and the parameters after several updates, by phases, by
whole steps and by a whole epoch with a shorter last batch, because each of these is timed and
each is code of its own.

It does not run with the settings that are timed but with probe settings, under which a bug shows
and rounding does not: see :mod:`bench.proof.probe`.

*Error and tolerance.*  The error of an array is ``max|ours - reference| / max|reference|``.  Its
bound is what rounding explains of sums as long as those behind it: :mod:`bench.proof.tolerance`.
Two things are granted beyond that.  Where large terms cancel, or a saturated slope has lost its
digits, no float32 formula is as exact as that; so the reference is run once more with each
activation and delta off by one rounding, and ``SAFETY`` times what that changes is added, which
elsewhere is little.  Places where rounding decides which way a delta takes are avoided, or thrown
in that run: :mod:`bench.proof.kinks`.  The data loss may deviate further by what one rounding of
every output does to it: the logarithm of a probability near 0 magnifies it, and one near 1 has lost
the digits of its difference from 1.

An implementation that declares TF32 is granted the rounding of factors as well, in the bound and in
the disturbed run.  That is one rounding of TF32, 4096 of float32's, however long the sum: some
hundred times the bound at a few hundred terms, less for longer sums.  So such numbers are never
ranked with others.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bench.documents.timings import Check
from bench.proof.probe import probe_data, probe_start, probe_training, with_visible_epsilon
from bench.proof.tolerance import SAFETY, Rounding
from bench.proof.truth import Truth
from impls.contract import Loss, Trainer
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows, batches

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
    order: Rows,
) -> list[Check]:
    """All comparisons of one implementation with the reference; it passed if every check did.

    ``data`` are the bound ``X`` and ``Y``; ``order`` holds the rows of some batches and a shorter
    last one (see :func:`rows_needed`).
    """
    probe, start = probe_training(network, training), probe_start(start)
    data = probe_data(network, data)
    parts = list(batches(order, training.batch_size))
    if len(parts) == 1:
        # Momentum shows from the second step on.
        parts *= 2
    # The start of another epoch.
    parts.append(parts[-1])
    probe = with_visible_epsilon(network, probe, start, data, parts[0])
    rounding_granted = Rounding.of(network, trainer_class.declared())
    truth = Truth(network, probe, start, data, parts, rounding_granted)
    checks: list[Check] = []
    for stage in (_by_phases, _by_steps, _by_epoch):
        trainer = trainer_class(network, probe, start)
        trainer.bind(*data)
        checks += stage(trainer, truth)
    return checks


def rows_needed(batch_size: int, examples: int) -> int:
    """How many rows of the data the gate wants: some batches and part of another."""
    full = STEPS if batch_size < LARGE_BATCH else 1
    return min(examples, full * batch_size + max(1, batch_size // 3))


def _by_phases(ours: Trainer, truth: Truth) -> Iterator[Check]:
    """Outputs, loss, gradients and one update, each phase that can be run apart."""
    exact = truth.exact
    if "prepare" in ours.phases:
        ours.prepare(truth.parts[0])
    if "forward" in ours.phases:
        ours.forward()
    if "loss" in ours.phases:
        yield from _losses("loss", _rows([ours.loss()]), truth, 1)
    disturbed = [path.outputs for path in truth.disturbed]
    granted = truth.granted.outputs + rounding(disturbed, exact.outputs)
    yield compare("outputs", ours.predict(truth.X), exact.outputs, granted)
    if "backward" in ours.phases:
        ours.backward()
        yield from _first_gradients("gradient of ", ours, truth)
        if "update" in ours.phases:
            ours.update()
            moved = ours.parameters()
            updates = [path.first_update for path in truth.disturbed]
            yield from _arrays("updated ", moved, exact.first_update, truth, updates)


def _by_steps(ours: Trainer, truth: Truth) -> Iterator[Check]:
    """Losses, gradients and parameters of whole steps, so that momentum has a past."""
    losses = [ours.step(truth.parts[0])]
    yield from _first_gradients("step 1 gradient of ", ours, truth)
    losses += [ours.step(rows) for rows in truth.parts[1:]]
    yield from _losses("step losses", _rows(losses), truth, len(losses))
    yield from _end(f"step {len(losses)} ", ours, truth)


def _by_epoch(ours: Trainer, truth: Truth) -> Iterator[Check]:
    """The epoch's own loop: what it reports for each batch, and where it ends.

    A second epoch of one batch follows, which must go on where the first one ended.
    """
    *parts, further = truth.parts
    losses = np.asarray(ours.epoch(np.concatenate(parts)), dtype=np.float64)
    yield from _losses("epoch losses", losses, truth, len(parts))
    ours.epoch(further)
    yield from _end("epoch ", ours, truth)


def _first_gradients(prefix: str, ours: Trainer, truth: Truth) -> Iterator[Check]:
    disturbed = [path.first_gradients for path in truth.disturbed]
    yield from _arrays(prefix, ours.gradients(), truth.exact.first_gradients, truth, disturbed)


def _end(prefix: str, ours: Trainer, truth: Truth) -> Iterator[Check]:
    disturbed = [path.parameters for path in truth.disturbed]
    yield from _arrays(prefix, ours.parameters(), truth.exact.parameters, truth, disturbed)


def _rows(losses: list[Loss]) -> npt.NDArray[np.float64]:
    return np.array([[float(value) for value in loss] for loss in losses])


def _losses(
    name: str, ours: npt.NDArray[np.float64], truth: Truth, batches_taken: int
) -> Iterator[Check]:
    """Data, penalty and mean error, each against its own size."""
    exact = truth.exact.losses[:batches_taken]
    disturbed = [path.losses[:batches_taken] for path in truth.disturbed]
    if ours.shape != exact.shape:
        yield _misshapen(name, ours.shape, exact.shape, truth.granted.losses)
        return
    for column, part in enumerate(Loss._fields):
        granted = truth.granted.losses + rounding(
            [losses[:, column] for losses in disturbed], exact[:, column]
        )
        granted += truth.loss_rounding if part == "data" else 0.0
        yield compare(f"{name}: {part}", ours[:, column], exact[:, column], granted)


def _arrays(
    prefix: str, ours: Parameters, exact: Parameters, truth: Truth, disturbed: list[Parameters]
) -> Iterator[Check]:
    """Every weight matrix and bias vector; those of a layer share their deltas and the rounding."""
    pairs = list(zip(ours.arrays(), exact.arrays(), strict=False))
    if len(pairs) != 2 * len(exact.weights):
        yield _misshapen(
            f"{prefix}all", (len(pairs),), (2 * len(exact.weights),), max(truth.granted.layers)
        )
    moved = zip(*(parameters.arrays() for parameters in disturbed), strict=True)
    roundings = [
        rounding([array for _, array in arrays], expected)
        for arrays, (_, expected) in zip(moved, exact.arrays(), strict=True)
    ]
    for index, ((name, array), (_, expected)) in enumerate(pairs):
        weights = index - index % 2
        granted = truth.granted.layers[index // 2] + max(roundings[weights : weights + 2])
        yield compare(f"{prefix}{name}", array, expected, granted)


def rounding(disturbed: list[Floats], exact: Floats) -> float:
    """``SAFETY`` times the largest relative error that one rounding of each number makes."""
    scale = float(np.max(np.abs(exact), initial=0.0)) or 1.0
    moved = max(float(np.max(np.abs(array - exact), initial=0.0)) for array in disturbed)
    return SAFETY * moved / scale


def compare(name: str, ours: Floats, exact: Floats, bound: float) -> Check:
    """Relative error of one array and the place where it is largest."""
    if ours.shape != exact.shape:
        return _misshapen(name, ours.shape, exact.shape, bound)
    if not np.isfinite(ours).all():
        place = np.argwhere(~np.isfinite(ours))[0]
        return Check(name=name, error=None, tolerance=bound, place=f"not finite at {_index(place)}")
    scale = float(np.max(np.abs(exact), initial=0.0)) or 1.0
    deviation = np.abs(ours.astype(np.float64) - exact) / scale
    place = np.unravel_index(int(np.argmax(deviation)), deviation.shape)
    error = float(deviation[place])
    text = "exact"
    if error:
        text = f"at {_index(place)}: {_apart(float(ours[place]), float(exact[place]))}"
    return Check(name=name, error=error, tolerance=bound, place=text)


def _apart(ours: float, exact: float) -> str:
    """Both numbers, with as many digits as tell them apart."""
    for digits in range(_FEWEST_DIGITS, _ALL_DIGITS):
        if f"{ours:.{digits}g}" != f"{exact:.{digits}g}":
            return f"{ours:.{digits}g} instead of {exact:.{digits}g}"
    return f"{ours:.{_ALL_DIGITS}g} instead of {exact:.{_ALL_DIGITS}g}"


def _misshapen(name: str, ours: tuple[int, ...], exact: tuple[int, ...], bound: float) -> Check:
    return Check(name=name, error=None, tolerance=bound, place=f"shape {ours} instead of {exact}")


def _index(place: object) -> str:
    return "[" + ", ".join(str(int(i)) for i in np.asarray(place).ravel()) + "]"


def refusal(checks: list[Check]) -> str:
    """One sentence on the worst failed check, or an empty string if all passed."""
    failed = [check for check in checks if not check.passed]
    if not failed:
        return ""
    worst = max(failed, key=lambda check: math.inf if check.error is None else check.error)
    size = "not comparable" if worst.error is None else f"relative error {worst.error:.3g}"
    return (
        f"{len(failed)} of {len(checks)} checks against the float64 reference failed; worst is "
        f"{worst.name}: {size} (tolerance {worst.tolerance:.2g}), {worst.place}"
    )
