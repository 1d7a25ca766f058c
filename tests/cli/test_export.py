"""``mlpbench export``: options, output and what cannot be done."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.documents import files
from bench.documents.results import Measured, Results
from bench.provenance.records import Code
from impls.registry import find
from reports.exports import FORMATS, Request
from tests.reports import exported

Command = Callable[..., Any]
DOCUMENT = exported.document()
COMMIT = "b" * 40


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Results], None]:
    """Save a document as results.json."""
    return lambda document: files.save(document, tmp_path / "results.json")


@pytest.fixture(autouse=True)
def some_results(saved: Callable[[Results], None]) -> None:
    saved(DOCUMENT)


@pytest.mark.parametrize("form", [name for name, one in FORMATS.items() if one.is_text])
def test_text_is_printed_or_written(mlpbench: Command, tmp_path: Path, form: str) -> None:
    expected = FORMATS[form].make(Request((DOCUMENT,)))[""].decode()
    said = mlpbench("export", "results.json", "--format", form)
    assert (said.code, said.out, said.err) == (0, expected, "")
    said = mlpbench("export", "results.json", "--format", form, "-o", "there")
    assert (said.code, said.out, said.err) == (0, "", "Wrote there\n")
    assert (tmp_path / "there").read_text(encoding="utf-8") == expected


def test_what_is_read_is_not_replaced(mlpbench: Command, tmp_path: Path) -> None:
    source = tmp_path / "results.json"
    before = source.read_bytes()
    said = mlpbench("export", "results.json", "--format", "csv", "-o", "results.json")
    assert said.code == 64
    assert "which this command reads" in said.err
    assert source.read_bytes() == before


def test_phases_are_chosen(mlpbench: Command) -> None:
    said = mlpbench("export", "results.json", "--format", "bmf", "--phase", "step,forward")
    assert {name.rpartition("/")[2] for name in json.loads(said.out)} == {"step", "forward"}


def test_markdown_begins_with_the_verdict_on_an_earlier_revision(
    mlpbench: Command, saved: Callable[[Results], None]
) -> None:
    row = find("numba")
    before = dataclasses.replace(row, name="numba@old", revision="c" * 40)
    outcomes = [
        msgspec.structs.replace(
            one,
            cell=msgspec.structs.replace(one.cell, implementation=name),
            timings=tuple(
                msgspec.structs.replace(
                    timing,
                    round_seconds=tuple(factor * second for second in timing.round_seconds),
                    sweeps=tuple(range(len(timing.round_seconds))),
                )
                for timing in one.timings
            ),
        )
        for one in DOCUMENT.outcomes
        if isinstance(one, Measured) and one.cell.id == "numba/blog/b500/t2"
        for name, factor in (("numba", 1.0), ("numba@old", 0.5))
    ]
    assert len(outcomes) == 6
    saved(msgspec.structs.replace(DOCUMENT, rows=(row, before), outcomes=tuple(outcomes)))
    said = mlpbench("export", "results.json", "--format", "markdown")
    assert said.out.startswith(
        "**numba/blog/b500/t2 against numba&#64;&#8203;old&#58; Slower by more than "
    )


def test_several_documents_make_one_table(mlpbench: Command, tmp_path: Path) -> None:
    files.save(DOCUMENT, tmp_path / "again.json")
    both = mlpbench("export", "results.json", "again.json", "--format", "csv").out
    assert (
        len(both.splitlines())
        == 2 * len(mlpbench("export", "again.json", "--format", "csv").out.splitlines()) - 1
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("results.json",), "Missing option '--format'"),
        (("results.json", "--format", "xml"), "'xml' is not one of"),
        (("none.json", "--format", "csv"), "cannot read none.json"),
        (("results.json", "--format", "parquet"), "cannot be printed: name a file with -o"),
        (("results.json", "--format", "asv"), "cannot be printed: name a folder with -o"),
        (("results.json", "--format", "csv", "--phase", "step"), "--phase has no meaning for"),
        (("results.json", "--format", "csv", "--margin", "5%"), "or use --format markdown"),
        (("results.json", "--format", "bmf", "--commit", "x"), "or use --format asv"),
        (("results.json", "--format", "bmf", "--phase", "steps"), "'steps' is not one of"),
        (("results.json", "--format", "csv", "-o", "no/file"), "cannot write no/file"),
        (("results.json", "--format", "asv", "-o", "results.json"), "git finds no such commit in"),
    ],
)
def test_what_cannot_be_exported_is_explained(
    mlpbench: Command, arguments: tuple[str, ...], said: str
) -> None:
    more = ("--commit", "HEAD") if arguments[-2:] == ("-o", "results.json") else ()
    answer = mlpbench("export", *arguments, *more)
    assert (answer.code, answer.out) == (64, "")
    assert said in answer.err


class TestCommits:
    """Which commit and date go into the folder of asv."""

    @pytest.fixture
    def commit(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        """The only commit of a repository in the current folder."""
        for name in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{name}_NAME", "x")
            monkeypatch.setenv(f"GIT_{name}_EMAIL", "x@y")
            monkeypatch.setenv(f"GIT_{name}_DATE", "2026-11-01T10:00:00+02:00")
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")

        def git(*arguments: str) -> str:
            done = subprocess.run(
                ["git", "-C", str(tmp_path), *arguments],  # noqa: S607 - the user's own git
                capture_output=True,
                text=True,
                check=True,
            )
            return done.stdout.strip()

        git("init", "--quiet")
        git("commit", "--quiet", "--allow-empty", "--message", "only")
        return git("rev-parse", "HEAD")

    @pytest.fixture
    def written(self, tmp_path: Path) -> Callable[[], dict[str, Any]]:
        """The file of the commit."""

        def read() -> dict[str, Any]:
            (path,) = (tmp_path / "asv").glob("*/*-mlpbench-py3.11.json")
            found: dict[str, Any] = json.loads(path.read_text())
            return found

        return read

    def test_a_commit_that_is_named_is_looked_up(
        self, mlpbench: Command, commit: str, written: Callable[[], dict[str, Any]]
    ) -> None:
        said = mlpbench(
            "export", "results.json", "--format", "asv", "-o", "asv", "--commit", "HEAD"
        )
        assert (said.code, said.err) == (0, "Wrote asv\n")
        assert written()["commit_hash"] == commit
        assert written()["date"] == 1793520000000

    @pytest.mark.usefixtures("commit")
    @pytest.mark.parametrize("named", ["none", "--output=x"])
    def test_one_that_git_does_not_know_is_refused(
        self, mlpbench: Command, tmp_path: Path, named: str
    ) -> None:
        arguments = ("export", "results.json", "--format", "asv", "-o", "asv", f"--commit={named}")
        said = mlpbench(*arguments)
        assert said.code == 64
        assert f"--commit {named}: git finds no such commit in" in said.err
        assert not (tmp_path / "asv").exists()
        assert not (tmp_path / "x").exists()

    def test_the_commit_in_the_results_is_taken(
        self,
        mlpbench: Command,
        commit: str,
        saved: Callable[[Results], None],
        written: Callable[[], dict[str, Any]],
    ) -> None:
        code = Code(sha256="0", commit=commit, modified=True)
        saved(msgspec.structs.replace(DOCUMENT, code=code))
        said = mlpbench("export", "results.json", "--format", "asv", "-o", "asv")
        assert said.code == 0
        assert f"Note: the sources differed from commit {commit[:8]} when" in said.err
        assert written()["date"] == 1793520000000

    def test_a_commit_unknown_to_git_has_the_date_of_the_run(
        self,
        mlpbench: Command,
        saved: Callable[[Results], None],
        written: Callable[[], dict[str, Any]],
    ) -> None:
        saved(msgspec.structs.replace(DOCUMENT, code=Code(sha256="0", commit=COMMIT)))
        said = mlpbench("export", "results.json", "--format", "asv", "-o", "asv")
        assert said.code == 0
        assert "git does not find bbbbbbbb here: the date is that of the run" in said.err
        assert written()["date"] == 1795253400000

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("results.json",), "the results name no commit"),
            (
                ("results.json", "again.json", "--commit", "HEAD"),
                "--commit is the commit of one run",
            ),
        ],
    )
    def test_a_commit_is_needed(
        self, mlpbench: Command, tmp_path: Path, arguments: tuple[str, ...], said: str
    ) -> None:
        files.save(DOCUMENT, tmp_path / "again.json")
        answer = mlpbench("export", *arguments, "--format", "asv", "-o", "asv")
        assert answer.code == 64
        assert said in answer.err
