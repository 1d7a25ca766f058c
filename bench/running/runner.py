"""The parent half of a measurement: jobs in, outcomes out, one worker at a time.

Workers never run side by side: they would take cache and clock from each other.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

import bench
from bench.documents.journal import Journal
from bench.documents.orders import Arrays, Order, read_outcomes, save_arrays
from bench.documents.results import Failed, Outcome, Unavailable
from bench.errors import ResultsError
from bench.measuring.timing import SYSTEM_CLOCK, Clock
from bench.planning.environment import worker_environment
from bench.planning.plan import Cell, Job, Plan, Setting, cell_of, jobs
from bench.running import stopping
from bench.running.agreement import agreeing
from bench.running.executor import End, Executor
from impls import registry
from impls.parameters import Floats
from impls.row import Row


@dataclass(frozen=True)
class Progress:
    """A job has begun (``outcomes`` is None) or ended."""

    job: Job
    outcomes: tuple[Outcome, ...] | None


class Runner:
    """Carries out a plan."""

    def __init__(
        self,
        plan: Plan,
        rows: Sequence[Row],
        executor: Executor,
        journal: Journal,
        *,
        environment: Mapping[str, str],
        timeout: float,
        on_progress: Callable[[Progress], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.plan, self.executor, self.journal = plan, executor, journal
        self.environment, self.timeout, self.on_progress = environment, timeout, on_progress
        self.clock = clock
        self.rows = {row.name: row for row in rows}
        self.reference = reference_of(rows)
        self.absent: dict[tuple[str, Setting], str] = {}
        self.root = str(Path(bench.__file__).parent.parent)

    def run(
        self,
        X: Floats,
        Y: Floats,
        X_test: Floats | None = None,
        labels_test: npt.NDArray[np.integer] | None = None,
    ) -> None:
        """Run the jobs on examples ``X`` and one-hot targets ``Y``; outcomes go to the journal.

        Test examples and their labels are needed where the plan has a target accuracy.
        Jobs that the journal holds already are not run again.  After each block it is asked
        whether another one is needed.
        """
        done = {entry.job for entry in self.journal.done}
        ordered = jobs(self.plan)
        with self._workplace(Arrays(X, Y, X_test, labels_test)) as folder:
            for block in range(self.plan.effort.blocks):
                for job in (job for job in ordered if job.block == block):
                    if job.index not in done:
                        self._carry_out(job, folder)
                reason = self._reason_to_stop(block, ordered)
                if reason is not None:
                    self.journal.end(reason)
                    return

    def _carry_out(self, job: Job, folder: Path) -> None:
        """One job, from announcing it to having it in the journal."""
        self.on_progress(Progress(job, None))
        begun = self.clock.wall()
        earlier = (outcome for entry in self.journal.done for outcome in entry.outcomes)
        outcomes = tuple(agreeing(self._run_job(job, folder), earlier))
        self.journal.add(job.index, self.clock.wall() - begun, outcomes)
        self.on_progress(Progress(job, outcomes))

    def _reason_to_stop(self, block: int, ordered: list[Job]) -> str | None:
        """What the stopping rule says after ``block``, on all that the journal holds."""
        seconds = [0.0] * (block + 1)
        # A resumed run holds later jobs already; the rule sees what it saw the first time.
        entries = [entry for entry in self.journal.done if ordered[entry.job].block <= block]
        for entry in entries:
            seconds[ordered[entry.job].block] += entry.seconds
        outcomes = (outcome for entry in entries for outcome in entry.outcomes)
        return stopping.reason_to_stop(self.plan, self.reference, outcomes, seconds)

    @contextmanager
    def _workplace(self, arrays: Arrays) -> Iterator[Path]:
        """A folder for arrays and orders that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="mlpbench-") as name:
            save_arrays(Path(name), arrays)
            yield Path(name)

    def _run_job(self, job: Job, folder: Path) -> list[Outcome]:
        row = self.rows[job.implementation]
        reason = registry.absent(row) or self.absent.get((row.name, job.setting))
        if reason is not None:
            return self._unavailable(row, job, reason)
        output = folder / f"outcomes-{job.index}.jsonl"
        sizes: tuple[int, ...] = job.batch_sizes
        while True:
            end = self._work(msgspec.structs.replace(job, batch_sizes=sizes), output)
            try:
                outcomes = read_outcomes(output)
            except ResultsError as error:
                return self._lost(row, job, [], str(error), end.output)
            reported = {outcome.cell.batch_size for outcome in outcomes}
            rest = tuple(size for size in sizes if size not in reported)
            if not rest or len(rest) == len(sizes) or not _needs_fresh_process(row, outcomes):
                break
            sizes = rest
        reasons = {outcome.reason for outcome in outcomes if isinstance(outcome, Unavailable)}
        if len(reasons) == 1 and all(isinstance(outcome, Unavailable) for outcome in outcomes):
            # What this machine lacks now it lacks in the next block as well; ask once.
            self.absent[row.name, job.setting] = reasons.pop()
        return outcomes + self._lost(row, job, outcomes, end.reason, end.output)

    def _work(self, job: Job, output: Path) -> End:
        """One worker process, which appends its outcomes to ``output``."""
        row = self.rows[job.implementation]
        path = output.with_name(f"order-{job.index}.json")
        order = Order(
            job=job,
            plan=self.plan,
            row=row,
            root=self.root,
            arrays=str(output.parent),
            output=str(output),
        )
        path.write_bytes(msgspec.json.encode(order))
        environment = worker_environment(
            self.environment, job.threads, job.setting, row.environment
        )
        environment["PYTHONPATH"] = _first_on_path(self.root, environment.get("PYTHONPATH"))
        return self.executor.execute(path, environment, self.timeout)

    def _lost(
        self, row: Row, job: Job, outcomes: list[Outcome], reason: str, detail: str
    ) -> list[Outcome]:
        """Outcomes for the cells that the worker did not live to report."""
        reported = {outcome.cell for outcome in outcomes}
        return [
            Failed(
                cell=cell,
                block=job.block,
                reason=reason or "the worker ended without an outcome",
                detail=detail,
            )
            for cell in self._cells(row, job)
            if cell not in reported
        ]

    def _unavailable(self, row: Row, job: Job, reason: str) -> list[Outcome]:
        return [Unavailable(cell=cell, reason=reason) for cell in self._cells(row, job)]

    def _cells(self, row: Row, job: Job) -> list[Cell]:
        return [
            cell_of(self.plan, row.name, row.device, size, job.threads, job.setting)
            for size in job.batch_sizes
        ]


def reference_of(rows: Sequence[Row]) -> str:
    """The implementation to which the others are compared: the baseline, else the first trainer."""
    trainers = [row for row in rows if row.role == "trainer"] or list(rows)
    return next((row.name for row in trainers if row.rung == 0), trainers[0].name)


def _needs_fresh_process(row: Row, outcomes: list[Outcome]) -> bool:
    """Whether the worker ended for the sake of the batch sizes that it had not come to.

    An error on a device stays with the process that met it, so a worker ends after one.
    """
    return row.on_device and bool(outcomes) and isinstance(outcomes[-1], Failed)


def _first_on_path(root: str, existing: str | None) -> str:
    """A search path that finds this very copy of the project before any other."""
    return f"{root}:{existing}" if existing else root
