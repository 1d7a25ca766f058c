"""The record of a run while it is going on: append-only JSON lines, one per finished job.

The first line is the results document without outcomes; each later line holds one job's outcomes,
and the last one says why the run ended.  A crash at any point loses at most the job in flight: a
line cut short is left out when reading, and cut off when the run is resumed.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from bench.documents.files import decode, read_bytes
from bench.documents.results import Outcome, Results
from bench.documents.soundness import require_durations
from bench.errors import ResultsError

NAME = "journal.jsonl"


class Entry(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="line",
    tag="job",
    forbid_unknown_fields=True,
):
    """What one job brought; ``job`` is its index in the plan's order, ``seconds`` its duration."""

    job: int
    seconds: float
    outcomes: tuple[Outcome, ...]


class Ending(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="line",
    tag="ending",
    forbid_unknown_fields=True,
):
    """The run came to its end, and why."""

    reason: str


class Journal:
    """Writes a run's lines, each of them on disk before the next job starts."""

    def __init__(self, folder: Path, header: Results) -> None:
        """Start the journal in ``folder``.

        Raises:
            ResultsError: the folder cannot be made or written, or holds a run already.
        """
        self.path = folder / NAME
        self.done: list[Entry] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                raise ResultsError(
                    f"{folder} holds the results of an earlier run: choose another folder with "
                    "--out, remove them, or go on with --resume."
                )
            self._file = self.path.open("xb")
        except OSError as error:
            raise _unwritable(folder, error) from error
        self._line(msgspec.json.encode(header))

    @classmethod
    def resume(cls, folder: Path) -> Journal:
        """Go on with the journal in ``folder``; a last line cut short is cut off.

        Raises:
            ResultsError: there is no journal, it is damaged, or its run came to its end.
        """
        path = folder / NAME
        complete, _, _ = read_bytes(path).rpartition(b"\n")
        entries, ending = _entries(complete, str(path))
        if ending is not None:
            raise ResultsError(
                f"the run in {folder} has ended ({ending.reason}): there is nothing to resume. "
                "Start another one with --out."
            )
        journal = cls.__new__(cls)
        journal.path, journal.done = path, entries
        try:
            os.truncate(path, len(complete) + 1)
            journal._file = path.open("ab")  # noqa: SLF001  # another constructor
        except OSError as error:
            raise _unwritable(folder, error) from error
        return journal

    def add(self, job: int, seconds: float, outcomes: tuple[Outcome, ...]) -> None:
        """Record a finished job."""
        entry = Entry(job=job, seconds=seconds, outcomes=outcomes)
        self._line(msgspec.json.encode(entry))
        self.done.append(entry)

    def end(self, reason: str) -> None:
        """Record that the run came to its end."""
        self._line(msgspec.json.encode(Ending(reason=reason)))

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
        ResultsError: it cannot be read, a complete line is damaged or holds a duration that cannot
            be, or a newer version wrote it.
    """
    complete, _, _ = read_bytes(path).rpartition(b"\n")
    header = decode(complete.partition(b"\n")[0], origin=str(path))
    entries, ending = _entries(complete, str(path))
    outcomes = tuple(outcome for entry in entries for outcome in entry.outcomes)
    require_durations(outcomes, origin=str(path))
    return msgspec.structs.replace(
        header,
        outcomes=outcomes,
        complete=ending is not None,
        ended="" if ending is None else ending.reason,
    )


def _entries(complete: bytes, origin: str) -> tuple[list[Entry], Ending | None]:
    """The finished jobs among complete lines, and the ending where there is one."""
    try:
        lines = [
            msgspec.json.decode(line, type=Entry | Ending) for line in complete.split(b"\n")[1:]
        ]
    except msgspec.DecodeError as error:
        raise ResultsError(f"{origin} is damaged: {error}. Run the measurement again.") from error
    endings = [line for line in lines if isinstance(line, Ending)]
    return [line for line in lines if isinstance(line, Entry)], endings[-1] if endings else None


def _unwritable(folder: Path, error: OSError) -> ResultsError:
    return ResultsError(
        f"cannot write into {folder}: {error.strerror}. Choose a folder you may write to with "
        "--out."
    )
