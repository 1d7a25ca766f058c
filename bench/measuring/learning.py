"""Time to accuracy: train until the test examples are recognised well enough, and count the time.

Only training is inside the clock: what the epoch compiles was compiled before, and the test
examples are looked at between two epochs.  A target
counts as reached when it is held: at the end of one epoch and of those that follow it.  The time
is that of all epochs up to the first of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bench.documents.timings import EPOCH, Disturbance, Learning
from bench.measuring.measure import CellTimer, Measurement
from bench.measuring.timing import Round, timing_of, uncollected
from impls.parameters import Floats, epoch_order
from impls.training.fit import accuracy, decayed

HELD_EPOCHS = 3
"""So many epochs in a row must end at the target or above."""


def learn(
    timer: CellTimer,
    X_test: Floats,
    labels_test: npt.NDArray[np.integer],
    *,
    target: float,
    epochs: int,
) -> Measurement:
    """Train from the start weights until ``target`` is held, at most for ``epochs``."""
    trainer = timer.trainer
    first = timer.first_epoch()
    timer.reset()
    trainer.learning_rate = trainer.training.learning_rate
    watched: list[tuple[Round, Disturbance]] = []
    accuracies: list[float] = []
    before = timer.monitor.read()
    while len(watched) < epochs and held_since(accuracies, target) is None:
        order = epoch_order(timer.examples, timer.seed, len(watched))
        with uncollected():
            watched.append(timer.timed_epoch(order))
        rate = decayed(trainer.learning_rate, trainer.training.decay, len(watched) - 1)
        trainer.learning_rate = rate
        accuracies.append(accuracy(trainer, X_test, labels_test))
    rounds, disturbances = zip(*watched, strict=True)
    return Measurement(
        first_epoch=first,
        warmup_seconds=(),
        timings=(timing_of(EPOCH, 1, timer.examples, rounds, disturbances),),
        threads_observed=sum(r.cpu for r in rounds) / sum(r.wall for r in rounds),
        threads_busy=timer.monitor.busy_threads(before, timer.monitor.read()),
        probe_seconds=None,
        learning=Learning(
            target=target,
            seed=timer.seed,
            accuracies=tuple(accuracies),
            reached_epoch=held_since(accuracies, target),
        ),
    )


def held_since(accuracies: list[float], target: float) -> int | None:
    """The epoch, counted from 1, from which on the last ones held ``target``; None where not."""
    if len(accuracies) < HELD_EPOCHS or min(accuracies[-HELD_EPOCHS:]) < target:
        return None
    return len(accuracies) - HELD_EPOCHS + 1
