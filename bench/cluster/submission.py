"""What is submitted, and what is on disk of it: the jobs, their numbers, and every attempt.

One job is one whole run on one exclusive host, because partners of a ratio must share a machine.
``submit.json`` is written by ``mlpbench submit``; ``NAME/N/attempt.json`` by the N-th attempt at a
run, on its node.  Both sides see them through the shared file system.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.documents import files
from impls.errors import ResultsError, UsageError

ANY = "any"
"""The kind of a job that may run on any machine of its partition."""
LOCAL = "local"
"""The kind of a job that runs on this machine."""
NAME = "submit.json"
ATTEMPT = "attempt.json"
OUTPUT = "output.txt"
LOGS = "submitit"
"""The folder in which submitit keeps its scripts and logs."""
VERSION = 1
T = TypeVar("T")


class Task(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run: ``name`` is that of its folder, ``kind`` the scheduler's constraint."""

    name: str
    kind: str
    replicate: int

    @property
    def constraint(self) -> str | None:
        """What the scheduler is asked for; None where any machine will do."""
        return None if self.kind in {ANY, LOCAL} else self.kind


class Resources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the scheduler is asked for, the same for every job.

    ``parallel`` limits the jobs of one kind that run at once.  ``setup`` are lines of shell that
    run before the job, ``options`` further options of ``sbatch`` by name.
    """

    partition: str | None = None
    minutes: int = 240
    parallel: int = 4
    setup: tuple[str, ...] = ()
    options: dict[str, str] = {}


class Submission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All jobs of one ``mlpbench submit``.

    ``arguments`` are those of ``mlpbench run``, in every job alike; ``directory`` is where the
    command was given, to which relative paths in them refer.
    """

    arguments: tuple[str, ...]
    directory: str
    tasks: tuple[Task, ...]
    resources: Resources = Resources()
    local: bool = False


class State(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A submission and the job numbers of each task, the latest last."""

    version: int
    submission: Submission
    jobs: dict[str, tuple[str, ...]]


class Attempt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One attempt at a run: its job, its node, and how it ended.

    ``exit_code`` is that of ``mlpbench run``, None while it runs and where it was killed.
    """

    job: str
    node: str
    begun: str
    ended: str | None = None
    exit_code: int | None = None


def tasks_for(kinds: Sequence[str], replicates: int) -> tuple[Task, ...]:
    """Return one task per kind and replicate, kinds in the order given.

    Raises:
        UsageError: a kind occurs twice, or two kinds would share a folder.
    """
    names = [re.sub(r"[^\w.=-]+", "-", kind).strip("-.") or "kind" for kind in kinds]
    for kind, name in zip(kinds, names, strict=True):
        if names.count(name) > 1:
            raise UsageError(
                f"--kind {kind}: another kind has the same folder, {name}: name each kind once"
            )
    return tuple(
        Task(name=f"{name}-{replicate}", kind=kind, replicate=replicate)
        for kind, name in zip(kinds, names, strict=True)
        for replicate in range(1, replicates + 1)
    )


def load(folder: Path) -> State:
    """Return the state of the submission in ``folder``.

    Raises:
        ResultsError: there is none, it is damaged, or a newer version wrote it.
    """
    path = folder / NAME
    if not path.exists():
        raise ResultsError(f"{folder} holds no {NAME}: give the --out of 'mlpbench submit'")
    state = _decoded(path, State, "Submit again with another --out")
    if state.version > VERSION:
        raise ResultsError(
            f"{path} has version {state.version}; this mlpbench reads up to {VERSION}. Update it."
        )
    return state


def save(folder: Path, state: State) -> None:
    """Write the state in one step.

    Raises:
        ResultsError: the folder cannot be written.
    """
    files.write_bytes(folder / NAME, msgspec.json.format(msgspec.json.encode(state), indent=1))


def attempts(task_folder: Path) -> list[tuple[Path, Attempt]]:
    """Return every attempt at the run of a task with its folder, the latest last.

    Raises:
        ResultsError: a record is damaged.
    """
    attempts = []
    numbered = [folder for folder in task_folder.glob("*") if folder.name.isdecimal()]
    for folder in sorted(numbered, key=lambda folder: int(folder.name)):
        if (folder / ATTEMPT).exists():
            remedy = f"Remove {folder} and give --resubmit"
            attempts.append((folder, _decoded(folder / ATTEMPT, Attempt, remedy)))
    return attempts


def _decoded(path: Path, kind: type[T], remedy: str) -> T:
    try:
        return msgspec.json.decode(files.read_bytes(path), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} is damaged: {error}. {remedy}.") from error


def record(folder: Path, attempt: Attempt) -> None:
    """Write what is known of an attempt.

    Raises:
        ResultsError: the folder cannot be written.
    """
    files.write_bytes(folder / ATTEMPT, msgspec.json.encode(attempt))


def now() -> str:
    """Return the time as it is recorded: UTC, to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
