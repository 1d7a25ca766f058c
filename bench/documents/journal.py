"""The record of a run while it goes on: append-only JSON lines, one per sweep.

The first line is the results document without outcomes.  Then come, for every block, its workers,
the cells that are ready, the turns of each sweep and what the cells came to.  The last line says
why the run ended.  A crash at any point loses at most the sweep in flight: a line cut short is left
out when reading, and cut off when the run is resumed.  Every line carries a checksum.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.documents.files import decode, read_bytes, require_whole, sealed, unwritable_folder
from bench.documents.results import Measured, Outcome, Results, Unavailable
from bench.documents.rounds import Turn, agreeing, outcome_of
from bench.documents.soundness import require_durations
from impls.errors import ResultsError

NAME = "journal.jsonl"
Place = tuple[int, int, int]
"""A block, a job and a batch size."""


class JournalLine(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag=str.lower,
    forbid_unknown_fields=True,
):  # fmt: skip
    """One line after the header, with its checksum; ``line`` in it says which of these it is."""

    sha256: str = ""


class Block(JournalLine, frozen=True, kw_only=True):
    """A set of workers is alive: their ``jobs``, and the ``seconds`` that it took to start them."""

    block: int
    repetition: int
    jobs: tuple[int, ...]
    seconds: float


class CellLine(JournalLine, frozen=True, kw_only=True, tag="cell"):
    """A cell is ready or at its end (a measured ``outcome`` without rounds), or it is over."""

    job: int
    block: int
    outcome: Outcome


class Sweep(JournalLine, frozen=True, kw_only=True):
    """One turn of every worker at one batch size, by job in the order in which they took it."""

    block: int
    batch_size: int
    sweep: int
    turns: tuple[tuple[int, Turn], ...]


class Stage(JournalLine, frozen=True, kw_only=True):
    """A block is done with a batch size.

    It took ``seconds``, of which ``prepared`` went before the first turn.
    """

    block: int
    repetition: int
    batch_size: int
    jobs: tuple[int, ...]
    seconds: float
    prepared: float


class Entry(JournalLine, frozen=True, kw_only=True, tag="job"):
    """What one job brought, in journals older than version 4."""

    job: int
    seconds: float
    outcomes: tuple[Outcome, ...]


class Again(JournalLine, frozen=True, kw_only=True):
    """The run was resumed, and cells that had failed until then are measured again.

    Each of ``cells`` is the block, the job and the batch size of a failure.
    """

    cells: tuple[Place, ...]


class Ending(JournalLine, frozen=True, kw_only=True):
    """The run came to its end, and why."""

    reason: str


Line = Block | CellLine | Sweep | Stage | Entry | Again | Ending
L = TypeVar("L", Block, CellLine, Sweep, Stage, Entry, Again, Ending)


class Journal:
    """Writes a run's lines, each of them on disk before the next sweep starts."""

    def __init__(self, folder: Path, header: Results) -> None:
        """Start the journal in ``folder``.

        Raises:
            ResultsError: the folder cannot be made or written, or holds a run already.
        """
        self.path, self.header = folder / NAME, header
        self.lines: list[Line] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists() or (folder / "results.json").exists():
                raise ResultsError(
                    f"{folder} holds the results of an earlier run: choose another folder with "
                    "--out, remove them, or go on with --resume."
                )
            self._file = self.path.open("x+b")
        except OSError as error:
            raise unwritable_folder(folder, error) from error
        self._write(msgspec.json.encode(header))

    @classmethod
    def resume(cls, folder: Path) -> Journal:
        """Go on with the journal in ``folder``; a last line cut short is cut off.

        Cells that failed, were refused or are unverified are to be measured again.

        Raises:
            ResultsError: there is no journal, it is damaged, or its run came to its end and has
                no such cell.
        """
        path = folder / NAME
        header, lines, length = _parts(path)
        ending = _ending(lines)
        again = _failed(lines, header.plan.target)
        if ending is not None and not again:
            raise ResultsError(
                f"the run in {folder} has ended ({ending.reason}): there is nothing to resume. "
                "Start another one with --out."
            )
        journal = cls.__new__(cls)
        journal.path, journal.header, journal.lines = path, header, lines
        try:
            os.truncate(path, length)
            journal._file = path.open("a+b")  # noqa: SLF001  # another constructor
        except OSError as error:
            raise unwritable_folder(folder, error) from error
        if again:
            journal.add(Again(cells=again))
        return journal

    def add(self, line: Line) -> None:
        """Record what happened."""
        self._write(msgspec.json.encode(sealed(line)))
        self.lines.append(line)

    def document(self) -> Results:
        """Return the results document that the lines so far make."""
        return _document(self.header, self.lines)

    def of(self, kind: type[L]) -> list[L]:
        """Return the lines of one kind."""
        return [line for line in self.lines if isinstance(line, kind)]

    def _write(self, text: bytes) -> None:
        try:
            self._file.write(text + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ResultsError(
                f"cannot write {self.path}: {error.strerror}. The file keeps earlier results."
            ) from error

    def close(self) -> bool:
        """Release the file.  Return whether somebody had removed it, so that it was written again.

        Raises:
            ResultsError: it was removed and cannot be written again.
        """
        is_gone = not self._file.closed and not self.path.exists()
        if is_gone:
            number = self._file.fileno()
            content = os.pread(number, os.fstat(number).st_size, 0)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.path.write_bytes(content)
            except OSError as error:
                raise unwritable_folder(self.path.parent, error) from error
        self._file.close()
        return is_gone


def _latest(lines: Sequence[Line], target: float | None) -> dict[Place, Outcome]:
    """Return the outcomes that nothing measured later replaces, by their place."""
    cells: dict[Place, Outcome] = {}
    taken: dict[Place, dict[int, Turn]] = {}
    for line in lines:
        if isinstance(line, CellLine):
            cells[line.block, line.job, line.outcome.cell.batch_size] = line.outcome
        elif isinstance(line, Sweep):
            for job, turn in line.turns:
                taken.setdefault((line.block, job, line.batch_size), {})[line.sweep] = turn
    complete: dict[Place, Outcome] = {}
    last: dict[Place, int] = {}
    repetitions = repetitions_of(lines)
    for place, outcome in cells.items():
        block, job, size = place
        whole: Outcome | None = outcome
        if isinstance(outcome, Measured):
            whole = outcome_of(outcome, taken.get(place, {}), target)
        if whole is not None:
            complete[place] = whole
            cell = (repetitions.get(block, block), job, size)
            last[cell] = max(block, last.get(cell, block))
    again = {place for line in lines if isinstance(line, Again) for place in line.cells}
    return {
        (block, job, size): outcome
        for (block, job, size), outcome in complete.items()
        if (block, job, size) not in again or last[repetitions[block], job, size] == block
    }


def _failed(lines: Sequence[Line], target: float | None) -> tuple[Place, ...]:
    """Return the places of cells that should have a valid number and have none."""
    blocks = repetitions_of(lines)
    return tuple(
        place
        for place, outcome in _latest(lines, target).items()
        if place[0] in blocks and not isinstance(outcome, Measured | Unavailable)
    )


def repetitions_of(lines: Iterable[Line]) -> dict[int, int]:
    """Return the repetition of the plan that each block belongs to."""
    return {line.block: line.repetition for line in lines if isinstance(line, Block)}


def read(path: Path) -> Results:
    """Return the results document that the journal at ``path`` holds, complete or not.

    Raises:
        ResultsError: it cannot be read, a complete line is damaged or holds a duration that cannot
            be, or a newer version wrote it.
    """
    header, lines, _ = _parts(path)
    document = _document(header, lines)
    require_durations(document.outcomes, origin=str(path))
    return document


def _document(header: Results, lines: Sequence[Line]) -> Results:
    """Return the document with what every cell came to, in the order in which the cells began.

    A cell without a timed epoch is left out: the run ended before its turn.  So is a failure in
    whose place the cell was measured again.  Processes of one cell that declare different settings
    are unverified: they are no repetitions of each other.
    """
    older = [outcome for line in lines if isinstance(line, Entry) for outcome in line.outcomes]
    ending = _ending(lines)
    return msgspec.structs.replace(
        header,
        outcomes=(*older, *agreeing(_latest(lines, header.plan.target).values())),
        complete=ending is not None,
        ended="" if ending is None else ending.reason,
    )


def has_ended(path: Path) -> bool:
    """Return whether the run of the journal at ``path`` ended and no cell is to be measured again.

    Raises:
        ResultsError: as :func:`read` does.
    """
    header, lines, _ = _parts(path)
    return _ending(lines) is not None and not _failed(lines, header.plan.target)


def _parts(path: Path) -> tuple[Results, list[Line], int]:
    """Return the header, all complete lines after it, and how many bytes these take together."""
    complete, _, _ = read_bytes(path).rpartition(b"\n")
    first, *rest = complete.split(b"\n")
    header = decode(first, origin=str(path))
    lines = []
    try:
        for number, line in enumerate(rest, start=2):
            require_whole(msgspec.json.decode(line, type=dict), origin=f"{path}:{number}")
            lines.append(msgspec.json.decode(line, type=Line))
    except msgspec.DecodeError as error:
        raise ResultsError(f"{path} is damaged: {error}. Run the measurement again.") from error
    return header, lines, len(complete) + 1


def _ending(lines: Sequence[Line]) -> Ending | None:
    """Return the last line where the run ended with it, and was not resumed."""
    return lines[-1] if lines and isinstance(lines[-1], Ending) else None
