"""One worker of a block as its parent sees it: what it was asked, and what became of it."""

from __future__ import annotations

from collections.abc import Callable

from bench.documents.assignment import Assignment
from bench.documents.messages import (
    Evidence,
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
from bench.documents.results import Failed, Measured, Outcome, Unavailable
from bench.documents.rounds import Turn, TurnKind
from bench.planning.plan import Cell, Job, cell_of
from bench.running.workers import End, Worker
from impls.row import Row

MissingReason = tuple[str, bool]
"""Why an implementation cannot be used, and whether that is for want of something here."""


class Member:
    """A worker of a block.  It rests whenever it is not asked.

    A worker that has died, or that cannot be used, answers every further request with that reason.
    A row on a device gets a fresh process after an error, because the error stays with the old one.
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        start: Callable[[], Worker],
        timeout: float,
        missing: MissingReason | None,
        on_missing: Callable[[MissingReason], object],
    ) -> None:
        self.assignment, self.timeout = assignment, timeout
        self._start, self._on_missing = start, on_missing
        self.worker: Worker | None = None
        self.missing = missing
        self.lost: End | None = None
        self.measured: Measured | None = None
        self.evidence: Evidence | None = None
        self.is_exhausted = False
        self.wants_to_be_alone = False

    @property
    def job(self) -> Job:
        """What it measures."""
        return self.assignment.job

    @property
    def row(self) -> Row:
        """Its implementation."""
        return self.assignment.row

    @property
    def is_alive(self) -> bool:
        """Whether there is a process that can be asked."""
        return self.worker is not None

    @property
    def is_ready(self) -> bool:
        """Whether its cell may take turns."""
        return self.is_alive and self.measured is not None

    def start(self) -> None:
        """Start the process, unless it is known that it cannot work here."""
        if self.missing is not None:
            return
        self.worker = self._start()
        reply = self._hear()
        if isinstance(reply, Missing):
            self.missing = (reply.reason, reply.is_unavailable)
            # What this machine lacks now it lacks in the next block as well: it is asked once.
            self._on_missing(self.missing)
            self.end()
        elif not isinstance(reply, Started | End):
            raise TypeError(f"a worker began with {reply!r}")

    def prepare(self, batch_size: int) -> Outcome | None:
        """Get the cell of ``batch_size`` ready; its outcome where it will have no turn."""
        self.measured = None
        if not self.is_alive and self.row.on_device and self.missing is None:
            self.lost = None
            self.start()
        cell = self._cell(batch_size)
        if self.missing is not None:
            reason, is_unavailable = self.missing
            if is_unavailable:
                return Unavailable(cell=cell, reason=reason)
            return Failed(cell=cell, block=self.assignment.block, reason=reason)
        reply = self._ask(Prepare(batch_size=batch_size)) if self.is_alive else self.lost
        if isinstance(reply, Ready):
            self.measured = reply.measured
            return None
        return self._outcome(cell, reply)

    def take(self, kind: TurnKind, number: int) -> Turn | Outcome:
        """Return its next turn, or the outcome that ends its cell."""
        ready = self._ready()
        reply = self._ask(Take(kind=kind, number=number))
        if isinstance(reply, Turn):
            return reply
        return self._outcome(ready.cell, reply)

    def finish(self) -> Outcome:
        """Return the cell at its end: measured, still without its rounds, or what went wrong."""
        ready = self._ready()
        reply = self._ask(Finish())
        if isinstance(reply, Finished):
            self.measured, self.evidence = None, reply.evidence
            return reply.measured
        return self._outcome(ready.cell, reply)

    def cpu_seconds(self) -> float:
        """Processor time so far; 0 where there is no process."""
        return (self.worker.cpu_seconds() or 0.0) if self.worker else 0.0

    def resident_bytes(self) -> int:
        """Memory that it holds for itself."""
        return self.worker.resident_bytes() if self.worker else 0

    def end(self) -> None:
        """End the process, if there is one."""
        if self.worker is not None:
            self.worker.end()
            self.worker = None

    def _ready(self) -> Measured:
        if self.measured is None:
            raise RuntimeError(f"{self.row.name} has no cell that is ready")
        return self.measured

    def _ask(self, request: Request) -> Reply | End | None:
        if self.worker is None:
            return self.lost
        self.worker.wake()
        self.worker.say(request)
        return self._hear()

    def _hear(self) -> Reply | End:
        if self.worker is None:
            raise RuntimeError(f"{self.row.name} has no process")
        reply = self.worker.hear(self.timeout)
        if isinstance(reply, End):
            self.lost = reply
            self.end()
        else:
            self.worker.rest()
        return reply

    def _outcome(self, cell: Cell, reply: Reply | End | None) -> Outcome:
        """Return what a cell comes to whose worker did not do what was asked."""
        self.measured = None
        if isinstance(reply, Over):
            self.is_exhausted = reply.is_exhausted
            if self.row.on_device and isinstance(reply.outcome, Failed):
                self.end()
            return reply.outcome
        if isinstance(reply, End):
            return Failed(
                cell=cell, block=self.assignment.block, reason=reply.reason, detail=reply.output
            )
        raise TypeError(f"a worker answered with {reply!r}")

    def _cell(self, batch_size: int) -> Cell:
        job, plan = self.assignment.job, self.assignment.plan
        return cell_of(plan, self.row.name, self.row.device, batch_size, job.threads, job.setting)
