"""Time one cell: the undisturbed step, the phases inside a step, and the whole epoch.

Start weights are put back before every round, so that all rounds see the same early training and
not the saturated network that thousands of repetitions would leave.  Rounds of the step and of
the phases alternate in random order.  Batches come from a shuffled epoch, one after another, so
that a step finds its examples where training would find them: in memory, not in the cache.
"""

from __future__ import annotations

import gc
import itertools
import random
import resource
from collections.abc import Iterator
from dataclasses import dataclass

from bench.plan import Effort
from bench.results import EPOCH, STEP, Timing
from bench.timing import Clock, Round, calibrate, time_round, timing_of, warm_up
from impls.contract import PHASES, Trainer
from impls.parameters import Parameters, Rows, batches, epoch_order


@dataclass(frozen=True)
class Measurement:
    """What the clock said of one cell in this process; durations in seconds."""

    warmup_seconds: tuple[float, ...]
    timings: tuple[Timing, ...]
    threads_observed: float
    peak_memory_bytes: int


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
    ) -> None:
        self.trainer, self.start, self.effort, self.clock = trainer, start, effort, clock
        self.examples, self.seed = examples, seed
        self.batch_size = min(trainer.training.batch_size, examples)
        self.phases = [phase for phase in PHASES if phase in trainer.phases]
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

    def measure(self) -> Measurement:
        """Warm-up, rounds of step and phases, then epochs."""
        try:
            return self._measure()
        finally:
            gc.enable()

    def _measure(self) -> Measurement:
        warm = warm_up(self.clock, self._step, self.effort.warmup_seconds)
        timings = self._steps_and_phases()
        epochs = self._epochs()
        timings.append(timing_of(EPOCH, 1, self.examples, epochs))
        return Measurement(
            warmup_seconds=tuple(warm),
            timings=tuple(timings),
            threads_observed=sum(r.cpu for r in epochs) / sum(r.wall for r in epochs),
            peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        )

    def _step(self) -> None:
        self.trainer.step(next(self.rows))
        self.trainer.synchronize()

    def _steps_and_phases(self) -> list[Timing]:
        iterations = calibrate(self.clock, self._step, self.effort.round_seconds)
        # A graph may compile its phases apart from the step.
        self._time_phases(1)
        steps: list[Round] = []
        apart: list[list[Round]] = []
        begun = self.clock.wall()
        while self._another(len(steps), self.effort.rounds, begun):
            turns = [STEP, "phases"]
            self.random.shuffle(turns)
            for turn in turns:
                self._reset()
                if turn == STEP:
                    steps.append(time_round(self.clock, self._step, iterations))
                else:
                    apart.append(self._time_phases(iterations))
        return [
            timing_of(STEP, iterations, self.batch_size, steps),
            *(
                timing_of(phase, iterations, self.batch_size, [row[index] for row in apart])
                for index, phase in enumerate(self.phases)
            ),
        ]

    def _time_phases(self, iterations: int) -> list[Round]:
        """Seconds per iteration of each phase, with one clock reading between two phases.

        Each phase then runs right after the one before it, on what that one left in the cache,
        and the phases add up to the step that they disturb.
        """
        self._step()
        trainer, wall = self.trainer, self.clock.wall
        calls = [getattr(trainer, phase) for phase in self.phases]
        totals = [0.0] * len(calls)
        gathers = bool(self.phases) and self.phases[0] == "prepare"
        for _ in range(iterations):
            before = wall()
            for index, call in enumerate(calls):
                if index == 0 and gathers:
                    call(next(self.rows))
                else:
                    call()
                trainer.synchronize()
                after = wall()
                totals[index] += after - before
                before = after
        return [Round(total / iterations, 0.0) for total in totals]

    def _epochs(self) -> list[Round]:
        """Whole epochs, each in an order of its own, after the start of one that is not counted."""
        self._reset()
        few = 2 * self.batch_size + self.examples % self.batch_size
        self.trainer.epoch(epoch_order(self.examples, self.seed, 0)[:few])
        rounds: list[Round] = []
        begun = self.clock.wall()
        while self._another(len(rounds), self.effort.epoch_rounds, begun):
            order = epoch_order(self.examples, self.seed, len(rounds) + 1)

            def work(order: Rows = order) -> None:
                self.trainer.epoch(order)
                self.trainer.synchronize()

            self._reset()
            rounds.append(time_round(self.clock, work, 1))
        return rounds

    def _another(self, done: int, most: int, begun: float) -> bool:
        """Whether the effort grants another round; blind to what the rounds so far showed.

        One round always: the blocks repeat it, and a slow epoch is long enough to be one.
        """
        if done < 1:
            return True
        return done < most and self.clock.wall() - begun < self.effort.cell_seconds

    def _reset(self) -> None:
        """Start weights, and no garbage collection until the round is over."""
        gc.enable()
        gc.collect()
        gc.disable()
        self.trainer.load(self.start)
        self.trainer.synchronize()
