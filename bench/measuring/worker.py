"""The child half of a measurement: one live process, one implementation, one setting.

``python -m bench.measuring.worker ASSIGNMENT.json PARENT READ WRITE`` imports the implementation,
maps the data and says that it has started.  Then it answers one request at a time over the pipe
whose ends are the file descriptors READ and WRITE, until the parent closes it.  A
problem with one batch size is that cell's outcome, and the next one can be asked for.  On a device
that one needs a fresh process: an error stays with the process that met it, and memory that it held
there may not come back.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

import bench
from bench.documents.assignment import Assignment, load_arrays
from bench.documents.messages import (
    Finish,
    Finished,
    Missing,
    Over,
    Prepare,
    Ready,
    Reply,
    Request,
    Started,
    Take,
)
from bench.documents.results import Failed
from bench.documents.timings import Memory
from bench.measuring import memory, out_of_memory, parent_death
from bench.measuring.cells import CellWork, LiveCell, describe_process, limits_of
from bench.measuring.disturbance import Monitor
from bench.measuring.timing import Clock
from bench.planning.plan import Cell, cell_of
from bench.planning.variables import hold
from bench.provenance import accelerator
from impls import registry
from impls.errors import ImplementationError
from impls.networks import Training
from impls.parameters import hint

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
        hold(assignment.job.threads)
    for end in ends:
        # What the implementation starts must not hold the pipe open after this process.
        os.set_inheritable(int(end), False)  # noqa: FBT003  # its signature
    with os.fdopen(int(ends[0]), "rb") as requests, os.fdopen(int(ends[1]), "wb") as replies:
        serve(Worker(assignment, Clock(), Monitor()), requests, replies)
    return 0


def serve(worker: Worker, requests: BinaryIO, replies: BinaryIO) -> None:
    """Say how the start went, then answer every request until there is none any more."""

    def say(reply: Reply) -> None:
        replies.write(msgspec.json.encode(reply) + b"\n")
        replies.flush()

    say(worker.start())
    for line in requests:
        say(worker.answer(msgspec.json.decode(line, type=Request)))
        if worker.must_end:
            return


class Worker:
    """Answers requests about the cells of one assignment, one cell at a time."""

    def __init__(self, assignment: Assignment, clock: Clock, monitor: Monitor) -> None:
        self.assignment, self.clock, self.monitor = assignment, clock, monitor
        self.work: CellWork | None = None
        self.live: LiveCell | None = None
        self.must_end = False

    def start(self) -> Reply:
        """Import the implementation and map the data."""
        assignment, clock = self.assignment, self.clock
        started = memory.resident()
        begun = clock.wall()
        try:
            trainer_class = registry.load(assignment.row)
        except ImplementationError as error:
            return Missing(str(error), is_unavailable=False)
        import_seconds = clock.wall() - begun
        absent = trainer_class.unavailable()
        if absent is not None:
            return Missing(absent + _hidden(assignment), is_unavailable=True)
        imported = memory.resident()
        try:
            process = describe_process(assignment.row, trainer_class, import_seconds)
        except ImplementationError as error:
            return Missing(str(error), is_unavailable=False)
        arrays = load_arrays(Path(assignment.arrays))
        self.work = CellWork(
            plan=assignment.plan,
            row=assignment.row,
            block=assignment.block,
            repetition=assignment.repetition,
            trainer_class=trainer_class,
            arrays=arrays,
            process=process,
            memory=Memory(started=started, imported=imported, loaded=memory.resident()),
            limits=functools.cache(lambda: limits_of(assignment, clock)),
            device=accelerator.find(os.environ) if assignment.row.device == "gpu" else None,
            clock=clock,
            monitor=self.monitor,
            folder=Path(assignment.arrays),
        )
        return Started()

    def answer(self, request: Request) -> Reply:
        """Return what came of ``request``; an exception is the outcome of the cell in hand."""
        cell = (
            self._cell(request) if isinstance(request, Prepare) else self._in_hand().measured.cell
        )
        try:
            return self._carry_out(request)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this cell's outcome
            return self._failed(cell, error)
        finally:
            if self.live is None:
                # The next batch size needs the memory that this one held.
                gc.unfreeze()
                gc.collect()

    def _carry_out(self, request: Request) -> Reply:
        match request:
            case Prepare():
                return self._prepare(request)
            case Take(kind=kind, number=number):
                return self._in_hand().take(kind, number)
            case Finish():
                live = self._in_hand()
                evidence = None if self.assignment.row.is_floor else live.timer.evidence()
                measured = live.finish()
                self.live = None
                return Finished(measured, evidence)

    def _prepare(self, request: Prepare) -> Reply:
        if self.work is None:
            raise RuntimeError("the worker was asked for a cell before it had started")
        self.live = None
        prepared = self.work.prepare(self._cell(request), self._training(request))
        if not isinstance(prepared, LiveCell):
            return Over(prepared)
        self.live = prepared
        # Garbage is collected before each turn; what a library has loaded need not be searched.
        gc.collect()
        gc.freeze()
        return Ready(prepared.measured)

    def _failed(self, cell: Cell, error: Exception) -> Over:
        exhausted = out_of_memory.explanation(error, self.assignment.row.device)
        outcome = Failed(
            cell=cell,
            block=self.assignment.block,
            reason=exhausted or f"{type(error).__name__}: {error}{hint(error)}",
            detail=traceback.format_exc(limit=-5),
            # As read before the first cell: who just raised may not answer any more.
            declared=self.work.process.declared if self.work else {},
        )
        self.live = None
        self.must_end = self.assignment.row.on_device
        return Over(outcome, is_exhausted=exhausted is not None)

    def _in_hand(self) -> LiveCell:
        if self.live is None:
            raise RuntimeError("the worker was asked for a turn before a cell was ready")
        return self.live

    def _cell(self, request: Prepare) -> Cell:
        job, row = self.assignment.job, self.assignment.row
        plan, size = self.assignment.plan, request.batch_size
        return cell_of(plan, row.name, row.device, size, job.threads, job.setting)

    def _training(self, request: Prepare) -> Training:
        by_size = {training.batch_size: training for training in self.assignment.plan.trainings}
        return by_size[request.batch_size]


def _hidden(assignment: Assignment) -> str:
    """What the user exported that keeps devices from this process; empty where nothing does."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if assignment.row.device != "gpu" or visible is None:
        return ""
    if visible.partition(",")[0].strip() not in accelerator.HIDDEN:
        return ""
    return f" (CUDA_VISIBLE_DEVICES={visible!r} hides all devices: unset it)"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
