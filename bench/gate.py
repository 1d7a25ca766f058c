"""Proof before timing: an implementation must compute what the float64 reference computes.

The gate runs on the very network, batch size and thread setting that is timed afterwards.  It
compares outputs, loss, every gradient and the parameters after several updates, by phases, by
whole steps and by a whole epoch with a shorter last batch, because each of these is timed and
each is code of its own.

*Probe settings.*  With the articles' coefficients the penalty and the momentum vanish beside the
data: a forgotten momentum would pass.  The gate therefore raises every coefficient that is not
zero to a size at which its absence shows; which code runs does not depend on the size.  The
learning rate is such that a few updates neither saturate an output nor vanish in rounding.

*Error and tolerance.*  The error of an array is ``max|ours - reference| / max|reference|``.  A
float result of a sum of K products carries an error that grows like ``sqrt(K)`` roundings, so the
bound is ``SAFETY * eps * sqrt(K)`` with the longest sum that the array depends on.  The data loss
may deviate further by what one rounding of every output does to it: the logarithm of a probability
near 0 magnifies it, and an output near 1 has lost the digits of its difference from 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from bench.results import Check
from impls import reference
from impls.contract import Loss, Trainer
from impls.functions import PROBABILITY_FLOOR
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows, batches

SAFETY = 8.0
"""Roundings add up over layers and updates; measured errors stay ten times below and more."""
STEPS = 3
LARGE_BATCH = 4096
"""From here on one full batch and a shorter one must do: they take as long as many small ones."""
PROBE_PENALTY = 0.5
"""Per example of the batch: gradients are sums, and the penalty has to stand out from them."""
PROBE_MOMENTUM = 0.5


def probe_training(network: Network, training: Training) -> Training:
    """``training`` with every non-zero coefficient large enough to be seen."""
    return msgspec.structs.replace(
        training,
        momentum=PROBE_MOMENTUM if training.momentum else 0.0,
        l1=PROBE_PENALTY * training.batch_size if training.l1 else 0.0,
        l2=PROBE_PENALTY * training.batch_size if training.l2 else 0.0,
        learning_rate=0.5 / (training.batch_size * network.layers[0]),
    )


def tolerance(network: Network, batch_size: int) -> float:
    """The largest relative error that rounding in the network's dtype explains."""
    longest = max(*network.layers[:-1], batch_size)
    return SAFETY * float(np.finfo(network.dtype).eps) * math.sqrt(longest)


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
    probe = probe_training(network, training)
    bound = tolerance(network, training.batch_size)
    parts = list(batches(order, training.batch_size))
    if len(parts) == 1:
        # Momentum shows from the second step on.
        parts *= 2
    exact = Truth(network, probe, start, data, parts)
    checks: list[Check] = []
    for stage in (_by_phases, _by_steps, _by_epoch):
        trainer = trainer_class(network, probe, start)
        trainer.bind(*data)
        checks += stage(trainer, exact, bound)
    return checks


def rows_needed(batch_size: int, examples: int) -> int:
    """How many rows of the data the gate wants: some batches and part of another."""
    full = STEPS if batch_size < LARGE_BATCH else 1
    return min(examples, full * batch_size + max(1, batch_size // 3))


class Truth:
    """What the reference computes on the way through the batches ``parts``."""

    def __init__(
        self,
        network: Network,
        training: Training,
        start: Parameters,
        data: tuple[Floats, Floats],
        parts: list[Rows],
    ) -> None:
        trainer = reference.Trainer(network, training, start)
        trainer.bind(*data)
        self.parts = parts
        self.X = data[0][parts[0]]
        self.outputs = trainer.predict(self.X)
        losses: list[Loss] = []
        self.loss_rounding = 0.0
        for rows in parts:
            loss = trainer.step(rows)
            moved = loss_rounding(network, trainer.A[-1], trainer.T)
            self.loss_rounding = max(self.loss_rounding, moved / (float(loss.data) or 1.0))
            if not losses:
                self.first_gradients, self.first_update = trainer.gradients(), trainer.parameters()
            losses.append(loss)
        self.losses = _rows(losses)
        self.parameters = trainer.parameters()


def loss_rounding(network: Network, A: Floats, T: Floats) -> float:
    """How far the data loss moves when each output ``A`` is off by one rounding, at random.

    Both arrays have shape ``(batch, n_E)``; the sum of squares stands for independent roundings.
    """
    if network.loss == "mse":
        slopes = np.abs(A - T)
    else:
        truth = np.where(T > 0, A, 1.0 if network.loss == "cross-entropy" else 1 - A)
        slopes = 1 / np.maximum(truth, PROBABILITY_FLOOR)
    eps = float(np.finfo(network.dtype).eps)
    return SAFETY * eps * float(np.sqrt(np.sum(slopes**2)))


def _by_phases(ours: Trainer, exact: Truth, bound: float) -> Iterator[Check]:
    """Outputs, loss, gradients and one update, each phase that can be run apart."""
    if "prepare" in ours.phases:
        ours.prepare(exact.parts[0])
    if "forward" in ours.phases:
        ours.forward()
    if "loss" in ours.phases:
        yield from _losses("loss", _rows([ours.loss()]), exact.losses[:1], bound, exact)
    yield compare("outputs", ours.predict(exact.X), exact.outputs, bound)
    if "backward" in ours.phases:
        ours.backward()
        yield from _arrays("gradient of ", ours.gradients(), exact.first_gradients, bound)
        if "update" in ours.phases:
            ours.update()
            yield from _arrays("updated ", ours.parameters(), exact.first_update, bound)


def _by_steps(ours: Trainer, exact: Truth, bound: float) -> Iterator[Check]:
    """Losses, gradients and parameters of whole steps, so that momentum has a past."""
    losses = [ours.step(exact.parts[0])]
    yield from _arrays("step 1 gradient of ", ours.gradients(), exact.first_gradients, bound)
    losses += [ours.step(rows) for rows in exact.parts[1:]]
    yield from _losses("step losses", _rows(losses), exact.losses, bound, exact)
    yield from _arrays(f"step {len(losses)} ", ours.parameters(), exact.parameters, bound)


def _by_epoch(ours: Trainer, exact: Truth, bound: float) -> Iterator[Check]:
    """The epoch's own loop: what it reports for each batch, and where it ends."""
    losses = np.asarray(ours.epoch(np.concatenate(exact.parts)), dtype=np.float64)
    yield from _losses("epoch losses", losses, exact.losses, bound, exact)
    yield from _arrays("epoch ", ours.parameters(), exact.parameters, bound)


def _rows(losses: list[Loss]) -> npt.NDArray[np.float64]:
    return np.array([[float(value) for value in loss] for loss in losses])


def _losses(
    name: str,
    ours: npt.NDArray[np.float64],
    exact: npt.NDArray[np.float64],
    bound: float,
    truth: Truth,
) -> Iterator[Check]:
    """Data, penalty and mean error, each against its own size."""
    if ours.shape != exact.shape:
        yield _misshapen(name, ours.shape, exact.shape, bound)
        return
    for column, part in enumerate(Loss._fields):
        granted = bound + truth.loss_rounding if part == "data" else bound
        yield compare(f"{name}: {part}", ours[:, column], exact[:, column], granted)


def _arrays(prefix: str, ours: Parameters, exact: Parameters, bound: float) -> Iterator[Check]:
    """Every weight matrix and bias vector."""
    pairs = list(zip(ours.arrays(), exact.arrays(), strict=False))
    if len(pairs) != 2 * len(exact.weights):
        yield _misshapen(f"{prefix}all", (len(pairs),), (2 * len(exact.weights),), bound)
    for (name, array), (_, expected) in pairs:
        yield compare(f"{prefix}{name}", array, expected, bound)


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
    text = f"at {_index(place)}: {float(ours[place]):.6g} instead of {float(exact[place]):.6g}"
    return Check(name=name, error=float(deviation[place]), tolerance=bound, place=text)


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
