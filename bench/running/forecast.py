"""How long a run will take: first from typical costs, then from what its own workers needed.

Before the first worker has started, each implementation costs what its library typically costs; the
floor, timed here for a moment, says how fast this machine is.  Every start, preparation and sweep
that has been seen replaces its guess.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.correctness import gate
from bench.measuring.timing import Clock, calibrate, time_round
from bench.planning.plan import Effort, Job, Plan, jobs
from bench.running.pacing import FEWEST_SWEEPS
from bench.running.turns import PARTS_EVERY, Progress, times_parts
from impls.networks import Training
from impls.numpy.floor import Trainer as Floor
from impls.parameters import Floats, batches, epoch_order, start_parameters
from impls.row import Row

_SLICES = 8
_TURN_SECONDS = 0.02
"""What a turn takes beside its rounds."""


@dataclass(frozen=True)
class Costs:
    """What a library typically costs.

    ``start`` is importing it, in seconds; ``prepare`` what it compiles for a batch size; an epoch
    takes ``floors`` times the floor and ``step`` seconds for each batch.
    """

    start: float
    prepare: float
    floors: float
    step: float


TYPICAL: Mapping[str, Costs] = {
    "tensorflow": Costs(start=3.5, prepare=1.5, floors=1.6, step=1e-4),
    "torch": Costs(start=1.5, prepare=0.2, floors=1.5, step=1e-4),
    "jax": Costs(start=1.2, prepare=3.5, floors=1.7, step=3e-5),
    "numba": Costs(start=1.0, prepare=0.3, floors=1.2, step=1e-5),
    "": Costs(start=0.7, prepare=0.2, floors=2.5, step=1e-4),
}
"""By the first of these packages that a row requires; the last one is NumPy alone."""
BASELINE_FLOORS = 9.0
"""Time of the baseline over that of the floor."""
REFERENCE_FLOORS = 40.0
"""Time of the gate's reference, exact and disturbed, over that of the floor."""
BARRIER_SECONDS = 0.1
"""Checking that nothing runs on after a step."""


def floor_epochs(plan: Plan, data: tuple[Floats, Floats], clock: Clock) -> dict[int, float]:
    """Return the seconds that the matrix products of an epoch take here and now, by batch size."""
    return {
        training.batch_size: float(np.median(_floor_slices(plan, training, data, clock)))
        for training in plan.trainings
    }


class Forecast:
    """Expects the seconds that a run still takes; :meth:`note` everything that it says."""

    def __init__(
        self, plan: Plan, rows: Sequence[Row], floors: Mapping[int, float], clock: Clock
    ) -> None:
        self.plan, self.floors, self.clock = plan, floors, clock
        self.rows = {row.name: row for row in rows}
        self.jobs = [job for job in jobs(plan) if job.implementation in self.rows]
        self.starts: dict[int, list[float]] = defaultdict(list)
        self.preparations: dict[tuple[int, int], list[float]] = defaultdict(list)
        self.sweeps: dict[int, dict[bool, list[float]]] = defaultdict(lambda: {False: [], True: []})
        self.stages: dict[int, list[float]] = defaultdict(list)
        self.done: set[tuple[int, int]] = set()
        self.last: Progress | None = None
        self.began = self.since = clock.wall()
        self.turns_since = self.since

    def note(self, progress: Progress) -> None:
        """Take note of what has just begun, or ended."""
        now = self.clock.wall()
        last, passed = self.last, now - self.since
        if last is not None and not last.outcomes:
            if last.job is not None and last.batch_size is None:
                self.starts[last.job.index].append(passed)
            elif last.job is not None and last.batch_size is not None:
                self.preparations[last.job.index, last.batch_size].append(passed)
                self.turns_since = now if progress.job is None else self.turns_since
        if progress.sweep is not None and progress.batch_size is not None:
            self.sweeps[progress.batch_size][times_parts(progress.sweep - 1)].append(passed)
        if progress.is_end and progress.batch_size is not None:
            self.stages[progress.batch_size].append(now - self.turns_since)
            self.done.add((progress.repetition, progress.batch_size))
        if not progress.outcomes:
            self.last, self.since = progress, now

    def total(self, effort: Effort | None = None) -> float:
        """Return the seconds that the whole run takes."""
        effort = effort or self.plan.effort
        once = sum(self._reference(training.batch_size) for training in self.plan.trainings)
        one = sum(map(self._start, self.jobs)) + sum(
            self._stage(training.batch_size, effort) for training in self.plan.trainings
        )
        return once + effort.blocks * one

    def left(self) -> float:
        """Return the seconds that are left from now on."""
        last = self.last
        if last is None:
            return self.total()
        blocks = range(last.repetition, self.plan.effort.blocks)
        stages = [
            self._stage(training.batch_size, self.plan.effort)
            for block in blocks
            for training in self.plan.trainings
            if (block, training.batch_size) not in self.done
        ]
        prepared = {size for _, size in self.preparations}
        once = sum(
            self._reference(training.batch_size)
            for training in self.plan.trainings
            if training.batch_size not in prepared
        )
        starts = sum(map(self._start, self.jobs)) * (len(blocks) - 1)
        begun = {index for index, starts in self.starts.items() if len(starts) > last.repetition}
        if last.batch_size is None:
            starts += sum(self._start(job) for job in self.jobs if job.index not in begun)
        spent = self._spent_here(last)
        since = self.clock.wall() - self.since
        return max(0.0, sum(stages) + starts + once - spent - since)

    def _spent_here(self, last: Progress) -> float:
        """Return what has been spent already of the batch size in hand."""
        if last.batch_size is None or last.is_end:
            return 0.0
        prepared = sum(
            seconds[last.repetition]
            for (_, size), seconds in self.preparations.items()
            if size == last.batch_size and len(seconds) > last.repetition
        )
        return prepared + (self.since - self.turns_since if last.sweep is not None else 0.0)

    def _start(self, job: Job) -> float:
        """Return the seconds until a worker has started."""
        seen = self.starts.get(job.index) or [
            one
            for other in self.jobs
            if other.implementation == job.implementation
            for one in self.starts.get(other.index, ())
        ]
        return statistics.mean(seen) if seen else self._costs(job).start

    def _stage(self, size: int, effort: Effort) -> float:
        """Return the seconds of preparation and turns at one batch size of one block."""
        return sum(self._preparation(job, size) for job in self.jobs) + self._turns(size, effort)

    def _preparation(self, job: Job, size: int) -> float:
        seen = self.preparations.get((job.index, size))
        if seen:
            return statistics.mean(seen)
        similar = [
            one
            for other in self.jobs
            if other.implementation == job.implementation
            for one in self.preparations.get((other.index, size), ())
        ]
        if similar:
            return statistics.mean(similar)
        # Where a guess was wrong at one batch size, it is as wrong at another one.
        wrong = [
            one / self._guessed_preparation(job, known)
            for (index, known), seconds in self.preparations.items()
            for one in seconds
            if index == job.index
        ]
        return self._guessed_preparation(job, size) * (statistics.mean(wrong) if wrong else 1.0)

    def _guessed_preparation(self, job: Job, size: int) -> float:
        """Seconds of a preparation as long as nothing has been seen: compile, gate, warm up."""
        _, examples = gate.examples_trained(size, self.plan.examples)
        proving = self._epoch(job, size) * examples / self.plan.examples
        effort = self.plan.effort
        return self._costs(job).prepare + proving + BARRIER_SECONDS + effort.warmup_seconds

    def _reference(self, size: int) -> float:
        """Return the seconds that the first worker takes to compute what all are compared with."""
        examples, _ = gate.examples_trained(size, self.plan.examples)
        return REFERENCE_FLOORS * self.floors.get(size, 0.1) * examples / self.plan.examples

    def _turns(self, size: int, effort: Effort) -> float:
        if self.stages.get(size):
            return statistics.mean(self.stages[size])
        if self.plan.target is not None:
            # At worst no accuracy is held before the last epoch.
            epochs = max(training.epochs for training in self.plan.trainings)
            return epochs * sum(self._epoch(job, size) for job in self.jobs)
        known = [one for one, by_kind in self.sweeps.items() if by_kind[False]]
        if size in known:
            sweep = self._seen_sweep(size, effort)
        else:
            wrong = [
                self._seen_sweep(one, effort) / self._guessed_sweep(one, effort) for one in known
            ]
            sweep = self._guessed_sweep(size, effort) * (statistics.mean(wrong) if wrong else 1.0)
        allowed = len(self.jobs) * effort.cell_seconds
        return min(effort.sweeps * sweep, max(allowed + sweep / 2, FEWEST_SWEEPS * sweep))

    def _seen_sweep(self, size: int, effort: Effort) -> float:
        """Seconds of a sweep, by those of this batch size; every third one times no epoch."""
        whole = statistics.mean(self.sweeps[size][False])
        seen = self.sweeps[size][True]
        parts = statistics.mean(seen) if seen else self._guessed_parts(effort)
        share = sum(map(times_parts, range(effort.sweeps))) / effort.sweeps
        return share * parts + (1 - share) * whole

    def _guessed_sweep(self, size: int, effort: Effort) -> float:
        """Return the seconds of a sweep as long as nothing has been seen."""
        whole = sum(self._epoch(job, size) + _TURN_SECONDS for job in self.jobs)
        return self._guessed_parts(effort) / PARTS_EVERY + (1 - 1 / PARTS_EVERY) * whole

    def _guessed_parts(self, effort: Effort) -> float:
        """Return the seconds of a sweep that times the step and its phases."""
        return len(self.jobs) * (2.5 * effort.round_seconds + _TURN_SECONDS)

    def _epoch(self, job: Job, size: int) -> float:
        costs = self._costs(job)
        floor = self.floors.get(size, 0.1)
        floors = BASELINE_FLOORS if self.rows[job.implementation].rung == 0 else costs.floors
        return floors * floor + costs.step * self.plan.examples / size

    def _costs(self, job: Job) -> Costs:
        requires = self.rows[job.implementation].requires
        return next((TYPICAL[one] for one in TYPICAL if one in requires), TYPICAL[""])


def _floor_slices(
    plan: Plan, training: Training, data: tuple[Floats, Floats], clock: Clock
) -> list[float]:
    """Seconds that an epoch's matrix products would take, from several groups of a few steps."""
    floor = Floor(plan.network, training, start_parameters(plan.network, training, plan.seed))
    floor.bind(*data)
    rows = next(batches(epoch_order(plan.examples, plan.seed, 0), training.batch_size))

    def step() -> None:
        floor.step(rows)

    iterations = calibrate(clock, step, 0.01)
    steps = plan.examples / training.batch_size
    return [time_round(clock, step, iterations).wall * steps for _ in range(_SLICES)]
