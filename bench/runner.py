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

import bench
from bench import threads
from bench.errors import ResultsError
from bench.executor import Executor
from bench.journal import Journal
from bench.orders import Order, read_outcomes, save_arrays
from bench.plan import Cell, Job, Plan, Setting, cell_of, jobs
from bench.results import Failed, Outcome, Unavailable
from impls import registry
from impls.parameters import Floats
from impls.row import Row


@dataclass(frozen=True)
class Progress:
    """A job has begun (``outcomes`` is None) or ended."""

    number: int
    total: int
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
    ) -> None:
        self.plan, self.executor, self.journal = plan, executor, journal
        self.environment, self.timeout, self.on_progress = environment, timeout, on_progress
        self.rows = {row.name: row for row in rows}
        self.absent: dict[tuple[str, Setting], str] = {}
        self.root = str(Path(bench.__file__).parent.parent)

    def run(self, X: Floats, Y: Floats) -> None:
        """Run every job on examples ``X`` and one-hot targets ``Y``; outcomes go to the journal."""
        with self._workplace(X, Y) as folder:
            ordered = jobs(self.plan)
            for number, job in enumerate(ordered, start=1):
                self.on_progress(Progress(number, len(ordered), job, None))
                outcomes = tuple(self._run_job(job, folder))
                self.journal.add(job.index, outcomes)
                self.on_progress(Progress(number, len(ordered), job, outcomes))

    @contextmanager
    def _workplace(self, X: Floats, Y: Floats) -> Iterator[Path]:
        """A folder for arrays and orders that is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="mlpbench-") as name:
            save_arrays(Path(name), X, Y)
            yield Path(name)

    def _run_job(self, job: Job, folder: Path) -> list[Outcome]:
        row = self.rows[job.implementation]
        reason = (
            registry.missing(row)
            or registry.no_device(row)
            or self.absent.get((row.name, job.setting))
        )
        if reason is not None:
            return self._unavailable(row, job, reason)
        output = folder / f"outcomes-{job.index}.jsonl"
        path = folder / f"order-{job.index}.json"
        order = Order(
            job=job,
            plan=self.plan,
            row=row,
            root=self.root,
            arrays=str(folder),
            output=str(output),
        )
        path.write_bytes(msgspec.json.encode(order))
        environment = threads.worker_environment(
            self.environment, job.threads, job.setting, row.environment
        )
        environment["PYTHONPATH"] = _first_on_path(self.root, environment.get("PYTHONPATH"))
        end = self.executor.execute(path, environment, self.timeout)
        try:
            outcomes = read_outcomes(output)
        except ResultsError as error:
            return self._lost(row, job, [], str(error), end.output)
        reasons = {outcome.reason for outcome in outcomes if isinstance(outcome, Unavailable)}
        if len(reasons) == 1 and all(isinstance(outcome, Unavailable) for outcome in outcomes):
            # What this machine lacks now it lacks in the next block as well; ask once.
            self.absent[row.name, job.setting] = reasons.pop()
        return outcomes + self._lost(row, job, outcomes, end.reason, end.output)

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


def _first_on_path(root: str, existing: str | None) -> str:
    """A search path that finds this very copy of the project before any other."""
    return f"{root}:{existing}" if existing else root
