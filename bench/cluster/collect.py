"""From what is on disk, and what the scheduler says, to standings and results documents."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cluster import state
from bench.cluster.job import Codes
from bench.cluster.plan import Task
from bench.cluster.scheduler import JobState
from bench.cluster.standing import Kind, Standing
from bench.cluster.state import Attempt, State
from bench.documents import journal
from bench.documents.results import Results
from impls.errors import ResultsError

_WAITING = {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESIZING"}
_RUNNING = {"RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT"}
_ENDS: dict[str, tuple[Kind, str]] = {
    "NODE_FAIL": ("lost", "the node failed"),
    "BOOT_FAIL": ("lost", "the node did not start"),
    "PREEMPTED": ("preempted", "a job of higher priority took the node"),
    "TIMEOUT": ("timed out", "the time limit was reached"),
    "DEADLINE": ("timed out", "the deadline was reached"),
    "CANCELLED": ("cancelled", "it was cancelled"),
    "OUT_OF_MEMORY": ("failed", "the job ran out of memory"),
}
"""What SLURM's words for the end of a job mean."""


@dataclass(frozen=True)
class Collected:
    """Every task's standing, and the documents in the order of their ``run`` numbers."""

    standings: tuple[Standing, ...]
    documents: tuple[Results, ...]
    paths: tuple[Path, ...]


def collect(folder: Path, of: State, states: Mapping[str, JobState], codes: Codes) -> Collected:
    """Return what became of every task, with the document of each that has one.

    A run that was interrupted, by whatever, counts with what it measured until then.

    Raises:
        ResultsError: the record of an attempt is damaged.
    """
    standings, documents, paths = [], [], []
    for task in of.submission.tasks:
        standing = standing_of(folder, of, task, states, codes)
        written = None
        try:
            written = _document(folder / task.name)
        except ResultsError as error:
            standing = replace(standing, kind="failed", reason=str(error))
        if written is not None:
            paths.append(written[0])
            documents.append(written[1])
            standing = replace(standing, run=len(documents))
        standings.append(standing)
    return Collected(tuple(standings), tuple(documents), tuple(paths))


def standing_of(
    folder: Path, of: State, task: Task, states: Mapping[str, JobState], codes: Codes
) -> Standing:
    """How the run of ``task`` stands: what its node wrote goes before what the scheduler says.

    Raises:
        ResultsError: the record of an attempt is damaged.
    """
    jobs = of.jobs.get(task.name, ())
    job = jobs[-1] if jobs else ""
    attempts = state.attempts(folder / task.name)
    path, last = attempts[-1] if attempts else (None, None)
    mine = last if last is not None and last.job == job else None
    said = states.get(job)
    kind, reason = _judge(mine, said, codes, local=of.submission.local, begun=bool(attempts))
    if path is not None and mine is not None and kind in {"running", "failed"}:
        reason = ": ".join(filter(None, [reason, state.last_line(path / state.OUTPUT)]))
    elif kind == "failed":
        log = folder / state.LOGS / f"{job}_0_log.err"
        reason = ": ".join(filter(None, [reason, state.last_line(log)]))
    return Standing(
        task=task.name,
        machine=task.kind,
        job=job,
        node=(mine.node if mine else "") or (said.node if said else ""),
        kind=kind,
        reason=reason,
        attempts=len(attempts),
        exit_code=mine.exit_code if mine else None,
    )


def _judge(
    last: Attempt | None, said: JobState | None, codes: Codes, *, local: bool, begun: bool
) -> tuple[Kind, str]:
    """Return how a run stands, and why: ``last`` is the latest attempt in its latest job."""
    if last is not None and last.exit_code in codes.ended:
        return "done", ""
    if last is not None and not codes.unfinished(last.exit_code):
        return "failed", f"mlpbench run ended with exit code {last.exit_code}"
    if local:
        return _judge_local(last, codes)
    kind, reason = _judge_job(said, begun=begun)
    if kind == "failed" and last is not None and last.exit_code is not None:
        return kind, f"{_killed(last.exit_code, codes)}; {reason}"
    return kind, reason


def _judge_job(said: JobState | None, *, begun: bool) -> tuple[Kind, str]:
    """Return how a job without a result stands."""
    if said is None:
        return "lost", "SLURM does not know the job any more, and it left no result"
    if said.name in _WAITING:
        again = "begun before; goes on when it gets a node" if begun else ""
        return "waiting", ", ".join(filter(None, [again, said.reason]))
    if said.name in _RUNNING:
        return "running", ""
    return _judge_end(said)


def _judge_end(said: JobState) -> tuple[Kind, str]:
    """Return what the scheduler's word for the end of a job means."""
    words = ", ".join(filter(None, [said.name, said.reason]))
    kind, meaning = _ENDS.get(said.name, ("failed", "the job ended without a result"))
    return kind, f"{meaning} ({words})"


def _judge_local(last: Attempt | None, codes: Codes) -> tuple[Kind, str]:
    if last is None:
        return "waiting", "it has not begun"
    if last.exit_code is not None:
        return "cancelled", _killed(last.exit_code, codes)
    return "running", "or killed, where no 'mlpbench submit --local' runs any more"


def _killed(code: int, codes: Codes) -> str:
    """Return how a run ended that did not end by itself."""
    if code == codes.interrupted:
        return "it was interrupted"
    known = {number.value: number.name for number in signal.Signals}
    return f"it was killed by {known.get(-code, f'signal {-code}')}"


def _document(task_folder: Path) -> tuple[Path, Results] | None:
    """Return the latest document of a task with its path, complete or not.

    Raises:
        ResultsError: it is damaged.
    """
    for folder, _ in reversed(state.attempts(task_folder)):
        path = folder / journal.NAME
        if path.exists() and b"\n" in path.read_bytes():
            return path, journal.read(path)
    return None
