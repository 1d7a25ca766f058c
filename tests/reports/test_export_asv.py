"""asv's results folder: read by asv itself where it is installed, and by our own eyes."""

from __future__ import annotations

import datetime as dt
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.documents.results import Measured, Results, Unverified
from impls.errors import ResultsError
from reports.exports import FORMATS, Request
from reports.exports.asv import Revision
from tests.reports import exported, sample

DATE = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
REVISION = Revision("a" * 40, DATE)
DOCUMENT = exported.document(sample.Shape(names=exported.NAMES, batch_sizes=(500, 32)))


def export(
    folder: Path, *documents: Results, revision: Revision = REVISION, **request: Any
) -> dict[str, Any]:
    """Write into ``folder``; the content of each file that was written."""

    def existing(path: str) -> bytes | None:
        return (folder / path).read_bytes() if (folder / path).exists() else None

    made = FORMATS["asv"].make(
        Request(documents, revisions=(revision,) * len(documents), existing=existing, **request)
    )
    for path, content in made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return {path: json.loads(content) for path, content in made.items()}


def only(document: Results, **wanted: object) -> Results:
    """``document`` with those outcomes whose cells are as wanted."""
    outcomes = tuple(
        one
        for one in document.outcomes
        if all(getattr(one.cell, name) == value for name, value in wanted.items())
    )
    return msgspec.structs.replace(document, outcomes=outcomes)


def slower(document: Results, factor: float) -> Results:
    """``document`` with all rounds of numba longer by ``factor``."""
    return msgspec.structs.replace(
        document,
        outcomes=tuple(
            msgspec.structs.replace(
                one,
                timings=tuple(
                    msgspec.structs.replace(
                        timing, round_seconds=tuple(factor * s for s in timing.round_seconds)
                    )
                    for timing in one.timings
                ),
            )
            if isinstance(one, Measured) and one.cell.implementation == "numba"
            else one
            for one in document.outcomes
        ),
    )


def row_of(files: dict[str, Any], benchmark: str) -> dict[str, Any]:
    (path,) = (name for name in files if name.count("-") and "machine.json" not in name)
    return dict(zip(files[path]["result_columns"], files[path]["results"][benchmark], strict=True))


def test_the_folder_names_machine_commit_and_parameters(tmp_path: Path) -> None:
    files = export(tmp_path, DOCUMENT)
    (machine,) = {path.partition("/")[0] for path in files if "/" in path}
    assert set(files) == {
        "benchmarks.json",
        f"{machine}/machine.json",
        f"{machine}/aaaaaaaa-mlpbench-py3.11.json",
    }
    facts = files[f"{machine}/machine.json"]
    assert (facts["machine"], facts["version"]) == (machine, 1)
    assert os.uname().nodename not in json.dumps(files)
    content = files[f"{machine}/aaaaaaaa-mlpbench-py3.11.json"]
    assert content["commit_hash"] == "a" * 40
    assert content["date"] == 1000 * DATE.timestamp()
    assert content["params"] == {name: facts[name] for name in facts if name != "version"} | {
        "python": "3.11"
    }
    assert content["results"].keys() == {f"{name}.epoch" for name in exported.NAMES}
    benchmark = files["benchmarks.json"]["numba.epoch"]
    assert benchmark["param_names"] == ["network", "batch_size", "threads"]
    assert benchmark["params"] == [["'blog'"], ["32", "500"], ["1", "2"]]
    assert files["benchmarks.json"]["version"] == 2


def test_numbers_stand_in_the_order_of_the_parameters(tmp_path: Path) -> None:
    row = row_of(export(tmp_path, DOCUMENT), "numba.epoch")
    cells = [(size, threads) for size in (32, 500) for threads in (1, 2)]
    assert row["params"] == [["'blog'"], ["32", "500"], ["1", "2"]]
    for place, (size, threads) in enumerate(cells):
        rounds = [
            second
            for one in only(
                DOCUMENT, implementation="numba", batch_size=size, threads=threads
            ).outcomes
            if isinstance(one, Measured)
            for timing in one.timings
            if timing.phase == "epoch"
            for second in timing.round_seconds
        ]
        assert row["samples"][place] == rounds
        assert min(rounds) < row["result"][place] < max(rounds)
        # Three processes give a 99 % interval that is 2.3 times as wide as one of 95 %.
        assert row["stats_ci_99_a"][place] < row["result"][place] < row["stats_ci_99_b"][place]
        assert row["stats_repeat"][place] == len(rounds) == 15


def test_each_setting_has_a_file_of_its_own(tmp_path: Path) -> None:
    files = export(tmp_path, exported.document())
    found = [content for path, content in files.items() if "aaaaaaaa" in path]
    assert [one["env_vars"] for one in found] == [
        {},
        {"OMP_WAIT_POLICY": "active", "X_PATH": "(unset)"},
    ]
    assert len({one["env_name"] for one in found}) == 2


def test_a_second_export_adds_to_the_first(tmp_path: Path) -> None:
    export(tmp_path, only(DOCUMENT, batch_size=500))
    files = export(tmp_path, only(DOCUMENT, batch_size=32, threads=1))
    assert files["benchmarks.json"]["numba.epoch"]["params"][1:] == [["32", "500"], ["1", "2"]]
    row = row_of(files, "numba.epoch")
    whole = row_of(export(tmp_path / "whole", DOCUMENT), "numba.epoch")
    assert row["result"][0] == whole["result"][0]
    assert math.isnan(row["result"][1])
    assert row["result"][2:] == whole["result"][2:]
    assert row["samples"] == [whole["samples"][0], None, *whole["samples"][2:]]


def test_a_later_number_of_the_same_commit_counts(tmp_path: Path) -> None:
    before = row_of(export(tmp_path, DOCUMENT), "numba.epoch")["result"]
    after = row_of(export(tmp_path, slower(DOCUMENT, 2.0)), "numba.epoch")["result"]
    assert after == pytest.approx([2 * one for one in before])


def test_what_was_refused_is_a_gap(tmp_path: Path) -> None:
    outcomes = tuple(
        Unverified(cell=one.cell, block=one.block, reason="2 threads were busy", measured=one)
        if isinstance(one, Measured) and (one.cell.batch_size, one.cell.threads) == (32, 1)
        else one
        for one in DOCUMENT.outcomes
    )
    found = row_of(
        export(tmp_path, msgspec.structs.replace(DOCUMENT, outcomes=outcomes)), "numba.epoch"
    )
    assert found["result"][0] is None
    assert found["stats_ci_99_a"][0] is None
    assert None not in found["result"][1:]


def test_names_are_such_that_asv_can_take_them_apart(tmp_path: Path) -> None:
    outcomes = tuple(
        msgspec.structs.replace(
            one,
            cell=msgspec.structs.replace(one.cell, implementation="mine (new):T/x", threads=None),
        )
        for one in only(DOCUMENT, implementation="numba", threads=1).outcomes
    )
    files = export(tmp_path, msgspec.structs.replace(DOCUMENT, outcomes=outcomes))
    assert list(files["benchmarks.json"]) == ["mine_new_T_x.epoch", "version"]
    assert files["benchmarks.json"]["mine_new_T_x.epoch"]["params"][2] == ["'unset'"]


@pytest.mark.parametrize(
    "text", ["junk", "[]", '{"results": 1}', '{"results": {"a": 1}}', '{"a": 1}']
)
def test_a_damaged_folder_is_named(tmp_path: Path, text: str) -> None:
    files = export(tmp_path, DOCUMENT)
    (name,) = (path for path in files if "aaaaaaaa" in path)
    (tmp_path / name).write_text(text)
    with pytest.raises(ResultsError, match=f"{name} in the folder of asv is damaged: "):
        export(tmp_path, DOCUMENT)
    (tmp_path / name).unlink()
    (tmp_path / "benchmarks.json").write_text("[]")
    with pytest.raises(ResultsError, match=r"benchmarks\.json in .* it holds no object"):
        export(tmp_path, DOCUMENT)


def _git(folder: Path, *arguments: str) -> str:
    """What git answers, in a repository that knows nothing of its user."""
    who = {
        f"GIT_{kind}_{what}": "x@y"
        for kind in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
        env={**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_asv_publishes_the_folder_and_finds_the_step(tmp_path: Path) -> None:
    """The real program; it is no requirement of the tests."""
    pytest.importorskip("asv")
    repository, results = tmp_path / "repository", tmp_path / "results"
    repository.mkdir()
    _git(repository, "init", "--quiet", "--initial-branch=main")
    for number in range(8):
        _git(repository, "commit", "--quiet", "--allow-empty", "--message", f"change {number}")
        commit = _git(repository, "rev-parse", "HEAD")
        shape = sample.Shape(names=exported.NAMES, batch_sizes=(500, 32), seed=number)
        factor = 1.0 if number < 5 else 1.5
        revision = Revision(commit, DATE + dt.timedelta(days=number))
        export(results, slower(exported.document(shape), factor), revision=revision)
    config = {
        "version": 1, "project": "mine", "repo": "repository", "branches": ["main"],
        "results_dir": "results", "html_dir": "html",
    }  # fmt: skip
    (tmp_path / "asv.conf.json").write_text(json.dumps(config))
    done = subprocess.run(
        [sys.executable, "-m", "asv", "publish"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    found = json.loads((tmp_path / "html" / "regressions.json").read_text())["regressions"]
    assert {one[0] for one in found} == {
        f"numba.epoch('blog', {size}, {threads})" for size in (32, 500) for threads in (1, 2)
    }
