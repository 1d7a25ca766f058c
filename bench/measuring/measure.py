"""Time one cell: the undisturbed step, the phases inside a step, and the whole epoch.

Start weights are put back before every round, so that all rounds see the same early training and
not the saturated network that thousands of repetitions would leave.  Rounds of the step and of
the phases alternate in random order.  Batches come from a shuffled epoch, one after another, so
that a step finds its examples where training would find them: in memory, not in the cache.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.documents.timings import EPOCH, STEP, Disturbance, Learning, Timing
from bench.measuring.barrier import Subject
from bench.measuring.disturbance import Monitor
from bench.measuring.phases import probe_seconds, time_phases
from bench.measuring.timing import (
    Clock,
    Round,
    calibrate,
    time_round,
    timing_of,
    uncollected,
    warm_up,
)
from bench.planning.plan import Effort
from impls.contract import PHASES, Trainer
from impls.parameters import Parameters, Rows, batches, epoch_order


@dataclass(frozen=True)
class FirstEpoch:
    """The first call of the epoch, which may compile it: its seconds, and how many examples."""

    seconds: float
    examples: int


@dataclass(frozen=True)
class Measurement:
    """What the clock said of one cell in this process; durations in seconds.

    ``first_epoch`` is in none of the ``timings``.  ``probe_seconds`` is what one clock reading
    between two phases costs; None where no phases were timed.  ``learning`` is how accuracy grew,
    where that was asked for.
    """

    first_epoch: FirstEpoch
    warmup_seconds: tuple[float, ...]
    timings: tuple[Timing, ...]
    threads_observed: float
    threads_busy: int | None
    probe_seconds: float | None
    learning: Learning | None = None


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
    ) -> None:
        self.trainer, self.start, self.effort = trainer, start, effort
        self.clock, self.monitor = clock, monitor
        self.examples, self.seed = examples, seed
        self.batch_size = min(trainer.training.batch_size, examples)
        self.phases = [phase for phase in PHASES if phase in trainer.phases]
        self.calls = [self._gather if p == "prepare" else getattr(trainer, p) for p in self.phases]
        full = [
            rows
            for rows in batches(epoch_order(examples, seed, 0), self.batch_size)
            if len(rows) == self.batch_size
        ]
        self.rows: Iterator[Rows] = itertools.cycle(full)
        self.random = random.Random(seed)

    def first_call(self) -> float:
        """Seconds of the very first step, compilation included; call it before the gate."""
        return time_round(self.clock, self._step, 1).wall

    def subject(self) -> Subject:
        """What the check of the barrier needs: steps that nothing ends."""
        return Subject(
            step=lambda: self.trainer.step(next(self.rows)),
            synchronize=self.trainer.synchronize,
            fetch=self.trainer.parameters,
        )

    def measure(self) -> Measurement:
        """Warm-up, rounds of step and phases, then epochs."""
        warm = warm_up(self.clock, self._step, self.effort.warmup_seconds)
        timings = self._steps_and_phases()
        probe = probe_seconds(self.clock, self.trainer.synchronize)
        first = self.first_epoch()
        before = self.monitor.read()
        epochs, disturbances = self._epochs()
        busy = self.monitor.busy_threads(before, self.monitor.read())
        timings.append(timing_of(EPOCH, 1, self.examples, epochs, disturbances))
        return Measurement(
            first_epoch=first,
            warmup_seconds=tuple(warm),
            timings=tuple(timings),
            threads_observed=sum(r.cpu for r in epochs) / sum(r.wall for r in epochs),
            threads_busy=busy,
            probe_seconds=probe,
        )

    def _step(self) -> None:
        self.trainer.step(next(self.rows))
        self.trainer.synchronize()

    def _gather(self) -> None:
        self.trainer.prepare(next(self.rows))

    def _steps_and_phases(self) -> list[Timing]:
        iterations = calibrate(self.clock, self._step, self.effort.round_seconds)
        # A graph may compile its phases apart from the step.
        self._time_phases(1)
        steps: list[tuple[Round, Disturbance]] = []
        apart: list[list[Round]] = []
        begun = self.clock.wall()
        while self._another(len(steps), self.effort.rounds, begun):
            turns = [STEP, "phases"]
            self.random.shuffle(turns)
            for turn in turns:
                with uncollected():
                    self.reset()
                    # Not counted: it finds the caches as the reset left them.
                    self._step()
                    if turn == STEP:
                        steps.append(self.watched(self._step, iterations))
                    else:
                        apart.append(self._time_phases(iterations))
        rounds, disturbances = zip(*steps, strict=True)
        return [
            timing_of(STEP, iterations, self.batch_size, rounds, disturbances),
            *(
                timing_of(phase, iterations, self.batch_size, [row[index] for row in apart])
                for index, phase in enumerate(self.phases)
            ),
        ]

    def _time_phases(self, iterations: int) -> list[Round]:
        """Seconds per iteration of each phase."""
        seconds = time_phases(self.clock, self.calls, self.trainer.synchronize, iterations)
        return [Round(one, 0.0) for one in seconds]

    def watched(self, work: Callable[[], object], iterations: int) -> tuple[Round, Disturbance]:
        """One round, and what else happened on the machine while it ran."""
        before = self.monitor.read()
        found = time_round(self.clock, work, iterations)
        return found, self.monitor.between(before, self.monitor.read())

    def first_epoch(self) -> FirstEpoch:
        """Call the epoch once, so that what it compiles is in no round; :meth:`reset` comes after.

        With two whole batches and the shorter last one, or with all examples where it is compiled
        for their number.
        """
        self.reset()
        order = epoch_order(self.examples, self.seed, 0)
        if not self.trainer.whole_epochs:
            order = order[: 2 * self.batch_size + self.examples % self.batch_size]
        seconds = time_round(self.clock, lambda: self._epoch(order), 1).wall
        return FirstEpoch(seconds, len(order))

    def timed_epoch(self, order: Rows) -> tuple[Round, Disturbance]:
        """One round: an epoch in the given order, from wherever the trainer stands."""
        return self.watched(lambda: self._epoch(order), 1)

    def _epoch(self, order: Rows) -> None:
        self.trainer.epoch(order)
        self.trainer.synchronize()

    def _epochs(self) -> tuple[tuple[Round, ...], tuple[Disturbance, ...]]:
        """Whole epochs from the start weights, each in an order of its own."""
        watched: list[tuple[Round, Disturbance]] = []
        begun = self.clock.wall()
        while self._another(len(watched), self.effort.epoch_rounds, begun):
            order = epoch_order(self.examples, self.seed, len(watched) + 1)
            with uncollected():
                self.reset()
                watched.append(self.timed_epoch(order))
        rounds, disturbances = zip(*watched, strict=True)
        return rounds, disturbances

    def _another(self, done: int, most: int, begun: float) -> bool:
        """Whether the effort grants another round; blind to what the rounds so far showed.

        One round always: the blocks repeat it, and a slow epoch is long enough to be one.
        """
        if done < 1:
            return True
        return done < most and self.clock.wall() - begun < self.effort.cell_seconds

    def reset(self) -> None:
        """Start weights, an empty memory and no updates."""
        self.trainer.load(self.start)
        self.trainer.synchronize()
