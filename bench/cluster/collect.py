"""The standing of every job of a submission, and the documents of its runs.

A standing follows from the files on disk and from SLURM: from its controller, and from its
accounting where that is set up.  Every standing has a reason.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench import exits
from bench.cluster import submission
from bench.cluster.job import ENDED, is_unfinished
from bench.cluster.submission import Attempt, State, Task
from bench.documents import journal
from bench.documents.results import Results
from impls.errors import ResultsError

Kind = Literal[
    "done", "waiting", "running", "lost", "preempted", "timed out", "cancelled", "failed"
]
"""``lost`` is a job whose node or record is gone; ``failed`` one that ended without its answer."""

OVER: frozenset[Kind] = frozenset({"lost", "preempted", "timed out", "cancelled", "failed"})
"""Ended without being done: these may be submitted again."""

_QUERY_SECONDS = 60.0
_NOTHING = {"None", "(null)", "None assigned"}
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
class Standing:
    """One task's run: ``kind`` and ``reason`` say how it stands, ``attempts`` how often it began.

    ``machine`` is the kind of machine that was asked for, ``run`` the number of its document in
    the report, from 1, None where it has none.  ``exit_code`` is that of ``mlpbench run``.
    """

    task: str
    machine: str
    job: str
    node: str
    kind: Kind
    reason: str
    attempts: int
    exit_code: int | None = None
    run: int | None = None


@dataclass(frozen=True)
class JobState:
    """A job as the scheduler sees it: ``name`` such as ``RUNNING``, its reason and its node."""

    name: str
    reason: str = ""
    node: str = ""


@dataclass(frozen=True)
class Collected:
    """Every task's standing, and the documents in the order of their ``run`` numbers."""

    standings: tuple[Standing, ...]
    documents: tuple[Results, ...]
    paths: tuple[Path, ...]


def collect(folder: Path, of: State, states: Mapping[str, JobState]) -> Collected:
    """Return what became of every task, with the document of each that has one.

    A run that was interrupted, by whatever, counts with what it measured until then.

    Raises:
        ResultsError: the record of an attempt is damaged.
    """
    standings, documents, paths = [], [], []
    for task in of.submission.tasks:
        standing = standing_of(folder, of, task, states)
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


def standing_of(folder: Path, of: State, task: Task, states: Mapping[str, JobState]) -> Standing:
    """Return how the run of ``task`` stands: what its node wrote precedes what the scheduler says.

    Raises:
        ResultsError: the record of an attempt is damaged.
    """
    jobs = of.jobs.get(task.name, ())
    job = jobs[-1] if jobs else ""
    attempts = submission.attempts(folder / task.name)
    path, last = attempts[-1] if attempts else (None, None)
    mine = last if last is not None and last.job == job else None
    said = states.get(job)
    kind, reason = _judge(mine, said, local=of.submission.local, begun=bool(attempts))
    log = None
    if path is not None and mine is not None and kind in {"running", "failed"}:
        log = path / submission.OUTPUT
    elif kind == "failed":
        log = folder / submission.LOGS / f"{job}_0_log.err"
    if log is not None:
        reason = ": ".join(filter(None, [reason, _last_line(log)]))
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
    last: Attempt | None, said: JobState | None, *, local: bool, begun: bool
) -> tuple[Kind, str]:
    """Return how a run stands, and why: ``last`` is the latest attempt in its latest job."""
    code = last.exit_code if last is not None else None
    if code in ENDED:
        return "done", ""
    if not is_unfinished(code):
        return "failed", f"mlpbench run ended with exit code {code}"
    signals = {number.value: number.name for number in signal.Signals}
    killed = ""
    if code == exits.INTERRUPTED:
        killed = "it was interrupted"
    elif code is not None:
        killed = f"it was killed by {signals.get(-code, f'signal {-code}')}"
    if not local:
        return _judge_job(said, killed, begun=begun)
    if last is None:
        return "waiting", "it has not begun"
    if killed:
        return "cancelled", killed
    return "running", "or killed, where no 'mlpbench submit --local' runs any more"


def _judge_job(said: JobState | None, killed: str, *, begun: bool) -> tuple[Kind, str]:
    """Return how a job of the scheduler stands whose run did not end by itself."""
    if said is None:
        return "lost", "SLURM does not know the job any more, and it left no result"
    if said.name in _WAITING:
        again = "begun before; goes on when it gets a node" if begun else ""
        return "waiting", ", ".join(filter(None, [again, said.reason]))
    if said.name in _RUNNING:
        return "running", ""
    kind, meaning = _ENDS.get(said.name, ("failed", "the job ended without a result"))
    reason = f"{meaning} ({', '.join(filter(None, [said.name, said.reason]))})"
    return kind, f"{killed}; {reason}" if kind == "failed" and killed else reason


def _last_line(path: Path) -> str:
    """Return the last line in a text file that says anything; empty where there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 4000))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _document(task_folder: Path) -> tuple[Path, Results] | None:
    """Return the latest document of a task with its path, complete or not.

    Raises:
        ResultsError: it is damaged.
    """
    for folder, _ in reversed(submission.attempts(task_folder)):
        path = folder / journal.NAME
        if path.exists() and b"\n" in path.read_bytes():
            return path, journal.read(path)
    return None


def ask_slurm(jobs: Collection[str]) -> dict[str, JobState]:
    """Return the state of each of ``jobs`` that SLURM still knows.

    The controller forgets a job some minutes after its end; accounts, where a cluster keeps them,
    do not.
    """
    if not jobs:
        return {}
    wanted = ",".join(sorted(jobs))
    known = dict(
        _read(
            "squeue", "--noheader", "--array", "--states=all", f"--jobs={wanted}",
            "--format=%i|%T|%r|%N",
        )
    )  # fmt: skip
    if set(jobs) - known.keys():
        accounts = _read(
            "sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={wanted}",
            "--format=JobID,State,Reason,NodeList",
        )  # fmt: skip
        known = {**dict(accounts), **known}
    return {job: state for job, state in known.items() if job in jobs}


def _read(*command: str) -> Iterator[tuple[str, JobState]]:
    """Yield one job per line; nothing where the command is missing or fails."""
    if shutil.which(command[0]) is None:
        return
    done = subprocess.run(  # noqa: S603  # job numbers that sbatch gave
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=_QUERY_SECONDS,
        check=False,
    )
    for line in done.stdout.decode(errors="replace").splitlines():
        parts = [part.strip() for part in line.split("|")]
        if len(parts) == 4:
            job, name, reason, node = ("" if part in _NOTHING else part for part in parts)
            # "CANCELLED by 1000" is cancelled as well.
            yield job, JobState(name.partition(" ")[0], reason, node)
