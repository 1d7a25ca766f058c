"""One worker of a block as its parent sees it: what it was asked, and what became of it."""

from __future__ import annotations

from collections.abc import Callable

from bench.documents import messages
from bench.documents.assignment import Assignment
from bench.documents.results import Failed, Measured, Outcome, Unavailable
from bench.documents.rounds import Turn, TurnKind
from bench.planning.plan import Cell
from bench.running.processes import NoReply, WorkerProcess


class WorkerClient:
    """Asks a worker of a block, which rests whenever it is not asked.

    A worker that has died, or that cannot be used, answers every further request with that reason.
    A row on a device gets a fresh process after an error, because the error stays with the old one.
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        launch: Callable[[], WorkerProcess],
        timeout: float,
        missing: messages.Missing | None = None,
    ) -> None:
        self.assignment, self.job, self.row = assignment, assignment.job, assignment.row
        self.launch, self.timeout, self.missing = launch, timeout, missing
        self.process: WorkerProcess | None = None
        self.no_reply: NoReply | None = None
        self.measured: Measured | None = None
        self.evidence: messages.Evidence | None = None
        self.is_out_of_memory = False
        self.wants_to_be_alone = False

    @property
    def is_ready(self) -> bool:
        """Whether its cell may take turns."""
        return self.process is not None and self.measured is not None

    def start(self) -> None:
        """Start the process, unless it is known that it cannot work here."""
        if self.missing is not None:
            return
        self.process = self.launch()
        reply = self._ask(None)
        if isinstance(reply, messages.Missing):
            self.missing = reply
            self.close()
        elif not isinstance(reply, messages.Started | NoReply):
            raise TypeError(f"a worker began with {reply!r}")

    def prepare_cell(self, batch_size: int) -> Outcome | None:
        """Get the cell of ``batch_size`` ready; return its outcome where it will have no turn."""
        self.measured = None
        if self.process is None and self.row.on_device and self.missing is None:
            self.no_reply = None
            self.start()
        cell = self.assignment.cell(batch_size)
        if self.missing is not None:
            reason = self.missing.reason
            if self.missing.is_unavailable:
                return Unavailable(cell=cell, reason=reason)
            return Failed(cell=cell, block=self.assignment.block, reason=reason)
        reply = self._ask(messages.PrepareCell(batch_size=batch_size))
        if isinstance(reply, messages.Ready):
            self.measured = reply.measured
            return None
        return self._outcome(cell, reply)

    def take_turn(self, kind: TurnKind, number: int) -> Turn | Outcome:
        """Return its next turn, or the outcome that ends its cell."""
        cell = self._ready_cell()
        reply = self._ask(messages.TakeTurn(kind=kind, number=number))
        return reply if isinstance(reply, Turn) else self._outcome(cell, reply)

    def finish(self) -> Outcome:
        """Return the cell at its end: measured, still without its rounds, or what went wrong."""
        cell = self._ready_cell()
        reply = self._ask(messages.Finish())
        if isinstance(reply, messages.Finished):
            self.measured, self.evidence = None, reply.evidence
            return reply.measured
        return self._outcome(cell, reply)

    def cpu_seconds(self) -> float:
        """Return its processor time so far; 0 where there is no process."""
        return (self.process.cpu_seconds() or 0.0) if self.process else 0.0

    def close(self) -> None:
        """End the process, if there is one."""
        if self.process is not None:
            self.process.close()
            self.process = None

    def _ready_cell(self) -> Cell:
        if self.measured is None:
            raise RuntimeError(f"{self.row.name} has no cell that is ready")
        return self.measured.cell

    def _ask(self, request: messages.Request | None) -> messages.Reply | NoReply | None:
        if self.process is None:
            return self.no_reply
        reply = self.process.ask(request, self.timeout)
        if isinstance(reply, NoReply):
            self.no_reply = reply
            self.close()
        return reply

    def _outcome(self, cell: Cell, reply: messages.Reply | NoReply | None) -> Outcome:
        """Return what a cell comes to whose worker did not do what was asked."""
        self.measured = None
        if isinstance(reply, messages.NotMeasured):
            self.is_out_of_memory = reply.is_out_of_memory
            if self.row.on_device and isinstance(reply.outcome, Failed):
                self.close()
            return reply.outcome
        if isinstance(reply, NoReply):
            return Failed(
                cell=cell, block=self.assignment.block, reason=reply.reason, detail=reply.output
            )
        raise TypeError(f"a worker answered with {reply!r}")
