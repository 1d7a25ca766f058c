"""The record of a run while it is going on: append-only JSON lines, one per finished job.

The first line is the results document without outcomes; each later line holds one job's outcomes.
A crash at any point loses at most the job in flight: a line cut short is left out when reading.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from bench.documents import decode, read_bytes
from bench.errors import ResultsError
from bench.plan import jobs
from bench.results import Outcome, Results

NAME = "journal.jsonl"


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one job brought; ``job`` is its index in the plan's order."""

    job: int
    outcomes: tuple[Outcome, ...]


class Journal:
    """Writes a run's lines, each of them on disk before the next job starts."""

    def __init__(self, folder: Path, header: Results) -> None:
        """Start the journal in ``folder``.

        Raises:
            ResultsError: the folder cannot be made or written, or holds a run already.
        """
        self.path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                raise ResultsError(
                    f"{folder} holds the results of an earlier run: choose another folder with "
                    "--out, or remove them."
                )
            self._file = self.path.open("xb")
        except OSError as error:
            raise ResultsError(
                f"cannot write into {folder}: {error.strerror}. Choose a folder you may write to "
                "with --out."
            ) from error
        self._line(msgspec.json.encode(header))

    def add(self, job: int, outcomes: tuple[Outcome, ...]) -> None:
        """Record a finished job."""
        self._line(msgspec.json.encode(Entry(job=job, outcomes=outcomes)))

    def _line(self, text: bytes) -> None:
        try:
            self._file.write(text + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ResultsError(
                f"cannot write {self.path}: {error.strerror}. What was measured before is in it."
            ) from error

    def close(self) -> None:
        """Release the file."""
        self._file.close()


def read(path: Path) -> Results:
    """The results document that the journal at ``path`` amounts to, complete or not.

    Raises:
        ResultsError: it cannot be read, a complete line is damaged, or a newer version wrote it.
    """
    complete, _, _ = read_bytes(path).rpartition(b"\n")
    first, *rest = complete.split(b"\n")
    header = decode(first, origin=str(path))
    try:
        entries = [msgspec.json.decode(line, type=Entry) for line in rest]
    except msgspec.DecodeError as error:
        raise ResultsError(f"{path} is damaged: {error}. Run the measurement again.") from error
    outcomes = tuple(outcome for entry in entries for outcome in entry.outcomes)
    return msgspec.structs.replace(
        header, outcomes=outcomes, complete=len(entries) == len(jobs(header.plan))
    )
