from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.documents import journal
from bench.documents.results import SCHEMA_VERSION, Failed, Outcome
from bench.errors import ResultsError
from bench.planning.plan import jobs
from tests.stand_ins import fakes


def outcomes(count: int = 1) -> tuple[Outcome, ...]:
    plan = fakes.plan()
    return tuple(
        Failed(cell=fakes.cell(plan, batch_size=number + 1), block=0, reason="r", detail="d\n'\"")
        for number in range(count)
    )


def written(folder: Path, entries: int, ended: str = "") -> Path:
    """A journal of ``entries`` finished jobs with two outcomes each."""
    record = journal.Journal(folder, fakes.document(complete=False))
    for number in range(entries):
        record.add(number, 0.5, outcomes(2))
    if ended:
        record.end(ended)
    record.close()
    return record.path


def test_a_finished_journal_is_a_complete_document(tmp_path: Path) -> None:
    total = len(jobs(fakes.plan()))
    found = journal.read(written(tmp_path, total, ended="all 2 blocks"))
    assert found.complete
    assert found.outcomes == outcomes(2) * total
    assert msgspec.structs.replace(found, outcomes=()) == fakes.document(ended="all 2 blocks")


def test_a_journal_without_an_ending_is_incomplete_even_with_every_job(tmp_path: Path) -> None:
    assert not journal.read(written(tmp_path, len(jobs(fakes.plan())))).complete


@pytest.mark.parametrize("torn", [b"", b'{"line":"job","job":3,"sec', b"\x00\xff"])
def test_a_resumed_journal_goes_on_after_its_last_whole_line(tmp_path: Path, torn: bytes) -> None:
    path = written(tmp_path, 3)
    with path.open("ab") as file:
        file.write(torn)
    record = journal.Journal.resume(tmp_path)
    assert [entry.job for entry in record.done] == [0, 1, 2]
    record.add(3, 0.25, outcomes(1))
    record.end("enough")
    record.close()
    found = journal.read(path)
    assert found.outcomes == outcomes(2) * 3 + outcomes(1)
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


def test_a_journal_without_finished_jobs_is_an_incomplete_document(tmp_path: Path) -> None:
    found = journal.read(written(tmp_path, 0))
    assert not found.complete
    assert found.outcomes == ()


@pytest.mark.parametrize("kept", [1, 20, 100])
def test_a_last_line_cut_short_is_left_out(tmp_path: Path, kept: int) -> None:
    path = written(tmp_path, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:kept])
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
