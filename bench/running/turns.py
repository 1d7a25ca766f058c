"""One batch size of a block: every worker prepares its cell, then all take turns."""

from __future__ import annotations

import functools
import itertools
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from bench.correctness import timed
from bench.documents.assignment import Arrays
from bench.documents.journal import CellLine, Journal, Stage, Sweep
from bench.documents.messages import Evidence
from bench.documents.results import Failed, Invalid, Measured, Outcome, Unverified
from bench.documents.rounds import Turn, TurnKind
from bench.documents.timings import EPOCH
from bench.measuring.clock import Clock
from bench.planning.plan import Job, Plan, turn_order
from bench.roofline import step_operations
from bench.running.neighbours import Neighbours
from bench.running.pacing import Pacer
from bench.running.worker_client import WorkerClient

MOST_OVER_PEAK = 5.0
"""Other code may multiply faster than the BLAS whose peak was measured, which may have chosen SSE
kernels (a quarter of AVX-512) or been told to; what skips work is off by more."""
PARTS_EVERY = 3
"""Every third sweep times the step and its phases, all others whole epochs."""


def times_parts(sweep: int) -> bool:
    """Return whether a sweep, counted from 0, times the step and its phases."""
    return sweep % PARTS_EVERY == 1


@dataclass(frozen=True)
class Progress:
    """Where a run is.

    A ``block`` starts or prepares its ``job``, or is ready for the sweeps at ``batch_size``
    (neither ``job`` nor ``sweep``), or has made ``sweep`` of them, or has finished it
    (``is_done``).  ``batch_size`` is None while workers start.  ``outcomes`` are cells that came to
    their end without a number.  ``epochs`` holds the seconds of the epochs of this batch size so
    far, by job and sweep.
    """

    block: int
    repetition: int
    job: Job | None = None
    batch_size: int | None = None
    sweep: int | None = None
    outcomes: tuple[Outcome, ...] = ()
    epochs: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    is_done: bool = False


@dataclass
class Turns:
    """Lets the workers of a block take turns at one batch size; ``arrays`` are what they train on.

    ``epochs`` holds the seconds of the epochs so far, by job and sweep.
    """

    plan: Plan
    workers: Sequence[WorkerClient]
    batch_size: int
    arrays: Arrays
    journal: Journal
    pacer: Pacer
    neighbours: Neighbours
    clock: Clock
    on_progress: Callable[[Progress], None]
    epochs: dict[int, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    references: dict[int, Evidence] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assignment = self.workers[0].assignment
        self.block, self.repetition = assignment.block, assignment.repetition
        self.progress = functools.partial(
            Progress,
            self.block,
            self.repetition,
            batch_size=self.batch_size,
            epochs=self.epochs,
        )

    def run(self) -> None:
        """Prepare all cells, sweep until it is enough, finish: one stage of the journal."""
        begun = self.clock.wall()
        for worker in self.workers:
            self.on_progress(self.progress(job=worker.job))
            outcome = worker.prepare_cell(self.batch_size)
            self._record(worker, outcome or worker.measured)
        prepared = self.clock.wall()
        self.on_progress(self.progress())
        for sweep in itertools.count():
            ready = [worker for worker in self.workers if worker.is_ready]
            if not ready:
                break
            self._sweep(sweep, ready)
            spent = self.clock.wall() - prepared
            if self.pacer.is_enough(self.epochs, sweep + 1, spent, prepared - begun):
                break
        self._finish([worker for worker in self.workers if worker.is_ready])
        jobs = tuple(worker.job.index for worker in self.workers if not worker.wants_to_be_alone)
        self.journal.add(
            Stage(
                block=self.block,
                repetition=self.repetition,
                batch_size=self.batch_size,
                jobs=jobs,
                seconds=self.clock.wall() - begun,
                prepared=prepared - begun,
            )
        )
        self.on_progress(self.progress(is_done=True))

    def _sweep(self, sweep: int, ready: Sequence[WorkerClient]) -> None:
        """Take one turn with every worker that is ready, in random order."""
        kind: TurnKind = "parts" if times_parts(sweep) else "epoch"
        if self.plan.target is not None:
            kind = "training"
        taken: list[tuple[int, Turn]] = []
        for place in turn_order(self.plan, self.block, self.batch_size, sweep, len(ready)):
            worker = ready[place]
            turn = self._turn(worker, kind, sweep)
            if not isinstance(turn, Turn):
                self._record(worker, turn)
                continue
            taken.append((worker.job.index, turn))
            for timed_round in turn.rounds:
                if timed_round.phase == EPOCH:
                    self.epochs[worker.job.index][sweep] = timed_round.seconds
            if turn.is_last:
                self._record(worker, worker.finish())
        self.journal.add(
            Sweep(block=self.block, batch_size=self.batch_size, sweep=sweep, turns=tuple(taken))
        )
        self.on_progress(self.progress(sweep=sweep + 1))

    def _turn(self, worker: WorkerClient, kind: TurnKind, sweep: int) -> Turn | Outcome:
        """Return one turn, with the processor time that waiting siblings took meanwhile."""
        siblings = [sibling for sibling in self.workers if sibling is not worker]
        with self.neighbours.busy(worker.job.setting):
            before = [sibling.cpu_seconds() for sibling in siblings]
            turn = worker.take_turn(kind, sweep)
            after = [sibling.cpu_seconds() for sibling in siblings]
        if not isinstance(turn, Turn):
            return turn
        # A sibling that has ended meanwhile has no processor time any more.
        seconds = sum(max(0.0, b - a) for a, b in zip(before, after, strict=True))
        rounds = [
            timed_round
            if timed_round.disturbance is None
            else replace(
                timed_round, disturbance=replace(timed_round.disturbance, siblings=seconds)
            )
            for timed_round in turn.rounds
        ]
        return replace(turn, rounds=tuple(rounds))

    def _finish(self, ready: Sequence[WorkerClient]) -> None:
        """End the cells that took turns; only now it is known how fast this machine multiplies."""
        outcomes = [worker.finish() for worker in ready]
        # The floor need not be in this block: it may have been measured in an earlier one.
        known = [line.outcome for line in self.journal.of(CellLine)] + outcomes
        peaks = {
            (outcome.cell.threads, outcome.cell.setting): outcome.peaks.gemm
            for outcome in known
            if isinstance(outcome, Measured) and outcome.peaks is not None
        }
        for worker, outcome in zip(ready, outcomes, strict=True):
            peak = peaks.get((worker.job.threads, worker.job.setting))
            self._record(worker, self._checked(worker, outcome, peak))

    def _checked(self, worker: WorkerClient, outcome: Outcome, peak: float | None) -> Outcome:
        """Return ``outcome``, unless its epochs were not the training that the gate proved.

        Nor may they be too short for the products that they stand for.  ``peak`` is the best rate
        of a matrix product here, in operations per second, or None where no floor was measured.
        """
        if not isinstance(outcome, Measured):
            return outcome
        cell, declared = outcome.cell, outcome.process.declared
        reason = self._contradiction(worker)
        if reason:
            gate = outcome.gate
            return Invalid(cell=cell, block=self.block, reason=reason, gate=gate, declared=declared)
        network, seconds = self.plan.network, self.epochs[worker.job.index].values()
        # Rows that skip zeros do less, and so may convolutions by another transform.
        is_modelled = worker.row.role == "trainer" and worker.row.device == "cpu"
        is_modelled &= not worker.row.sparse and not network.convolutions
        if peak is None or not is_modelled or not seconds:
            return outcome
        rate = step_operations(network, self.plan.examples) / statistics.median(seconds)
        if rate <= MOST_OVER_PEAK * peak:
            return outcome
        reason = (
            f"{rate / 1e9:,.0f} GFLOP/s in its epochs, and this machine reaches "
            f"{peak / 1e9:,.0f} GFLOP/s in its best product: it cannot have computed them"
        )
        return Unverified(cell=cell, block=self.block, reason=reason, declared=declared)

    def _contradiction(self, worker: WorkerClient) -> str:
        """Return how the last timed epoch differs from that of the reference, if it does."""
        evidence = worker.evidence
        if evidence is None:
            return ""
        if evidence.number not in self.references:
            self.references[evidence.number] = timed.expected(
                self.plan.network,
                self.plan.training(self.batch_size),
                self.arrays.X,
                self.arrays.Y,
                number=evidence.number,
                seed=self.plan.seed,
            )
        return timed.contradiction(evidence, self.references[evidence.number])

    def _record(self, worker: WorkerClient, outcome: Outcome | None) -> None:
        """Write down what a cell came to, unless it is to be tried again in a separate block."""
        if outcome is None:
            raise ValueError("a cell that is neither ready nor ended")
        if isinstance(outcome, Failed) and worker.is_out_of_memory:
            siblings = [sibling for sibling in self.workers if sibling is not worker]
            devices = {sibling.row.device for sibling in siblings if sibling.process is not None}
            if worker.row.device in devices:
                worker.wants_to_be_alone = True
                return
        self.journal.add(CellLine(job=worker.job.index, block=self.block, outcome=outcome))
        if not isinstance(outcome, Measured):
            self.on_progress(self.progress(job=worker.job, outcomes=(outcome,)))
