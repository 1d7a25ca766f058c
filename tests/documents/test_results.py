from __future__ import annotations

import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from bench.documents import files, journal
from bench.documents.results import (
    SCHEMA_VERSION,
    Failed,
    Invalid,
    Measured,
    Outcome,
    Results,
    Unavailable,
    Unverified,
)
from bench.documents.sources import read_any
from bench.documents.timings import Check
from impls.errors import ResultsError
from tests.stand_ins import fakes

SAMPLE = Path(__file__).parent.parent / "data" / "results_v1.json"


def every_outcome() -> tuple[Outcome, ...]:
    plan = fakes.plan()
    cell = fakes.cell(plan, setting=(("A", None), ("B", "1")))
    bad = Check(name="outputs", error=None, tolerance=1e-5, place="not finite at [0]")
    return (
        fakes.measured(cell),
        Unverified(cell=cell, block=0, reason="two pools"),
        Unverified(cell=cell, block=1, reason="busy", measured=fakes.measured(cell)),
        Invalid(cell=cell, block=0, reason="wrong", gate=(bad,)),
        Unavailable(cell=cell, reason="<b>no</b> \u00e9\u4e2d package"),
        Failed(cell=cell, block=0, reason="died", detail="line\nline\t\x1b[31m"),
    )


def encoded(**changes: object) -> bytes:
    return files.encode(fakes.document(outcomes=every_outcome(), **changes))


def test_a_document_with_every_kind_of_outcome_survives_the_round_trip() -> None:
    document = fakes.document(outcomes=every_outcome(), complete=False, command="mlpbench run")
    assert files.decode(files.encode(document), origin="here") == document


def test_a_document_names_its_version_and_is_made_to_be_read() -> None:
    assert f'"schema_version": {SCHEMA_VERSION}'.encode() in encoded()
    assert encoded().count(b"\n") > 50


def test_data_of_older_documents_were_standardised() -> None:
    assert files.load(SAMPLE).dataset.normalisation == "standard"


def test_a_check_that_is_not_finite_is_not_passed() -> None:
    for error, passed in ((None, False), (float("nan"), False), (1e-4, False), (1e-5, True)):
        assert Check(name="x", error=error, tolerance=1e-5).passed is passed


def test_no_document_holds_what_json_has_no_word_for() -> None:
    for odd in (float("nan"), float("inf"), -float("inf")):
        check = Check(name="x", error=odd, tolerance=1e-5)
        cell = fakes.cell(fakes.plan())
        invalid = Invalid(cell=cell, block=0, reason="r", gate=(check,))
        text = files.encode(fakes.document(outcomes=(invalid,)))
        assert b"NaN" not in text
        assert b"Infinity" not in text
        (found,) = files.decode(text, origin="here").outcomes
        assert isinstance(found, Invalid)
        assert found.gate[0].error is None


def test_a_value_of_an_unknown_type_is_refused_instead_of_becoming_text() -> None:
    with pytest.raises(TypeError):
        files.encode(fakes.document(command=object()))


def test_a_newer_version_is_refused_with_both_versions_and_the_remedy() -> None:
    ours = b'"schema_version": %d' % SCHEMA_VERSION
    newer = encoded().replace(ours, b'"schema_version": 99')
    with pytest.raises(
        ResultsError, match=rf"f\.json has schema version 99.* up to {SCHEMA_VERSION}. Update"
    ):
        files.decode(newer, origin="f.json")


def test_a_newer_version_is_refused_as_such_whatever_else_it_holds() -> None:
    with pytest.raises(ResultsError, match="schema version 7"):
        files.decode(b'{"schema_version": 7, "new": [1]}', origin="f.json")


@pytest.mark.parametrize(
    "junk", [b"", b"no json", b"[]", b"{}", b"null", b'{"schema_version": "1"}', b"\x00\x01"]
)
def test_junk_is_refused_with_its_origin_and_what_would_do(junk: bytes) -> None:
    with pytest.raises(ResultsError, match=r"f\.json is not a results document.*mlpbench run"):
        files.decode(junk, origin="f.json")


def test_text_that_is_not_unicode_is_refused_too() -> None:
    with pytest.raises(ResultsError, match=r"f\.json is (damaged|not a results document)"):
        files.decode(b'{"schema_version": 1, "created_at": "\xff"}', origin="f.json")


def test_a_file_of_brackets_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(b"[" * 100_000)
    with pytest.raises(ResultsError, match=r"f\.json is not a results document"):
        read_any(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"kind": "measured"', b'"kind": "imagined"'),
        (b'"seed": 11', b'"seed": "eleven"'),
        (b'"complete": true', b'"complete": true, "surprise": 1'),
        (b'"dtype": "float32"', b'"dtype": "float16"'),
    ],
)
def test_a_damaged_document_is_refused_with_its_origin(old: bytes, new: bytes) -> None:
    text = encoded()
    assert old in text
    with pytest.raises(ResultsError, match=r"f\.json is damaged: .*Run the measurement again"):
        files.decode(text.replace(old, new, 1), origin="f.json")


def test_a_document_with_an_impossible_network_is_refused_with_its_origin() -> None:
    document = msgspec.json.decode(encoded())
    document["plan"]["network"]["layers"] = [6]
    with pytest.raises(ResultsError, match=r"f\.json"):
        files.decode(msgspec.json.encode(document), origin="f.json")


def test_the_sample_of_version_1_still_loads_as_the_newest() -> None:
    found = files.load(SAMPLE)
    assert found.schema_version == SCHEMA_VERSION, "brought up to date"
    assert found.complete
    kinds = {type(outcome) for outcome in found.outcomes}
    assert kinds == {Measured, Unverified, Invalid, Unavailable, Failed}
    measured = [one for one in found.outcomes if isinstance(one, Measured)]
    assert {timing.phase for one in measured for timing in one.timings} == {
        "step", "prepare", "forward", "loss", "backward", "update", "epoch",
    }  # fmt: skip
    assert read_any(SAMPLE) == found


def test_the_sample_names_no_machine() -> None:
    text = SAMPLE.read_text()
    assert not re.search(r"""["'= ]/\w""", text), "no path"
    assert not re.search(rf"\b{re.escape(os.uname().nodename)}\b", text)
    assert len(text) < 60_000


def test_a_saved_document_is_the_one_that_loads(tmp_path: Path, tiny_document: Results) -> None:
    path = tmp_path / "results.json"
    path.write_text("old")
    files.save(tiny_document, path)
    assert files.load(path) == tiny_document
    assert list(tmp_path.iterdir()) == [path], "no partial file stays behind"


def taken_by_a_folder(folder: Path) -> Path:
    (folder / "results.json").mkdir()
    return folder / "results.json"


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("kept")
    return folder / "file" / "results.json"


def in_no_folder(folder: Path) -> Path:
    return folder / "none" / "results.json"


@pytest.mark.parametrize("place", [taken_by_a_folder, below_a_file, in_no_folder])
def test_what_cannot_be_written_is_refused_and_leaves_no_partial_file(
    place: Callable[[Path], Path], tmp_path: Path, tiny_document: Results
) -> None:
    path = place(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ResultsError, match=r"cannot write .*results\.json: "):
        files.save(tiny_document, path)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failed_save_keeps_the_old_document(
    tmp_path: Path, tiny_document: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.json"
    files.save(tiny_document, path)

    def full(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ResultsError, match="No space left"):
        files.save(fakes.document(command="newer"), path)
    assert files.load(path) == tiny_document
    assert list(tmp_path.iterdir()) == [path]


def test_a_document_that_gzip_has_packed_is_read_as_it_is(
    tmp_path: Path, tiny_document: Results
) -> None:
    path = tmp_path / "results.json.gz"
    path.write_bytes(gzip.compress(files.encode(tiny_document)))
    assert files.load(path) == read_any(path) == tiny_document


@pytest.mark.parametrize("keep", [slice(0, 3), slice(0, -30), slice(0, 40)])
def test_a_packed_document_that_was_cut_short_is_refused_with_its_path(
    tmp_path: Path, tiny_document: Results, keep: slice
) -> None:
    path = tmp_path / "results.json.gz"
    path.write_bytes(gzip.compress(files.encode(tiny_document))[keep])
    with pytest.raises(ResultsError, match=r"cannot unpack .*results\.json\.gz: "):
        read_any(path)


@pytest.mark.parametrize("name", ["none.json", "folder", "none.jsonl"])
def test_what_cannot_be_read_is_refused_with_its_path(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ResultsError, match=rf"cannot read .*{name}"):
        read_any(tmp_path / name)


def with_round(seconds: float, examples: int = 8) -> Measured:
    one = fakes.measured(fakes.cell(fakes.plan()))
    timing = msgspec.structs.replace(
        one.timings[0], round_seconds=(0.5, seconds), examples=examples
    )
    return msgspec.structs.replace(one, timings=(timing,))


@pytest.mark.parametrize(("seconds", "examples"), [(0.0, 8), (-1.0, 8), (1.0, 0)])
def test_a_round_that_cannot_be_is_refused_wherever_a_document_is_read(
    tmp_path: Path, seconds: float, examples: int
) -> None:
    outcome = with_round(seconds, examples)
    said = rf"is damaged: {outcome.cell.id} has a round of {outcome.timings[0].phase} of"
    path = tmp_path / "results.json"
    files.save(fakes.document(outcomes=(outcome,)), path)
    record = journal.Journal(tmp_path / "journal", fakes.document(outcomes=()))
    record.add(journal.Entry(job=0, seconds=1.0, outcomes=(outcome,)))
    record.close()
    for written in (path, record.path):
        with pytest.raises(ResultsError, match=said):
            read_any(written)


def test_a_time_that_was_not_believed_may_be_any() -> None:
    outcome = with_round(0.0)
    unverified = Unverified(cell=outcome.cell, block=0, reason="no time", measured=outcome)
    document = fakes.document(outcomes=(unverified,))
    assert files.decode(files.encode(document), origin="here") == document


def test_the_mark_of_utf_8_is_read_over(tmp_path: Path, tiny_document: Results) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(b"\xef\xbb\xbf" + files.encode(tiny_document))
    assert files.load(path) == tiny_document
