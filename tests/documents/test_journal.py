from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.documents import journal
from bench.documents.assignment import Arrays, save_arrays
from bench.documents.results import SCHEMA_VERSION, Failed, Measured, Outcome
from bench.documents.rounds import outcome_of
from impls.errors import ResultsError
from tests.stand_ins import fakes


def outcomes(count: int = 1) -> tuple[Outcome, ...]:
    plan = fakes.plan()
    return tuple(
        Failed(cell=fakes.cell(plan, batch_size=number + 1), block=0, reason="r", detail="d\n'\"")
        for number in range(count)
    )


def stage(number: int) -> list[journal.Line]:
    """What a batch size brings where every cell fails: two outcomes, and its end."""
    cells: list[journal.Line] = [
        journal.CellLine(job=job, block=number, outcome=outcome)
        for job, outcome in enumerate(outcomes(2))
    ]
    end = journal.Stage(
        block=number, repetition=0, batch_size=8, jobs=(0, 1), seconds=0.5, prepared=0.25
    )
    return [*cells, end]


def written(folder: Path, stages: int, ended: str = "") -> Path:
    """A journal of so many finished batch sizes with two outcomes each."""
    record = journal.Journal(folder, fakes.document(complete=False))
    for number in range(stages):
        for line in stage(number):
            record.add(line)
    if ended:
        record.add(journal.Ending(reason=ended))
    record.close()
    return record.path


def test_a_finished_journal_is_a_complete_document(tmp_path: Path) -> None:
    found = journal.read(written(tmp_path, 4, ended="all 2 blocks"))
    assert found.complete
    assert found.outcomes == outcomes(2) * 4
    assert msgspec.structs.replace(found, outcomes=()) == fakes.document(ended="all 2 blocks")


def test_a_journal_without_an_ending_is_incomplete(tmp_path: Path) -> None:
    assert not journal.read(written(tmp_path, 6)).complete


@pytest.mark.parametrize("torn", [b"", b'{"line":"sweep","block":3,"tur', b"\x00\xff"])
def test_a_resumed_journal_goes_on_after_its_last_whole_line(tmp_path: Path, torn: bytes) -> None:
    path = written(tmp_path, 3)
    with path.open("ab") as file:
        file.write(torn)
    record = journal.Journal.resume(tmp_path)
    assert [line.block for line in record.of(journal.Stage)] == [0, 1, 2]
    for line in stage(3):
        record.add(line)
    record.add(journal.Ending(reason="enough"))
    record.close()
    found = journal.read(path)
    assert found.outcomes == outcomes(2) * 4
    assert found.complete
    assert found.ended == "enough"


def test_a_run_that_has_ended_is_not_resumed(tmp_path: Path) -> None:
    written(tmp_path, 3, ended="all 2 blocks")
    with pytest.raises(ResultsError, match=r"has ended \(all 2 blocks\).*--out"):
        journal.Journal.resume(tmp_path)


def test_a_folder_without_a_journal_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"cannot read .*journal\.jsonl"):
        journal.Journal.resume(tmp_path)


def test_an_unfinished_journal_is_an_incomplete_document(tmp_path: Path) -> None:
    found = journal.read(written(tmp_path, 7))
    assert not found.complete
    assert len(found.outcomes) == 14


def test_a_journal_without_lines_is_an_incomplete_document(tmp_path: Path) -> None:
    found = journal.read(written(tmp_path, 0))
    assert not found.complete
    assert found.outcomes == ()


@pytest.mark.parametrize("kept", [1, 20, 100])
def test_a_last_line_cut_short_is_left_out(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-3]) + lines[-3][:kept])
    found = journal.read(path)
    assert len(found.outcomes) == 4
    assert not found.complete


@pytest.mark.parametrize("damage", [b"{", b"", b'{"job": 1}', b'{"job": "x", "outcomes": []}'])
def test_a_damaged_line_in_the_middle_is_refused(tmp_path: Path, damage: bytes) -> None:
    path = written(tmp_path, 3)
    lines = path.read_bytes().splitlines()
    lines[2] = damage
    path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(ResultsError, match=r"journal\.jsonl is damaged.*Run the measurement again"):
        journal.read(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"junk\n", b'{"schema_version": 1}\n', b"[]\n"])
def test_a_file_that_is_no_journal_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match="journal"):
        journal.read(path)


def test_a_journal_of_a_newer_version_is_refused_as_such(tmp_path: Path) -> None:
    path = written(tmp_path, 1)
    newer = path.read_bytes().replace(
        b'"schema_version":%d' % SCHEMA_VERSION, b'"schema_version":99', 1
    )
    path.write_bytes(newer)
    with pytest.raises(ResultsError, match="schema version 99"):
        journal.read(path)


def test_a_missing_journal_is_refused_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"cannot read .*none\.jsonl: No such file"):
        journal.read(tmp_path / "none.jsonl")


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("kept")
    for folder in (place, place / "below"):
        with pytest.raises(ResultsError, match=r"cannot write into .*--out"):
            journal.Journal(folder, fakes.document())
    assert place.read_text() == "kept"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    assert written(tmp_path / "a" / "b", 1) == tmp_path / "a" / "b" / "journal.jsonl"


def test_rounds_are_put_together_by_cell_and_block(tmp_path: Path) -> None:
    plan = fakes.plan()
    cell = fakes.cell(plan)
    frame = msgspec.structs.replace(fakes.measured(cell), timings=())
    record = journal.Journal(tmp_path, fakes.document(complete=False))
    assignment = fakes.assignment(plan)
    for block in (0, 1):
        ready = msgspec.structs.replace(frame, block=block)
        record.add(journal.CellLine(job=0, block=block, outcome=ready))
        for sweep, kind in enumerate(("epoch", "parts", "epoch")):
            seconds = 4.0 + block + sweep
            turn = fakes.turn(assignment, kind, seconds)  # type: ignore[arg-type]
            record.add(journal.Sweep(block=block, batch_size=8, sweep=sweep, turns=((0, turn),)))
    record.close()
    first, second = journal.read(record.path).outcomes
    for outcome, begin in ((first, 4.0), (second, 5.0)):
        assert isinstance(outcome, Measured)
        (epoch,) = (one for one in outcome.timings if one.phase == "epoch")
        assert epoch.round_seconds == (begin, begin + 2)
        assert epoch.sweeps == (0, 2)
        assert outcome.wake_seconds == (0.5,) * 3


def test_a_cell_that_is_ready_and_has_had_no_turn_is_no_outcome(tmp_path: Path) -> None:
    record = journal.Journal(tmp_path, fakes.document(complete=False))
    frame = msgspec.structs.replace(fakes.measured(fakes.cell(fakes.plan())), timings=())
    record.add(journal.CellLine(job=0, block=0, outcome=frame))
    record.close()
    assert journal.read(record.path).outcomes == ()


def test_an_outcome_takes_the_place_of_what_was_ready_before(tmp_path: Path) -> None:
    plan = fakes.plan()
    cell = fakes.cell(plan)
    record = journal.Journal(tmp_path, fakes.document(complete=False))
    frame = msgspec.structs.replace(fakes.measured(cell), timings=())
    record.add(journal.CellLine(job=0, block=0, outcome=frame))
    turn = fakes.turn(fakes.assignment(plan), "epoch")
    record.add(journal.Sweep(block=0, batch_size=8, sweep=0, turns=((0, turn),)))
    died = Failed(cell=cell, block=0, reason="the worker was killed by SIGKILL")
    record.add(journal.CellLine(job=0, block=0, outcome=died))
    record.close()
    assert journal.read(record.path).outcomes == (died,)


def test_a_journal_of_an_older_version_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, 0)
    entry = journal.Entry(job=0, seconds=0.5, outcomes=outcomes(2))
    with path.open("ab") as file:
        file.write(msgspec.json.encode(entry) + b"\n")
    assert journal.read(path).outcomes == outcomes(2)


def test_every_line_is_on_disk_before_anything_else_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []

    def sync(number: int) -> None:
        synced.append(os.pread(number, os.fstat(number).st_size, 0))

    monkeypatch.setattr(os, "fsync", sync)
    record = journal.Journal(tmp_path / "out", fakes.document(complete=False))
    for count, line in enumerate((*stage(0), journal.Ending(reason="all")), start=2):
        record.add(line)
        assert len(synced) == count
        assert synced[-1] == record.path.read_bytes()
        assert synced[-1].count(b"\n") == count
    record.close()


def test_a_journal_that_was_removed_meanwhile_is_written_again(tmp_path: Path) -> None:
    record = journal.Journal(tmp_path / "out", fakes.document(complete=False))
    record.add(journal.Ending(reason="all blocks"))
    before = record.path.read_bytes()
    shutil.rmtree(tmp_path / "out")
    assert record.close()
    assert record.path.read_bytes() == before
    assert journal.read(record.path).complete


def test_a_journal_that_is_still_there_is_left_alone(tmp_path: Path) -> None:
    record = journal.Journal(tmp_path / "out", fakes.document(complete=False))
    assert not record.close()
    assert not record.close()


def test_data_that_do_not_fit_are_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(ResultsError, match=r"No space left on device\. Set TMPDIR to a folder"):
        save_arrays(tmp_path, Arrays(*fakes.examples()))


def test_the_usual_number_of_busy_threads_is_kept() -> None:
    assignment = fakes.assignment(fakes.plan())
    turns = {
        number: msgspec.structs.replace(fakes.turn(assignment, "epoch"), busy_threads=busy)
        for number, busy in enumerate((2, 1, 9, None, 1, 2, 2))
    }
    found = outcome_of(fakes.frame_of(assignment, 8), turns, None)
    assert isinstance(found, Measured)
    assert found.threads_busy == 2
