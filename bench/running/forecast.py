"""How long a run will take: first from typical costs, then from what its own workers needed.

Before the first worker has started, each implementation costs what its library typically costs; the
floor, timed here for a moment, says how fast this machine is.  Every start, preparation and sweep
that has been seen replaces its guess.
"""

from __future__ import annotations

import functools
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.correctness import gate
from bench.measuring.clock import Clock, calibrate, time_round
from bench.planning.plan import Effort, Job, Plan, jobs
from bench.running.pacing import FEWEST_SWEEPS
from bench.running.turns import PARTS_EVERY, Progress, times_parts
from impls.numpy.floor import Trainer as Floor
from impls.parameters import Floats, batches, epoch_order, start_parameters
from impls.row import Row

_GROUPS = 8
_TURN_SECONDS = 0.02
"""What a turn takes beside its rounds."""


@dataclass(frozen=True)
class Costs:
    """What a library typically costs.

    ``start`` is importing it, in seconds; ``compiling`` the code for a batch size; an epoch
    takes ``floors`` times the floor and ``step`` seconds for each batch.
    """

    start: float
    compiling: float
    floors: float
    step: float


TYPICAL: Mapping[str, Costs] = {
    "tensorflow": Costs(start=3.5, compiling=1.5, floors=1.6, step=1e-4),
    "torch": Costs(start=1.5, compiling=0.2, floors=1.5, step=1e-4),
    "jax": Costs(start=1.2, compiling=3.5, floors=1.7, step=3e-5),
    "numba": Costs(start=1.0, compiling=0.3, floors=1.2, step=1e-5),
    "": Costs(start=0.7, compiling=0.2, floors=2.5, step=1e-4),
}
"""By the first of these packages that a row requires; the last one is NumPy alone."""
BASELINE_FLOORS = 9.0
"""Time of the baseline over that of the floor."""
REFERENCE_FLOORS = 40.0
"""Time of the gate's reference, exact and perturbed, over that of the floor."""
BARRIER_SECONDS = 0.1
"""Checking that nothing runs on after a step."""


def floor_epochs(plan: Plan, data: tuple[Floats, Floats], clock: Clock) -> dict[int, float]:
    """Return the seconds that the matrix products of an epoch take here and now, by batch size."""
    seconds = {}
    for training in plan.trainings:
        floor = Floor(plan.network, training, start_parameters(plan.network, training, plan.seed))
        floor.bind(*data)
        rows = next(batches(epoch_order(plan.examples, plan.seed, 0), training.batch_size))
        step = functools.partial(floor.step, rows)
        iterations = calibrate(clock, step, 0.01)
        # Several groups of a few steps, whose median no single disturbance moves.
        groups = [time_round(clock, step, iterations).wall for _ in range(_GROUPS)]
        seconds[training.batch_size] = statistics.median(groups) * plan.examples / len(rows)
    return seconds


class Forecast:
    """Predicts the seconds that a run still takes from what :meth:`note` was given of it.

    ``floors`` are those of :func:`floor_epochs`.  Seconds seen so far are kept by job (``starts``),
    by batch size and job (``preparations``), by batch size and whether parts are timed
    (``sweeps``), and by batch size (``stages``: all turns of a block).
    """

    def __init__(
        self, plan: Plan, rows: Sequence[Row], floors: Mapping[int, float], clock: Clock
    ) -> None:
        self.plan, self.floors, self.clock = plan, floors, clock
        self.sizes = [training.batch_size for training in plan.trainings]
        self.rows = {row.name: row for row in rows}
        self.jobs = [job for job in jobs(plan) if job.implementation in self.rows]
        self.starts: dict[int, list[float]] = defaultdict(list)
        self.preparations: dict[int, dict[int, list[float]]] = {
            size: defaultdict(list) for size in self.sizes
        }
        self.sweeps: dict[tuple[int, bool], list[float]] = defaultdict(list)
        self.stages: dict[int, list[float]] = defaultdict(list)
        self.done: set[tuple[int, int]] = set()
        self.last: Progress | None = None
        self.began = self.since = self.turns_since = clock.wall()

    def note(self, progress: Progress) -> None:
        """Take note of what has just begun, or ended."""
        now = self.clock.wall()
        passed = now - self.since
        last, size = self.last, progress.batch_size
        if last is not None and last.job is not None:
            if last.batch_size is None:
                self.starts[last.job.index].append(passed)
            else:
                self.preparations[last.batch_size][last.job.index].append(passed)
                self.turns_since = now if progress.job is None else self.turns_since
        if size is not None and progress.sweep is not None:
            self.sweeps[size, times_parts(progress.sweep - 1)].append(passed)
        if size is not None and progress.is_done:
            self.stages[size].append(now - self.turns_since)
            self.done.add((progress.repetition, size))
        if not progress.outcomes:
            self.last, self.since = progress, now

    def total(self, effort: Effort | None = None) -> float:
        """Return the seconds that the whole run takes, by default with the effort of the plan."""
        effort = effort or self.plan.effort
        stages = sum(self._stage(size, effort) for size in self.sizes)
        repetition = sum(map(self._start, self.jobs)) + stages
        return sum(map(self._reference, self.sizes)) + effort.blocks * repetition

    def left(self) -> float:
        """Return the seconds that are left from now on."""
        last = self.last
        if last is None:
            return self.total()
        repetitions = range(last.repetition, self.plan.effort.blocks)
        seconds = sum(
            self._stage(size, self.plan.effort)
            for repetition in repetitions
            for size in self.sizes
            if (repetition, size) not in self.done
        )
        seconds += sum(self._reference(size) for size in self.sizes if not self.preparations[size])
        seconds += sum(map(self._start, self.jobs)) * (len(repetitions) - 1)
        if last.batch_size is None:
            seconds += sum(
                self._start(job)
                for job in self.jobs
                if len(self.starts.get(job.index, ())) <= last.repetition
            )
        elif not last.is_done:
            # What has been spent already of the batch size in hand.
            seconds -= sum(
                prepared[last.repetition]
                for prepared in self.preparations[last.batch_size].values()
                if len(prepared) > last.repetition
            )
            seconds -= self.since - self.turns_since if last.sweep is not None else 0.0
        return max(0.0, seconds - (self.clock.wall() - self.since))

    def _start(self, job: Job) -> float:
        """Return the seconds until a worker has started."""
        return statistics.mean(self._seen(self.starts, job) or [self._costs(job).start])

    def _stage(self, size: int, effort: Effort) -> float:
        """Return the seconds of preparation and turns at one batch size of one block."""
        return sum(self._preparation(job, size) for job in self.jobs) + self._turns(size, effort)

    def _preparation(self, job: Job, size: int) -> float:
        seen = self._seen(self.preparations[size], job)
        if seen:
            return statistics.mean(seen)
        # Where a guess was wrong at one batch size, it is as wrong at another one.
        wrong = [
            seconds / self._guessed_preparation(job, known)
            for known, by_job in self.preparations.items()
            for seconds in by_job.get(job.index, ())
        ]
        return self._guessed_preparation(job, size) * statistics.mean(wrong or [1.0])

    def _seen(self, seconds: Mapping[int, list[float]], job: Job) -> list[float]:
        """Return the seconds seen of ``job``, else of other jobs of its implementation."""
        similar: list[float] = []
        for other in self.jobs:
            if other.implementation == job.implementation:
                similar += seconds.get(other.index, ())
        return seconds.get(job.index) or similar

    def _guessed_preparation(self, job: Job, size: int) -> float:
        """Return the seconds of a preparation before any was seen: compile, gate, warm up."""
        _, examples = gate.examples_trained(size, self.plan.examples)
        proving = self._epoch(job, size) * examples / self.plan.examples
        effort = self.plan.effort
        return self._costs(job).compiling + proving + BARRIER_SECONDS + effort.warmup_seconds

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
        known = [other for other in self.sizes if (other, False) in self.sweeps]
        if size in known:
            sweep = self._seen_sweep(size, effort)
        else:
            wrong = [
                self._seen_sweep(other, effort) / self._guessed_sweep(other, effort)
                for other in known
            ]
            sweep = self._guessed_sweep(size, effort) * statistics.mean(wrong or [1.0])
        allowed = len(self.jobs) * effort.cell_seconds
        return min(effort.sweeps * sweep, max(allowed + sweep / 2, FEWEST_SWEEPS * sweep))

    def _seen_sweep(self, size: int, effort: Effort) -> float:
        """Return the seconds of a sweep of this batch size; every third one times no epoch."""
        whole = statistics.mean(self.sweeps[size, False])
        parts = statistics.mean(self.sweeps.get((size, True)) or [self._guessed_parts(effort)])
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
        floors = BASELINE_FLOORS if self.rows[job.implementation].rung == 0 else costs.floors
        return floors * self.floors.get(size, 0.1) + costs.step * self.plan.examples / size

    def _costs(self, job: Job) -> Costs:
        requires = self.rows[job.implementation].requires
        return next((TYPICAL[name] for name in TYPICAL if name in requires), TYPICAL[""])
