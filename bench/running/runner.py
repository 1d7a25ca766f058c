"""The parent half of a measurement: blocks of live workers that take turns.

For each repetition of the plan the workers start one by one, say that they are ready, and rest.
Then, batch size after batch size, every worker prepares its cell, and all take turns: sweep after
sweep, in random order, one short round each, while the others are stopped.  Partners of a ratio are
thus seconds apart.  A block has as many workers as fit into memory; where more are wanted, further
blocks follow, and the baseline is in each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.documents.assignment import Arrays, Assignment, save_arrays, shared_folder
from bench.documents.journal import Again, Block, Ending, Journal, Stage, repetitions_of
from bench.documents.messages import Missing
from bench.documents.results import Results
from bench.measuring.clock import SYSTEM_CLOCK, Clock
from bench.measuring.memory import available
from bench.planning.plan import Job, Plan, Setting, repetitions
from bench.planning.revisions import root_of, search_path
from bench.planning.variables import worker_environment
from bench.running.neighbours import Neighbours
from bench.running.pacing import Pacer
from bench.running.processes import Launcher
from bench.running.turns import Progress, Turns
from bench.running.worker_client import WorkerClient
from impls import registry
from impls.errors import ResultsError
from impls.row import Row

SPARE_BYTES = 1 << 29
"""Memory that workers leave to everything else."""
WORKER_BYTES = 1 << 30
"""What a worker may need, as long as none has shown it."""
_OF_THE_JOB = {"allocation", "cgroup"}
"""Facts about the job that a scheduler gave this run: it is resumed in another one."""


class Runner:
    """Carries out a plan."""

    def __init__(
        self,
        plan: Plan,
        rows: Sequence[Row],
        launcher: Launcher,
        journal: Journal,
        *,
        environment: Mapping[str, str],
        timeout: float,
        on_progress: Callable[[Progress], None],
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self.plan, self.launcher, self.journal = plan, launcher, journal
        self.environment, self.timeout, self.on_progress = environment, timeout, on_progress
        self.clock = clock
        self.rows = {row.name: row for row in rows}
        # Others are compared with rung 0, else with the first trainer.
        trainers = [row for row in rows if row.role == "trainer"] or list(rows)
        self.baseline = next((row.name for row in trainers if row.rung == 0), trainers[0].name)
        self.pacer = Pacer(plan, self.baseline, journal, clock)
        self.missing: dict[tuple[str, Setting], Missing] = {}

    def run(self, arrays: Arrays) -> None:
        """Measure on ``arrays``; everything goes to the journal.

        Test examples and their labels are needed where the plan has a target accuracy.  What the
        journal holds already is not measured again, except for the cells that it says to.
        """
        begun = max((block.repetition for block in self.journal.of(Block)), default=0)
        with shared_folder() as folder, Neighbours(self.plan) as neighbours:
            save_arrays(folder, arrays)
            for repetition, (jobs, sizes) in enumerate(repetitions(self.plan)):
                done = self._done(repetition)
                left = [job for job in jobs if any((job.index, size) not in done for size in sizes)]
                # Baselines first.
                left.sort(key=lambda job: job.implementation != self.baseline)
                while left:
                    left = self._block(repetition, left, sizes, arrays, folder, neighbours)
                if repetition < begun:
                    continue
                reason = self.pacer.reason_to_end(repetition + 1)
                if reason is not None:
                    self.journal.add(Ending(reason=reason))
                    return

    def _done(self, repetition: int) -> set[tuple[int, int]]:
        """Return the jobs and batch sizes that are measured in this repetition."""
        repetitions = repetitions_of(self.journal.lines)
        done: set[tuple[int, int]] = set()
        for line in self.journal.lines:
            if isinstance(line, Stage) and line.repetition == repetition:
                done |= {(job, line.batch_size) for job in line.jobs}
            elif isinstance(line, Again):
                done -= {
                    (job, size)
                    for block, job, size in line.cells
                    if repetitions.get(block) == repetition
                }
        return done

    def _block(
        self,
        repetition: int,
        left: Sequence[Job],
        sizes: Sequence[int],
        arrays: Arrays,
        folder: Path,
        neighbours: Neighbours,
    ) -> list[Job]:
        """Start as many workers as fit, let them take turns, and return the jobs still to do."""
        number = max((block.block for block in self.journal.of(Block)), default=-1) + 1
        begun = self.clock.wall()
        workers: list[WorkerClient] = []
        waiting = self._with_baselines(left, repetition)
        try:
            while waiting and (
                not any(worker.job in left for worker in workers) or _has_room(workers, arrays)
            ):
                job = waiting.pop(0)
                self.on_progress(Progress(number, repetition, job))
                worker = self._worker(job, number, repetition, folder)
                # Ctrl-C while it starts must end it as well.
                workers.append(worker)
                worker.start()
                if worker.missing is not None:
                    # What this machine lacks now it lacks in the next block: it is asked once.
                    self.missing[job.implementation, job.setting] = worker.missing
            waiting = [job for job in waiting if job in left]
            seconds = self.clock.wall() - begun
            jobs = tuple(worker.job.index for worker in workers)
            self.journal.add(Block(block=number, repetition=repetition, jobs=jobs, seconds=seconds))
            done = self._done(repetition)
            for size in sizes:
                if any((job.index, size) not in done for job in left if job.index in jobs):
                    Turns(
                        plan=self.plan,
                        workers=workers,
                        batch_size=size,
                        arrays=arrays,
                        journal=self.journal,
                        pacer=self.pacer,
                        neighbours=neighbours,
                        clock=self.clock,
                        on_progress=self.on_progress,
                    ).run()
            # What did not fit on a device beside others gets a separate block.
            alone = [worker.job for worker in workers if worker.wants_to_be_alone]
            return [*waiting, *alone]
        finally:
            for worker in workers:
                worker.close()

    def _with_baselines(self, left: Sequence[Job], repetition: int) -> list[Job]:
        """Return ``left`` after the baseline of each condition in it, for its ratios."""
        conditions = {(job.threads, job.setting) for job in left}
        baselines = [
            job
            for job in repetitions(self.plan)[repetition].jobs
            if job.implementation == self.baseline
            and (job.threads, job.setting) in conditions
            and job not in left
        ]
        return [*baselines, *left]

    def _worker(self, job: Job, block: int, repetition: int, folder: Path) -> WorkerClient:
        row = self.rows[job.implementation]
        root = str(root_of(row))
        assignment = Assignment(
            job=job,
            block=block,
            repetition=repetition,
            plan=self.plan,
            row=row,
            root=root,
            arrays=str(folder),
        )
        path = folder / f"assignment-{block}-{job.index}.json"
        path.write_bytes(msgspec.json.encode(assignment))
        environment = worker_environment(
            self.environment, job.threads, job.setting, row.environment
        )
        environment["PYTHONPATH"] = search_path(environment, root)
        lacking = registry.absent(row)
        missing = self.missing.get((row.name, job.setting))
        if lacking:
            missing = Missing(lacking, is_unavailable=True)
        return WorkerClient(
            assignment,
            launch=lambda: self.launcher.start(path, environment),
            timeout=self.timeout,
            missing=missing,
        )


def _has_room(workers: Sequence[WorkerClient], arrays: Arrays) -> bool:
    """Return whether another worker fits beside ``workers``; devices are not asked.

    A worker may come to hold two copies of the data, so room for two is kept for each.
    """
    free = available()
    if free is None:
        return True
    resident = [worker.process.resident_bytes() for worker in workers if worker.process]
    wanted = max(resident, default=0) or WORKER_BYTES
    return free > wanted + SPARE_BYTES + 2 * arrays.bytes * (len(resident) + 1)


def require_unchanged(before: Results, now: Results) -> None:
    """Refuse to mix measurements of two machines, two versions or two data sets in one document.

    ``before`` is the header of the interrupted run, ``now`` what a header written now would say.

    Raises:
        ResultsError: something that timings depend on has changed.
    """
    changes = []
    old, new = msgspec.to_builtins(before.machine), msgspec.to_builtins(now.machine)
    for field in [field for field in old if field not in _OF_THE_JOB]:
        if isinstance(old[field], dict):
            keys = sorted({**old[field], **new[field]})
            pairs = [(f"{field} {key}", old[field].get(key), new[field].get(key)) for key in keys]
        else:
            pairs = [(field, old[field], new[field])]
        changes += [f"machine {name}: {a} -> {b}" for name, a, b in pairs if a != b]
    if before.code is not None and now.code is not None and before.code.sha256 != now.code.sha256:
        commits = f" (commit {before.code.commit} -> {now.code.commit})"
        is_same = before.code.commit == now.code.commit
        changes.append(
            f"code of bench, impls or an implementation's file{'' if is_same else commits}"
        )
    if before.dataset.sha256 != now.dataset.sha256:
        changes.append(f"data: {before.dataset.source} has changed since the run began")
    if changes:
        raise ResultsError(
            "the run cannot be resumed, because something has changed since: "
            f"{'; '.join(changes)}. Undo the change, or start another run with --out and compare "
            "the two."
        )
