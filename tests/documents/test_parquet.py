"""Documents in Parquet files: the same document, the same verdicts."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.documents import files, parquet
from bench.documents.results import Measured, Results
from bench.documents.sources import read_any
from impls.errors import ResultsError, UsageError
from reports import build_report
from reports.exports import FORMATS, Request
from reports.exports.table import tidy
from tests.reports import exported

Command = Callable[..., Any]
DOCUMENT = exported.document()


def rows_of(*documents: Results) -> list[dict[str, Any]]:
    """The table as a reader of the file gets it."""
    table = tidy(documents).astype(object)
    return table.where(table.notna(), None).to_dict("records")


def assembled(document: Results, rows: list[dict[str, Any]]) -> Results:
    return parquet.assembled(parquet.metadata([document]), rows, origin="it")


def test_table_and_metadata_make_the_document_again() -> None:
    assert assembled(DOCUMENT, rows_of(DOCUMENT)) == DOCUMENT


def test_the_metadata_hold_no_round() -> None:
    (first, second) = exported.document(), exported.document()
    one = next(outcome for outcome in second.outcomes if isinstance(outcome, Measured))
    timing = msgspec.structs.replace(
        one.timings[0], round_seconds=tuple(2 * s for s in one.timings[0].round_seconds)
    )
    changed = msgspec.structs.replace(one, timings=(timing, *one.timings[1:]))
    outcomes = tuple(changed if outcome is one else outcome for outcome in second.outcomes)
    second = msgspec.structs.replace(second, outcomes=outcomes)
    assert first != second
    assert parquet.metadata([first]) == parquet.metadata([second])


SPOILT: dict[str, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]] = {
    "last": lambda rows: rows[:-1],
    "first": lambda rows: rows[1:],
    "order": lambda rows: rows[::-1],
    "block": lambda rows: [{**row, "block": 7} for row in rows],
    "phase": lambda rows: [{**row, "phase": "step"} for row in rows],
    "all": lambda rows: rows[:0],
}


@pytest.mark.parametrize("what", SPOILT)
def test_rows_that_do_not_belong_to_the_metadata_are_refused(what: str) -> None:
    measured = tuple(one for one in DOCUMENT.outcomes if isinstance(one, Measured))[:4]
    document = msgspec.structs.replace(DOCUMENT, outcomes=measured)
    with pytest.raises(ResultsError, match="it is damaged: its table lacks rounds of"):
        assembled(document, SPOILT[what](rows_of(document)))


def test_a_round_that_took_no_time_is_refused() -> None:
    rows = rows_of(DOCUMENT)
    rows[0]["seconds"] = 0.0
    with pytest.raises(ResultsError, match=r"it is damaged: .* has a round"):
        assembled(DOCUMENT, rows)


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({}, "it holds no results document"),
        ({parquet.DOCUMENTS: b"x"}, "it holds no results document"),
        ({parquet.DOCUMENTS: b"x", parquet.ROUNDS: b"[]"}, "it is damaged"),
        ({parquet.DOCUMENTS: b"eHg=", parquet.ROUNDS: b"[]"}, "it is damaged"),
        (parquet.metadata([DOCUMENT]) | {parquet.ROUNDS: b"x"}, "it is damaged"),
        (parquet.metadata([DOCUMENT, DOCUMENT]), "it holds 2 runs, but one can be read"),
    ],
)
def test_metadata_that_hold_no_document_are_explained(
    stored: dict[bytes, bytes], said: str
) -> None:
    with pytest.raises(ResultsError, match=said):
        parquet.assembled(stored, [], origin="it")


def test_what_is_missing_to_write_and_to_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    needs = r"pyarrow is not installed; install it with: pip install 'mlpbench\[parquet\]'"
    with pytest.raises(UsageError, match=needs):
        FORMATS["parquet"].make(Request((DOCUMENT,)))
    path = tmp_path / "results.parquet"
    path.write_bytes(b"PAR1...PAR1")
    with pytest.raises(ResultsError, match=needs):
        read_any(path)


class TestRealFiles:
    """With pyarrow, which is an extra."""

    @pytest.fixture(autouse=True)
    def arrow(self) -> None:
        pytest.importorskip("pyarrow")

    def test_the_file_is_read_as_the_document_it_was_made_of(
        self, mlpbench: Command, tmp_path: Path
    ) -> None:
        files.save(DOCUMENT, tmp_path / "results.json")
        said = mlpbench("export", "results.json", "--format", "parquet", "-o", "r.parquet")
        assert (said.code, said.out, said.err) == (0, "", "Wrote r.parquet\n")
        assert read_any(tmp_path / "r.parquet") == DOCUMENT
        pages = [build_report([read_any(tmp_path / n)]) for n in ("r.parquet", "results.json")]
        assert pages[0] == pages[1]

    def test_compare_gives_the_same_verdicts(self, mlpbench: Command, tmp_path: Path) -> None:
        files.save(DOCUMENT, tmp_path / "results.json")
        mlpbench("export", "results.json", "--format", "parquet", "-o", "r.parquet")
        answers = [
            mlpbench("compare", name, "--by", "implementation", "--json")
            for name in ("results.json", "r.parquet")
        ]
        texts = [said.out.replace("r.parquet", "results.json") for said in answers]
        assert len(json.loads(texts[0])["comparisons"]) > 2
        assert texts[0] == texts[1]
        assert answers[0].code == answers[1].code

    def test_pandas_reads_the_table(self, tmp_path: Path) -> None:
        import pandas as pd  # noqa: PLC0415 - with its engine

        path = tmp_path / "two.parquet"
        path.write_bytes(FORMATS["parquet"].make(Request((DOCUMENT, DOCUMENT)))[""])
        pd.testing.assert_frame_equal(pd.read_parquet(path), tidy([DOCUMENT, DOCUMENT]))
        with pytest.raises(ResultsError, match="holds 2 runs, but one can be read"):
            read_any(path)

    def test_other_parquet_files_are_explained(self, tmp_path: Path) -> None:
        path = tmp_path / "other.parquet"
        tidy([DOCUMENT]).to_parquet(path)
        with pytest.raises(ResultsError, match=r"other\.parquet holds no results document"):
            read_any(path)
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(ResultsError, match=r"cannot read .*other\.parquet"):
            read_any(path)

    def test_rounds_that_do_not_fit_together_are_not_written(self) -> None:
        one = next(outcome for outcome in DOCUMENT.outcomes if isinstance(outcome, Measured))
        timing = msgspec.structs.replace(one.timings[0], round_seconds=())
        odd = msgspec.structs.replace(one, timings=(timing,))
        document = msgspec.structs.replace(DOCUMENT, outcomes=(odd,))
        with pytest.raises(ResultsError, match="cannot be written as Parquet"):
            FORMATS["parquet"].make(Request((document,)))
