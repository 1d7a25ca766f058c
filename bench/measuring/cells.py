"""What a worker does with one cell: prove it right, get it ready, take turns, look back."""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import msgspec

from bench.correctness import gate
from bench.documents.assignment import Arrays, Assignment
from bench.documents.results import Invalid, Measured, Outcome, Unavailable, Unverified
from bench.documents.rounds import Turn, TurnKind
from bench.documents.timings import Check, Learning, Memory, Peaks
from bench.measuring import barrier, memory, peaks
from bench.measuring.cell_timer import CellTimer, Goal
from bench.measuring.disturbance import Monitor
from bench.measuring.timing import Clock, time_round
from bench.planning import affinity
from bench.planning.plan import Cell, Plan
from bench.planning.variables import recorded
from bench.provenance import machine, threads
from bench.provenance.accelerator import Device
from bench.provenance.records import Accelerator, AcceleratorReading, Process
from impls.contract import Trainer
from impls.errors import ImplementationError
from impls.networks import Training
from impls.parameters import epoch_order, read_only, start_parameters
from impls.row import Row


def describe_process(row: Row, trainer_class: type[Trainer], import_seconds: float) -> Process:
    """Return what must be known of this process to believe its numbers."""
    source = inspect.getsourcefile(trainer_class)
    digest = hashlib.sha256(Path(source).read_bytes()).hexdigest() if source else ""
    return Process(
        started_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        import_seconds=import_seconds,
        pools=threads.reported_pools(trainer_class.pools()),
        affinity=machine.usable_cpus(),
        cpus=machine.cpu_list(),
        quota_cpus=machine.quota_cpus(),
        versions=machine.package_versions(("numpy", *row.requires)),
        environment=recorded(os.environ),
        source_hash=digest,
        declared=declared_by(trainer_class),
    )


def declared_by(trainer_class: type[Trainer]) -> dict[str, str]:
    """Return what an implementation declares.

    Raises:
        ImplementationError: it is something else than text by name.
    """
    declared: object = trainer_class.declared()
    is_text = isinstance(declared, dict) and all(
        isinstance(one, str) for one in chain(*declared.items())
    )
    if not isinstance(declared, dict) or not is_text:
        raise ImplementationError(
            f"declared of {trainer_class.__module__}.{trainer_class.__qualname__} returned "
            f"{declared!r}, and names and values must be text"
        )
    return declared


def limits_of(assignment: Assignment, clock: Clock) -> Peaks | None:
    """For the floor: what the machine can do at best, with the threads of this very process."""
    if not assignment.row.is_floor or assignment.row.device != "cpu":
        return None
    workers = assignment.job.threads or machine.usable_cpus()
    return peaks.measure(clock, assignment.plan.network.dtype, workers)


@dataclass(frozen=True)
class LiveCell:
    """A cell that passed all checks and waits for its turns.

    ``measured`` is everything that is known of it without a round; ``begun`` what the device said
    before the first turn.
    """

    measured: Measured
    timer: CellTimer
    work: CellWork
    begun: AcceleratorReading | None

    def take(self, kind: TurnKind, number: int) -> Turn:
        """Return one turn."""
        return self.timer.take(kind, number)

    def finish(self) -> Measured:
        """Return the cell at its end: the peak of memory, the pools as they are now, the device."""
        trainer, work = self.timer.trainer, self.work
        accelerator = self.measured.process.accelerator
        if isinstance(work.device, Device) and self.begun is not None:
            accelerator = work.device.describe(self.begun, work.device.read())
        process = msgspec.structs.replace(work.described(), accelerator=accelerator)
        measured = msgspec.structs.replace(
            self.measured,
            process=process,
            peak_memory_bytes=memory.peak(),
            device_memory_bytes=trainer.device_memory_bytes(),
        )
        return msgspec.structs.replace(measured, peaks=work.limits())


@dataclass(frozen=True)
class CellWork:
    """One implementation in one process, ready to measure cells.

    ``memory`` is what was read before the first cell.  ``limits`` is asked after a cell has been
    measured, so that its own arrays are in no number of the implementation.  ``device`` is that of
    a row which runs on one, or why nothing is known of it; None for a row on the processor.  In
    ``folder`` the workers of a run keep what the reference computed; None for one that is alone.
    """

    plan: Plan
    row: Row
    block: int
    repetition: int
    trainer_class: type[Trainer]
    arrays: Arrays
    process: Process
    memory: Memory
    limits: Callable[[], Peaks | None]
    device: Device | str | None
    clock: Clock
    monitor: Monitor
    folder: Path | None = None

    def prepare(self, cell: Cell, training: Training) -> LiveCell | Outcome:
        """First step, threads, gate, barrier, warm-up: a cell that may take turns, or its end."""
        declined = self._declined(training)
        if declined is not None:
            return Unavailable(cell=cell, reason=declined)
        begun = memory.resident()
        timer, setup_seconds, bind_seconds = self._timer(training)
        resident = msgspec.structs.replace(self.memory, begun=begun, bound=memory.resident())
        first_call_seconds = timer.first_call()
        process = self.described()
        mismatch = affinity.disagreement(self.plan.cpus, process.cpus)
        mismatch = mismatch or threads.disagreement(cell.threads, process, None)
        mismatch = mismatch or threads.unheeded(cell.setting, process)
        if mismatch:
            return self._unverified(cell, mismatch, process)
        checks = self._gate(training, timer)
        refused = gate.refusal(checks)
        if refused:
            return self._invalid(cell, refused, checks, process)
        early = barrier.refusal(self.clock, timer.subject())
        if early:
            return self._unverified(cell, early, process)
        resident = msgspec.structs.replace(
            resident,
            peak_of_timing=memory.forget_peak(),
            device_peak_of_timing=timer.trainer.forget_device_peak(),
        )
        preparation = timer.prepare()
        if isinstance(self.device, str):
            accelerator = Accelerator(reason=self.device)
            process = msgspec.structs.replace(process, accelerator=accelerator)
        measured = Measured(
            cell=cell,
            block=self.block,
            process=process,
            gate=tuple(checks),
            first_call_seconds=first_call_seconds,
            warmup_seconds=preparation.warmup_seconds,
            timings=(),
            threads_observed=0.0,
            probe_seconds=preparation.probe_seconds,
            peak_memory_bytes=memory.peak(),
            learning=self._learning(timer),
            setup_seconds=setup_seconds,
            bind_seconds=bind_seconds,
            first_epoch_seconds=preparation.first_epoch_seconds,
            first_epoch_examples=preparation.first_epoch_examples,
            memory=resident,
            device_memory_bytes=timer.trainer.device_memory_bytes(),
        )
        reading = self.device.read() if isinstance(self.device, Device) else None
        return LiveCell(measured, timer, self, reading)

    def described(self) -> Process:
        """The process after its first step: libraries that load late have made their pools."""
        return msgspec.structs.replace(
            self.process,
            pools=threads.reported_pools(self.trainer_class.pools()),
            affinity=machine.usable_cpus(),
            cpus=machine.cpu_list(),
            declared=declared_by(self.trainer_class),
        )

    def _unverified(self, cell: Cell, reason: str, process: Process) -> Unverified:
        """Return a cell that is not worth timing, with what its implementation declares."""
        return Unverified(cell=cell, block=self.block, reason=reason, declared=process.declared)

    def _invalid(self, cell: Cell, reason: str, checks: list[Check], process: Process) -> Invalid:
        """Return a cell that computes something else, with what its implementation declares."""
        return Invalid(
            cell=cell,
            block=self.block,
            reason=reason,
            gate=tuple(checks),
            declared=process.declared,
        )

    def _timer(self, training: Training) -> tuple[CellTimer, float, float]:
        """A trainer that has the data, ready to be timed; seconds to make it, and to bind them."""
        # Accuracy depends on luck, so each repetition has start weights and orders of its own.
        seed = self.plan.seed + (self.repetition if self.plan.target is not None else 0)
        start = start_parameters(self.plan.network, training, seed).read_only()
        trainers: list[Trainer] = []

        def make() -> None:
            trainers.append(self.trainer_class(self.plan.network, training, start))
            trainers[0].synchronize()

        def bind() -> None:
            trainers[0].bind(read_only(self.arrays.X), read_only(self.arrays.Y))
            trainers[0].synchronize()

        setup_seconds = time_round(self.clock, make, 1).wall
        bind_seconds = time_round(self.clock, bind, 1).wall
        timer = CellTimer(
            trainers[0],
            start,
            examples=len(self.arrays.X),
            seed=seed,
            effort=self.plan.effort,
            clock=self.clock,
            monitor=self.monitor,
            goal=self._goal(training),
        )
        return timer, setup_seconds, bind_seconds

    def _goal(self, training: Training) -> Goal | None:
        """Return the accuracy to train for, where the plan has one."""
        plan, arrays = self.plan, self.arrays
        if plan.target is None:
            return None
        if arrays.X_test is None or arrays.labels_test is None:
            raise ValueError("time to accuracy needs test examples in the assignment")
        return Goal(read_only(arrays.X_test), arrays.labels_test, plan.target, training.epochs)

    def _learning(self, timer: CellTimer) -> Learning | None:
        """Return the seed of the training, before its first epoch."""
        if self.plan.target is None:
            return None
        target = self.plan.target
        return Learning(target=target, seed=timer.seed, accuracies=(), reached_epoch=None)

    def _declined(self, training: Training) -> str | None:
        """Return why this row cannot answer the plan's question, or None where it can."""
        if self.plan.target is not None and self.row.is_floor:
            return "it trains nothing, so it reaches no accuracy"
        return self.trainer_class.supports(self.plan.network, training)

    def _gate(self, training: Training, timer: CellTimer) -> list[Check]:
        """Return all comparisons with the reference; none for a row that trains nothing."""
        if self.row.is_floor:
            return []
        X, Y = self.arrays.X, self.arrays.Y
        wanted = gate.rows_needed(training.batch_size, len(X))
        rows = epoch_order(len(X), self.plan.seed, 0)[:wanted]
        # Only what is needed: some implementations copy all that they are bound to.
        few = (X[rows], Y[rows])
        assignment = epoch_order(wanted, self.plan.seed, 1)
        # Each seed has start weights of its own, and so a reference of its own.
        shared = None if self.folder is None else self.folder / f"seed-{timer.seed}"
        if shared is not None:
            shared.mkdir(exist_ok=True)
        return gate.inspect(
            self.trainer_class, self.plan.network, training, timer.start, few, assignment, shared
        )
