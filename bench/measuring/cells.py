"""What a worker does with one cell: prove it right, time it, check that its setting was obeyed."""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.documents import soundness
from bench.documents.orders import Arrays, Order
from bench.documents.results import Failed, Invalid, Measured, Outcome, Unavailable, Unverified
from bench.documents.timings import Check, Memory, Peaks
from bench.measuring import barrier, learning, memory, peaks
from bench.measuring.disturbance import Monitor
from bench.measuring.measure import CellTimer, Measurement
from bench.measuring.timing import Clock, time_round
from bench.planning import affinity
from bench.planning.environment import recorded
from bench.planning.plan import Cell, Plan
from bench.proof import gate
from bench.provenance import machine, threads
from bench.provenance.accelerator import Device
from bench.provenance.records import Accelerator, Process
from impls.contract import Trainer
from impls.networks import Training
from impls.parameters import Parameters, epoch_order, start_parameters
from impls.row import Row


def describe_process(row: Row, trainer_class: type[Trainer], import_seconds: float) -> Process:
    """What must be known of this process to believe its numbers."""
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
        declared=trainer_class.declared(),
    )


def limits_of(order: Order, clock: Clock) -> Peaks | None:
    """For the floor: what the machine can do at best, with the threads of this very process."""
    if order.row.role != "limit" or order.row.device != "cpu":
        return None
    workers = order.job.threads or machine.usable_cpus()
    return peaks.measure(clock, order.plan.network.dtype, workers)


@dataclass(frozen=True)
class CellWork:
    """One implementation in one process, ready to measure cells.

    ``memory`` is what was read before the first cell.  ``limits`` is asked after a cell has been
    measured, so that its own arrays are in no number of the implementation.  ``device`` is that of
    a row which runs on one, or why nothing is known of it; None for a row on the processor.
    """

    plan: Plan
    row: Row
    block: int
    trainer_class: type[Trainer]
    arrays: Arrays
    process: Process
    memory: Memory
    limits: Callable[[], Peaks | None]
    device: Device | str | None
    clock: Clock
    monitor: Monitor

    def outcome(self, cell: Cell, training: Training) -> Outcome:
        """Gate, then barrier, then clock, then the check that the thread setting was obeyed."""
        declined = self._declined(training)
        if declined is not None:
            return Unavailable(cell=cell, reason=declined)
        begun = memory.resident()
        timer, setup_seconds, bind_seconds = self._timer(training)
        resident = msgspec.structs.replace(self.memory, begun=begun, bound=memory.resident())
        first_call_seconds = timer.first_call()
        process = self._described()
        mismatch = affinity.disagreement(self.plan.cpus, process.cpus)
        mismatch = mismatch or threads.disagreement(cell.threads, process, None)
        if mismatch:
            return self._unverified(cell, mismatch, process)
        checks = self._gate(training, timer.start)
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
        found, accelerator = self._watched(timer, training)
        measured = Measured(
            cell=cell,
            block=self.block,
            process=msgspec.structs.replace(process, accelerator=accelerator),
            gate=tuple(checks),
            first_call_seconds=first_call_seconds,
            warmup_seconds=found.warmup_seconds,
            timings=found.timings,
            threads_observed=found.threads_observed,
            threads_busy=found.threads_busy,
            probe_seconds=found.probe_seconds,
            peak_memory_bytes=memory.peak(),
            learning=found.learning,
            setup_seconds=setup_seconds,
            bind_seconds=bind_seconds,
            first_epoch_seconds=found.first_epoch.seconds,
            first_epoch_examples=found.first_epoch.examples,
            memory=resident,
            device_memory_bytes=timer.trainer.device_memory_bytes(),
        )
        measured = msgspec.structs.replace(measured, peaks=self.limits())
        return self._checked(measured)

    def _unverified(self, cell: Cell, reason: str, process: Process) -> Unverified:
        """A cell that is not worth timing, with what its implementation declares."""
        return Unverified(cell=cell, block=self.block, reason=reason, declared=process.declared)

    def _invalid(self, cell: Cell, reason: str, checks: list[Check], process: Process) -> Invalid:
        """A cell that computes something else, with what its implementation declares."""
        return Invalid(
            cell=cell,
            block=self.block,
            reason=reason,
            gate=tuple(checks),
            declared=process.declared,
        )

    def _checked(self, measured: Measured) -> Outcome:
        """``measured``, unless its threads were others or its durations are none."""
        cell, observed = measured.cell, measured.threads_observed
        mismatch = threads.disagreement(cell.threads, measured.process, observed)
        if mismatch:
            return Unverified(cell=cell, block=self.block, reason=mismatch, measured=measured)
        flaw = soundness.unsound(measured)
        if flaw:
            reason = f"the clock of this machine gave {flaw}: give more examples"
            declared = measured.process.declared
            return Failed(cell=cell, block=self.block, reason=reason, declared=declared)
        return measured

    def _timer(self, training: Training) -> tuple[CellTimer, float, float]:
        """A trainer that has the data, ready to be timed; seconds to make it, and to bind them."""
        # Accuracy depends on luck, so each block has start weights and orders of its own.
        seed = self.plan.seed + (self.block if self.plan.target is not None else 0)
        start = start_parameters(self.plan.network, training, seed)
        trainers: list[Trainer] = []

        def make() -> None:
            trainers.append(self.trainer_class(self.plan.network, training, start))
            trainers[0].synchronize()

        def bind() -> None:
            trainers[0].bind(self.arrays.X, self.arrays.Y)
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
        )
        return timer, setup_seconds, bind_seconds

    def _described(self) -> Process:
        """The process after its first step: libraries that load late have made their pools."""
        return msgspec.structs.replace(
            self.process,
            pools=threads.reported_pools(self.trainer_class.pools()),
            declared=self.trainer_class.declared(),
        )

    def _watched(
        self, timer: CellTimer, training: Training
    ) -> tuple[Measurement, Accelerator | None]:
        """The measurement, and what the device said before and after it."""
        device = self.device
        begun = device.read() if isinstance(device, Device) else None
        found = timer.measure() if self.plan.target is None else self._learn(timer, training)
        if isinstance(device, Device) and begun is not None:
            return found, device.describe(begun, device.read())
        return found, Accelerator(reason=device) if isinstance(device, str) else None

    def _declined(self, training: Training) -> str | None:
        """Why this row cannot answer the plan's question, or None where it can."""
        if self.plan.target is not None and self.row.role == "limit":
            return "it trains nothing, so it reaches no accuracy"
        return self.trainer_class.supports(self.plan.network, training)

    def _learn(self, timer: CellTimer, training: Training) -> Measurement:
        """Train until the plan's target is held."""
        plan, arrays = self.plan, self.arrays
        if plan.target is None or arrays.X_test is None or arrays.labels_test is None:
            raise ValueError("time to accuracy needs a target and test examples in the order")
        return learning.learn(
            timer,
            arrays.X_test,
            arrays.labels_test,
            target=plan.target,
            epochs=training.epochs,
        )

    def _gate(self, training: Training, start: Parameters) -> list[Check]:
        """All comparisons with the reference; none for a row that trains nothing."""
        if self.row.role == "limit":
            return []
        X, Y = self.arrays.X, self.arrays.Y
        wanted = gate.rows_needed(training.batch_size, len(X))
        rows = epoch_order(len(X), self.plan.seed, 0)[:wanted]
        # Only what is needed: some implementations copy all that they are bound to.
        few = (X[rows], Y[rows])
        order = epoch_order(wanted, self.plan.seed, 1)
        return gate.inspect(self.trainer_class, self.plan.network, training, start, few, order)
