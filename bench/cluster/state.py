"""What is on disk of a submission: the plan with the scheduler's job numbers, and every attempt.

``submit.json`` is written by ``mlpbench submit``; ``NAME/N/attempt.json`` by the N-th attempt at a
run, on its node.  Both sides see them through the shared file system.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec

from bench.cluster.plan import Submission
from bench.documents import files
from impls.errors import ResultsError

NAME = "submit.json"
ATTEMPT = "attempt.json"
OUTPUT = "output.txt"
LOGS = "submitit"
"""The folder in which submitit keeps its scripts and logs."""
VERSION = 1


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


def load(folder: Path) -> State:
    """Return the state of the submission in ``folder``.

    Raises:
        ResultsError: there is none, it is damaged, or a newer version wrote it.
    """
    path = folder / NAME
    if not path.exists():
        raise ResultsError(f"{folder} holds no {NAME}: give the --out of 'mlpbench submit'")
    try:
        state = msgspec.json.decode(files.read_bytes(path), type=State)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ResultsError(f"{path} is damaged: {error}. Submit again with another --out.") from (
            error
        )
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
    numbered = [one for one in task_folder.glob("*") if one.name.isdecimal()]
    for folder in sorted(numbered, key=lambda one: int(one.name)):
        path = folder / ATTEMPT
        if not path.exists():
            continue
        try:
            attempts.append((folder, msgspec.json.decode(files.read_bytes(path), type=Attempt)))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ResultsError(
                f"{path} is damaged: {error}. Remove {folder} and give --resubmit."
            ) from error
    return attempts


def record(folder: Path, attempt: Attempt) -> None:
    """Write what is known of an attempt.

    Raises:
        ResultsError: the folder cannot be written.
    """
    files.write_bytes(folder / ATTEMPT, msgspec.json.encode(attempt))


def now() -> str:
    """Return the time as it is recorded: UTC, to the second."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def last_line(path: Path) -> str:
    """Return the last line in a text file that says anything; empty where there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 4000))
        lines = file.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
