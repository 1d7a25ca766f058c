"""The child half of a measurement: one live process, one implementation, one setting.

``python -m bench.measuring.worker ASSIGNMENT.json PARENT READ WRITE`` imports the implementation,
maps the data and says that it has started.  Then it answers one request at a time over the pipe
whose ends are the file descriptors READ and WRITE, until the parent closes it.  A problem with one
batch size is that cell's outcome, and the next one can be asked for.  On a device the next one
needs a fresh process: an error stays with the process that met it, and memory that it held there
may not come back.
"""

from __future__ import annotations

import datetime as dt
import gc
import hashlib
import inspect
import os
import sys
import traceback
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

import bench
from bench.correctness import gate
from bench.documents import messages
from bench.documents.assignment import Arrays, Assignment, load_arrays
from bench.documents.results import Failed, Invalid, Measured, Unavailable, Unverified
from bench.documents.timings import Check, Learning, Memory, Peaks
from bench.measuring import barrier, memory, out_of_memory, parent_death, peaks
from bench.measuring.cell_timer import CellTimer, Goal
from bench.measuring.clock import Clock, time_round
from bench.measuring.disturbance import Monitor
from bench.planning import affinity
from bench.planning.plan import Cell
from bench.planning.variables import recorded
from bench.provenance import accelerator, machine, threads
from bench.provenance.accelerator import Device
from bench.provenance.records import Accelerator, AcceleratorReading, Process
from impls import registry
from impls.contract import Trainer
from impls.errors import ImplementationError
from impls.networks import Training
from impls.parameters import read_only, read_only_hint, start_parameters
from impls.row import Row

EXIT_ORPHAN = 1


def main(arguments: Sequence[str]) -> int:
    """Carry out the assignment whose path is the first argument; see the module's docstring."""
    path, parent, *ends = arguments
    if not parent_death.end_with(int(parent)):
        return EXIT_ORPHAN
    assignment = msgspec.json.decode(Path(path).read_bytes(), type=Assignment)
    root = str(Path(bench.__file__).parent.parent)
    if root != assignment.root:
        raise ImplementationError(
            f"the worker imported mlpbench from {root}, but its parent runs from "
            f"{assignment.root}: another package called 'bench' comes first on the path; use a "
            "separate environment"
        )
    if assignment.row.held_by_affinity and assignment.job.threads is not None:
        affinity.hold(assignment.job.threads)
    for end in ends:
        # What the implementation starts must not hold the pipe open after this process.
        os.set_inheritable(int(end), False)  # noqa: FBT003  # its signature
    with os.fdopen(int(ends[0]), "rb") as requests, os.fdopen(int(ends[1]), "wb") as replies:
        serve(Worker(assignment, Clock(), Monitor()), requests, replies)
    return 0


def serve(worker: Worker, requests: BinaryIO, replies: BinaryIO) -> None:
    """Say how the start went, then answer every request until there is none any more."""

    def say(reply: messages.Reply) -> None:
        replies.write(msgspec.json.encode(reply) + b"\n")
        replies.flush()

    say(worker.start())
    for line in requests:
        say(worker.answer(msgspec.json.decode(line, type=messages.Request)))
        if worker.must_end:
            return


class ReadyCell(NamedTuple):
    """A cell that passed all checks and waits for its turns.

    ``measured`` is everything that is known of it without a round; ``begun`` what the device said
    before the first turn.
    """

    measured: Measured
    timer: CellTimer
    begun: AcceleratorReading | None


class Worker:
    """Answers requests about the cells of one assignment, one cell at a time.

    :meth:`start` finds what all cells share.  ``memory`` is what was read before the first cell.
    ``device`` is that of a row which runs on one, or why nothing is known of it; None for a row on
    the processor.
    """

    trainer_class: type[Trainer]
    process: Process
    arrays: Arrays
    memory: Memory
    device: Device | str | None

    def __init__(self, assignment: Assignment, clock: Clock, monitor: Monitor) -> None:
        self.assignment, self.clock, self.monitor = assignment, clock, monitor
        self.row, self.plan = assignment.row, assignment.plan
        self.peaks: Peaks | None = None
        self.ready: ReadyCell | None = None
        self.must_end = False

    def start(self) -> messages.Reply:
        """Import the implementation and map the data."""
        started = memory.resident()
        begun = self.clock.wall()
        try:
            self.trainer_class = registry.load(self.row)
            import_seconds = self.clock.wall() - begun
            absent = self.trainer_class.unavailable()
            if absent is not None:
                return messages.Missing(absent + self._hidden(), is_unavailable=True)
            imported = memory.resident()
            self.process = describe_process(self.row, self.trainer_class, import_seconds)
        except ImplementationError as error:
            return messages.Missing(str(error), is_unavailable=False)
        self.arrays = load_arrays(Path(self.assignment.arrays))
        self.memory = Memory(started=started, imported=imported, loaded=memory.resident())
        self.device = accelerator.find(os.environ) if self.row.device == "gpu" else None
        return messages.Started()

    def answer(self, request: messages.Request) -> messages.Reply:
        """Return what came of ``request``; an exception is the outcome of the cell in hand."""
        cell = (
            self.assignment.cell(request.batch_size)
            if isinstance(request, messages.PrepareCell)
            else self._in_hand().measured.cell
        )
        try:
            match request:
                case messages.PrepareCell():
                    return self._prepare_cell(cell)
                case messages.TakeTurn(kind=kind, number=number):
                    return self._in_hand().timer.take_turn(kind, number)
                case messages.Finish():
                    return self._finish(self._in_hand())
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this cell's outcome
            return self._failed(cell, error)
        finally:
            if self.ready is None:
                # The next batch size needs the memory that this one held.
                gc.unfreeze()
                gc.collect()

    def _in_hand(self) -> ReadyCell:
        if self.ready is None:
            raise RuntimeError("the worker was asked for a turn before a cell was ready")
        return self.ready

    def _failed(self, cell: Cell, error: Exception) -> messages.NotMeasured:
        exhausted = out_of_memory.explanation(error, self.row.device)
        outcome = Failed(
            cell=cell,
            block=self.assignment.block,
            reason=exhausted or f"{type(error).__name__}: {error}{read_only_hint(error)}",
            detail=traceback.format_exc(limit=-5),
            # As read before the first cell: who just raised may not answer any more.
            declared=self.process.declared,
        )
        self.ready = None
        self.must_end = self.row.on_device
        return messages.NotMeasured(outcome, is_out_of_memory=exhausted is not None)

    def _prepare_cell(self, cell: Cell) -> messages.Ready | messages.NotMeasured:
        """Get a cell ready for turns, or end it: first step, threads, gate, barrier, warm-up."""
        self.ready = None
        training = self.plan.training(cell.batch_size)
        declined = self.trainer_class.supports(self.plan.network, training)
        if self.plan.target is not None and self.row.is_floor:
            declined = "it trains nothing, so it reaches no accuracy"
        if declined is not None:
            return messages.NotMeasured(Unavailable(cell=cell, reason=declined))
        begun = memory.resident()
        timer, setup_seconds, bind_seconds = self._timer(training)
        bound = memory.resident()
        first_call_seconds = timer.first_call()
        process = self._process_now()
        checks = self._checked(cell, training, timer, process)
        if not isinstance(checks, list):
            return messages.NotMeasured(checks)
        resident = msgspec.structs.replace(
            self.memory,
            begun=begun,
            bound=bound,
            peak_of_timing=memory.forget_peak(),
            device_peak_of_timing=timer.trainer.forget_device_peak(),
        )
        warm_up = timer.warm_up()
        if isinstance(self.device, str):
            unknown = Accelerator(reason=self.device)
            process = msgspec.structs.replace(process, accelerator=unknown)
        learning = None
        if self.plan.target is not None:
            learning = Learning(
                target=self.plan.target, seed=timer.seed, accuracies=(), reached_epoch=None
            )
        measured = Measured(
            cell=cell,
            block=self.assignment.block,
            process=process,
            gate=tuple(checks),
            first_call_seconds=first_call_seconds,
            warmup_seconds=warm_up.warmup_seconds,
            timings=(),
            threads_observed=0.0,
            probe_seconds=warm_up.probe_seconds,
            peak_memory_bytes=memory.peak(),
            learning=learning,
            setup_seconds=setup_seconds,
            bind_seconds=bind_seconds,
            first_epoch_seconds=warm_up.first_epoch_seconds,
            first_epoch_examples=warm_up.first_epoch_examples,
            memory=resident,
            device_memory_bytes=timer.trainer.device_memory_bytes(),
        )
        reading = self.device.read() if isinstance(self.device, Device) else None
        self.ready = ReadyCell(measured, timer, reading)
        # Garbage is collected before each turn; what a library has loaded need not be searched.
        gc.collect()
        gc.freeze()
        return messages.Ready(measured)

    def _timer(self, training: Training) -> tuple[CellTimer, float, float]:
        """Return the timer of a trainer with its data, and seconds to make it and to bind them."""
        plan, arrays = self.plan, self.arrays
        # Accuracy depends on luck, so start weights and orders differ between repetitions.
        seed = plan.seed + (self.assignment.repetition if plan.target is not None else 0)
        start = start_parameters(plan.network, training, seed).read_only()
        trainers: list[Trainer] = []

        def make() -> None:
            trainers.append(self.trainer_class(plan.network, training, start))
            trainers[0].synchronize()

        def bind() -> None:
            trainers[0].bind(read_only(arrays.X), read_only(arrays.Y))
            trainers[0].synchronize()

        setup_seconds = time_round(self.clock, make, 1).wall
        bind_seconds = time_round(self.clock, bind, 1).wall
        goal = None
        if plan.target is not None:
            if arrays.X_test is None or arrays.labels_test is None:
                raise ValueError("time to accuracy needs test examples in the assignment")
            X_test = read_only(arrays.X_test)
            goal = Goal(X_test, arrays.labels_test, plan.target, training.epochs)
        timer = CellTimer(
            trainers[0],
            start,
            examples=len(arrays.X),
            seed=seed,
            effort=plan.effort,
            clock=self.clock,
            monitor=self.monitor,
            goal=goal,
        )
        return timer, setup_seconds, bind_seconds

    def _checked(
        self, cell: Cell, training: Training, timer: CellTimer, process: Process
    ) -> list[Check] | Unverified | Invalid:
        """Return what the gate compared, or the outcome of a cell that is not worth timing."""
        block, declared = self.assignment.block, process.declared
        reason = (
            affinity.disagreement(self.plan.cpus, process.cpus)
            or threads.disagreement(cell.threads, process, None)
            or threads.unheeded(cell.setting, process)
        )
        if reason:
            return Unverified(cell=cell, block=block, reason=reason, declared=declared)
        checks = self._gate(training, timer)
        reason = gate.refusal(checks)
        if reason:
            return Invalid(
                cell=cell, block=block, reason=reason, gate=tuple(checks), declared=declared
            )
        reason = barrier.refusal(self.clock, timer.subject())
        if reason:
            return Unverified(cell=cell, block=block, reason=reason, declared=declared)
        return checks

    def _gate(self, training: Training, timer: CellTimer) -> list[Check]:
        """Return all comparisons with the reference; none for a row that trains nothing."""
        if self.row.is_floor:
            return []
        data, order = gate.sample(self.arrays.X, self.arrays.Y, training.batch_size, self.plan.seed)
        # Workers share what the reference computed.  Each seed has other start weights, and each
        # revision other code.
        shared = Path(self.assignment.arrays) / f"seed-{timer.seed}-{self.row.revision or 'now'}"
        shared.mkdir(exist_ok=True)
        return gate.inspect(
            self.trainer_class, self.plan.network, training, timer.start, data, order, shared
        )

    def _finish(self, ready: ReadyCell) -> messages.Finished:
        """End the cell in hand: the peak of memory, the pools as they are now, the device."""
        evidence = None if self.row.is_floor else ready.timer.evidence()
        device = ready.measured.process.accelerator
        if isinstance(self.device, Device) and ready.begun is not None:
            device = self.device.describe(ready.begun, self.device.read())
        measured = msgspec.structs.replace(
            ready.measured,
            process=msgspec.structs.replace(self._process_now(), accelerator=device),
            peak_memory_bytes=memory.peak(),
            device_memory_bytes=ready.timer.trainer.device_memory_bytes(),
        )
        if self.row.is_floor and self.row.device == "cpu" and self.peaks is None:
            # After a cell, so that these arrays are in no number of the implementation.
            workers = self.assignment.job.threads or machine.usable_cpus()
            self.peaks = peaks.measure(self.clock, self.plan.network.dtype, workers)
        self.ready = None
        return messages.Finished(msgspec.structs.replace(measured, peaks=self.peaks), evidence)

    def _process_now(self) -> Process:
        """Return the process after its first step, when late libraries have made their pools."""
        return msgspec.structs.replace(
            self.process,
            pools=threads.reported_pools(self.trainer_class.pools()),
            affinity=machine.usable_cpus(),
            cpus=machine.cpu_list(),
            declared=declared_by(self.trainer_class),
        )

    def _hidden(self) -> str:
        """Return which exported variable hides devices from this process; empty where none does."""
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        if self.row.device != "gpu" or visible is None:
            return ""
        if visible.partition(",")[0].strip() not in accelerator.HIDDEN:
            return ""
        return f" (CUDA_VISIBLE_DEVICES={visible!r} hides all devices: unset it)"


def describe_process(row: Row, trainer_class: type[Trainer], import_seconds: float) -> Process:
    """Return what must be known of this process to believe its numbers.

    Raises:
        ImplementationError: see :func:`declared_by`.
    """
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
        isinstance(part, str) for part in chain(*declared.items())
    )
    if not isinstance(declared, dict) or not is_text:
        raise ImplementationError(
            f"declared of {trainer_class.__module__}.{trainer_class.__qualname__} returned "
            f"{declared!r}, and names and values must be text"
        )
    return declared


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
