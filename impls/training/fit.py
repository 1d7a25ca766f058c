"""The training loop that all implementations share: epochs, order, learning rate, history."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from impls.contract import Trainer
from impls.parameters import Floats, epoch_order
from impls.training.history import Epoch, History, Standing


def decayed(learning_rate: float, decay: float, epoch: int) -> float:
    """Return the rate after epoch ``0, 1, ...``: divided by ``1 + decay * epoch``, cumulatively."""
    return learning_rate / (1 + decay * epoch)


def fit(
    trainer: Trainer,
    examples: int,
    *,
    epochs: int,
    seed: int,
    shuffle: bool = True,
    max_batches: int | None = None,
    history: History | None = None,
    look: Callable[[int], Standing | None] | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> History:
    """Train on the bound data until ``epochs`` are done.

    Each epoch has a fresh order drawn from ``seed``, the same for every implementation; without
    ``shuffle`` all have that of the first.  ``max_batches`` ends an epoch early, for trials.

    A ``history`` is resumed, and gets the new epochs: the trainer must be in the state in which its
    last epoch ended.  ``look`` is asked after each epoch, outside its clock, for the standing;
    ``stop`` says whether to end after it.

    An interruption from the keyboard ends the training early.  An epoch that it cuts in two cannot
    be resumed, so the trainer goes back to the end of the last whole one.
    """
    history = history or History()
    kept = len(history.epochs), trainer.state(), trainer.learning_rate
    limit = None if max_batches is None else max_batches * trainer.training.batch_size
    try:
        for number in range(len(history.epochs), epochs):
            order = epoch_order(examples, seed, number if shuffle else 0)[:limit]
            begun = time.perf_counter()
            losses = trainer.epoch(order)
            trainer.synchronize()
            seconds = time.perf_counter() - begun
            rate = decayed(trainer.learning_rate, trainer.training.decay, number)
            trainer.learning_rate = rate
            standing = look(number + 1) if look else None
            epoch = Epoch(number + 1, losses, rate, seconds, standing)
            history.epochs.append(epoch)
            # One assignment, so that an interruption finds all of it or nothing.
            kept = number + 1, trainer.state(), rate
            if on_epoch:
                on_epoch(epoch)
            if stop and stop():
                break
    except KeyboardInterrupt:
        whole, state, trainer.learning_rate = kept
        del history.epochs[whole:]
        trainer.resume(state)
    return history


def accuracy(trainer: Trainer, X: Floats, labels: npt.NDArray[np.integer]) -> float:
    """Return the share of examples whose largest output is that of their label."""
    return float(np.mean(trainer.predict(X).argmax(axis=1) == labels))
