"""Time one cell, turn by turn: the undisturbed step, the phases inside a step, the whole epoch.

A worker rests between its turns while others compute.  A turn therefore begins with steps that do
not count: they wake the thread pools and warm the caches.  Start weights are put back before every
round, so that all rounds see the same early training and not the saturated network that thousands
of repetitions would leave.  Batches come from a shuffled epoch, one after another, so that a step
finds its examples where training would find them: in memory, not in the cache.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.correctness.timed import evidence
from bench.documents.messages import Evidence
from bench.documents.rounds import TimedRound, Turn, TurnKind, held_since
from bench.documents.timings import EPOCH, STEP
from bench.measuring.barrier import Subject
from bench.measuring.clock import (
    Clock,
    calibrate,
    probe_seconds,
    time_phases,
    time_round,
    uncollected,
    warm_up,
)
from bench.measuring.disturbance import Monitor
from bench.planning.plan import Effort
from impls.contract import PHASES, Trainer
from impls.parameters import Floats, Indices, Parameters, batches, epoch_order
from impls.training.fit import accuracy, decayed

WAKE_SECONDS = 0.01
"""A turn begins with steps that do not count: for this time, but at least one step."""


@dataclass(frozen=True)
class WarmUp:
    """What the clock said before the first turn; durations in seconds.

    ``first_epoch_seconds`` is the first call of the epoch, on ``first_epoch_examples``; it may
    compile and is in no round.  ``probe_seconds`` is what one clock reading between two phases
    costs.
    """

    warmup_seconds: tuple[float, ...]
    probe_seconds: float | None
    first_epoch_seconds: float
    first_epoch_examples: int


@dataclass(frozen=True)
class Goal:
    """A training up to an accuracy: test examples, their labels, and when to give up."""

    X_test: Floats
    labels_test: npt.NDArray[np.integer]
    target: float
    epochs: int


class CellTimer:
    """Times one trainer at one batch size."""

    def __init__(
        self,
        trainer: Trainer,
        start: Parameters,
        *,
        examples: int,
        seed: int,
        effort: Effort,
        clock: Clock,
        monitor: Monitor,
        goal: Goal | None = None,
    ) -> None:
        self.trainer, self.start, self.effort = trainer, start, effort
        self.clock, self.monitor, self.goal = clock, monitor, goal
        self.examples, self.seed = examples, seed
        self.batch_size = min(trainer.training.batch_size, examples)
        self.phases = [phase for phase in PHASES if phase in trainer.phases]
        calls = {phase: getattr(trainer, phase) for phase in self.phases}
        if "prepare" in calls:
            calls["prepare"] = lambda: trainer.prepare(next(self.rows))
        self.calls = list(calls.values())
        full = [
            rows
            for rows in batches(epoch_order(examples, seed, 0), self.batch_size)
            if len(rows) == self.batch_size
        ]
        self.rows: Iterator[Indices] = itertools.cycle(full)
        self.iterations = 1
        self._last: tuple[int, npt.NDArray[np.float64], Parameters] | None = None
        self._losses = np.zeros((0, 3))
        self.accuracies: list[float] = []

    def first_call(self) -> float:
        """Return seconds of the very first step, compilation included; call it before the gate."""
        return time_round(self.clock, self._step, 1).wall

    def subject(self) -> Subject:
        """Return what the check of the barrier needs: steps that nothing ends."""
        return Subject(
            step=lambda: self.trainer.step(next(self.rows)),
            synchronize=self.trainer.synchronize,
            fetch=self.trainer.parameters,
        )

    def warm_up(self) -> WarmUp:
        """Warm up, find out how many iterations make a round, and compile the epoch."""
        warm: list[float] = []
        probe = None
        if self.goal is None:
            warm = warm_up(self.clock, self._step, self.effort.warmup_seconds)
            self.iterations = calibrate(self.clock, self._step, self.effort.round_seconds)
            # A graph may compile its phases apart from the step.
            time_phases(self.clock, self.calls, self.trainer.synchronize, 1)
            probe = probe_seconds(self.clock, self.trainer.synchronize)
        # The first epoch may compile: with two whole batches and the shorter last one, or with all
        # examples where it is compiled for their number.
        self.reset()
        order = epoch_order(self.examples, self.seed, 0)
        if not self.trainer.whole_epochs:
            order = order[: 2 * self.batch_size + self.examples % self.batch_size]
        first_epoch = time_round(self.clock, lambda: self._epoch(order), 1).wall
        self.reset()
        self.trainer.learning_rate = self.trainer.training.learning_rate
        return WarmUp(tuple(warm), probe, first_epoch, len(order))

    def take_turn(self, kind: TurnKind, number: int) -> Turn:
        """Take one turn; ``number`` counts the turns of this cell and chooses the order."""
        if kind == "training":
            return self._train(number)
        with uncollected():
            # Steps that count nowhere, until the pools are awake and the caches warm.
            woken = spent = time_round(self.clock, self._step, 1).wall
            while spent < WAKE_SECONDS:
                spent += time_round(self.clock, self._step, 1).wall
            self.reset()
            if kind == "parts":
                return Turn(kind="parts", wake_seconds=woken, rounds=self._parts())
            epoch, busy = self._timed_epoch(epoch_order(self.examples, self.seed, number + 1))
        self._last = (number, self._losses, self.trainer.parameters())
        return Turn(kind="epoch", wake_seconds=woken, rounds=(epoch,), busy_threads=busy)

    def evidence(self) -> Evidence | None:
        """Return what the last timed epoch left behind; None before it, and for a training."""
        if self._last is None:
            return None
        number, losses, end = self._last
        return evidence(number, losses, self.start, end, self.seed)

    def reset(self) -> None:
        """Start weights, an empty memory and no updates."""
        self.trainer.load(self.start)
        self.trainer.synchronize()

    def _parts(self) -> tuple[TimedRound, ...]:
        """Return a round of the step, then one of all phases, each from the start weights."""
        step, _ = self._timed(STEP, self._step, self.iterations, self.batch_size)
        self.reset()
        self._step()
        apart = time_phases(self.clock, self.calls, self.trainer.synchronize, self.iterations)
        phases = [
            TimedRound(
                phase=phase,
                iterations=self.iterations,
                examples=self.batch_size,
                seconds=seconds,
            )
            for phase, seconds in zip(self.phases, apart, strict=True)
        ]
        return (step, *phases)

    def _train(self, number: int) -> Turn:
        """Return the next epoch of a training, then its accuracy on the test data."""
        if self.goal is None:
            raise ValueError(
                "a training needs a target accuracy and test examples in the assignment"
            )
        goal, trainer = self.goal, self.trainer
        # A step would train; a prediction wakes the pools and changes nothing.
        woken = time_round(
            self.clock, lambda: trainer.predict(goal.X_test[: self.batch_size]), 1
        ).wall
        with uncollected():
            epoch, busy = self._timed_epoch(epoch_order(self.examples, self.seed, number))
        trainer.learning_rate = decayed(trainer.learning_rate, trainer.training.decay, number)
        self.accuracies.append(accuracy(trainer, goal.X_test, goal.labels_test))
        held = held_since(self.accuracies, goal.target) is not None
        return Turn(
            kind="training",
            wake_seconds=woken,
            rounds=(epoch,),
            busy_threads=busy,
            accuracy=self.accuracies[-1],
            is_last=held or number + 1 >= goal.epochs,
        )

    def _timed_epoch(self, order: Indices) -> tuple[TimedRound, int | None]:
        """Return one epoch in the given order, and how many threads took part in it."""
        return self._timed(EPOCH, lambda: self._epoch(order), 1, self.examples)

    def _timed(
        self, phase: str, work: Callable[[], object], iterations: int, examples: int
    ) -> tuple[TimedRound, int | None]:
        """Return one round, with what else happened on the machine, and how many threads it had."""
        before = self.monitor.read()
        timing = time_round(self.clock, work, iterations)
        after = self.monitor.read()
        timed = TimedRound(
            phase=phase,
            iterations=iterations,
            examples=examples,
            seconds=timing.wall,
            cpu_seconds=timing.cpu,
            disturbance=self.monitor.between(before, after),
        )
        return timed, self.monitor.busy_threads(before, after)

    def _step(self) -> None:
        self.trainer.step(next(self.rows))
        self.trainer.synchronize()

    def _epoch(self, order: Indices) -> None:
        self._losses = self.trainer.epoch(order)
        self.trainer.synchronize()
