"""``mlpbench compare``: the files it reads, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.documents import files, journal
from tests.cli.compared_files import GRID, ONE, SLOWER, Compare
from tests.documents import test_pytest_json
from tests.stats.compared import (
    cell,
    document,
    times,
)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "SOURCES"),
        (("none.json", "base.json"), "cannot read none.json"),
        (("base.json", "junk.json"), "junk.json is not a results document"),
        (("base.json", "cut.json"), "cut.json is"),
        (("base.json", "cut.jsonl"), "cut.jsonl is"),
        (("base.json", "zero.json"), "zero.json is damaged"),
        (("base.json", "base.json"), "base.json is named twice"),
        (("base.json", "./base.json"), "base.json is named twice"),
        (("base.json", "empty.json"), "only base.json has such cells"),
        (("base.json", "--by", "treads"), "Did you mean 'threads'?"),
        (("base.json", "--by", "threads", "--baseline", "3"), "Known: 1, 2."),
        (("base.json", "--by", "threads", "--filter", "treads=1"), "Did you mean 'threads'?"),
        (("base.json", "--by", "threads", "--filter", "threads=9"), "no cells match threads=9"),
        (("base.json", "--by", "threads", "--threshold", "threads=1"), "not FIELD=PATTERN:SHARE"),
        (("base.json", "--by", "threads", "--threshold", "threads=1:x"), "'x' is not a share"),
        (("base.json", "--by", "threads", "--threshold", "1:5%"), "not FIELD=PATTERN"),
        (("base.json", "--by", "threads", "--margin", "0"), "0 is not possible"),
        (("base.json", "--by", "threads", "--phase", "epochs"), "'epochs' is not one of"),
        (("base.json", "--by", "threads", "--fail-on", "same"), "'same' is not one of"),
        (("base.json", "--by", "threads", "--json", "--markdown", "-"), "both print to stdout"),
        (("base.json", "--by", "threads", "--markdown", "no/such.md"), "cannot write no/such.md"),
    ],
)
def test_a_mistake_is_explained_without_traceback(
    mlpbench: Callable[..., Any], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    encoded = files.encode(GRID.document())
    (tmp_path / "base.json").write_bytes(encoded)
    (tmp_path / "junk.json").write_text("junk")
    (tmp_path / "cut.json").write_bytes(encoded[: len(encoded) // 2])
    (tmp_path / "cut.jsonl").write_bytes(encoded[: len(encoded) // 2])
    files.save(document({cell("numpy-naive"): [0.0]}), tmp_path / "zero.json")
    files.save(document({}), tmp_path / "empty.json")
    answer = mlpbench("compare", *arguments)
    assert answer.code == 64
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""


def test_a_journal_is_compared_with_a_document(
    mlpbench: Callable[..., Any], tmp_path: Path
) -> None:
    files.save(ONE.document(), tmp_path / "base.json")
    record = journal.Journal(tmp_path / "run", msgspec.structs.replace(SLOWER, outcomes=()))
    record.add(journal.Entry(job=0, seconds=1.0, outcomes=SLOWER.outcomes))
    record.close()
    said = mlpbench("compare", "base.json", record.path)
    assert said.code == 1
    assert "complete" in said.out


def test_paths_from_the_root_keep_their_form(mlpbench: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("1.json", "2.json"):
        files.save(ONE.document(), tmp_path / name)
    said = mlpbench("compare", tmp_path / "1.json", "2.json")
    assert said.out.startswith(f"Epoch time of 2.json against {tmp_path / '1.json'}:")


def from_pytest(threads: int, seconds: float) -> bytes:
    """What pytest writes under so many threads, with one process as it has."""
    benchmarks = [
        test_pytest_json.benchmark(phase, threads=threads, pools=(threads,))
        for phase in ("step", "forward")
    ]
    for one in benchmarks:
        one["stats"]["data"] = [seconds, seconds]
    content: dict[str, Any] = msgspec.json.decode(test_pytest_json.document(*benchmarks))
    run = content["machine_info"][test_pytest_json.KEY]
    run["machine"]["environment"] = {"OPENBLAS_NUM_THREADS": str(threads)}
    return msgspec.json.encode(content)


@pytest.fixture
def two_of_pytest(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_bytes(from_pytest(1, 0.5))
    (tmp_path / "2.json").write_bytes(from_pytest(2, 0.25))


@pytest.mark.usefixtures("two_of_pytest")
def test_runs_of_pytest_under_two_thread_counts_need_the_coordinate(
    mlpbench: Callable[..., Any],
) -> None:
    said = mlpbench("compare", "1.json", "2.json")
    assert said.code == 64
    assert "no cell is in two of the documents" in said.err
    assert "threads (1, 2): compare along it with --by threads" in said.err


@pytest.mark.usefixtures("two_of_pytest")
@pytest.mark.parametrize("coordinate", ["OPENBLAS_NUM_THREADS", "run"])
def test_a_coordinate_that_does_not_differ_alone_is_answered_with_one_that_does(
    mlpbench: Callable[..., Any], coordinate: str
) -> None:
    said = mlpbench("compare", "1.json", "2.json", "--by", coordinate)
    assert said.code == 64
    assert "compare along it with --by threads" in said.err


@pytest.mark.usefixtures("two_of_pytest")
def test_runs_of_pytest_are_compared_by_threads(mlpbench: Callable[..., Any]) -> None:
    said = mlpbench("compare", "1.json", "2.json", "--by", "threads")
    # Each is one process, which is too few for an interval.
    assert said.code == 2
    assert said.out.startswith("Step time of 2 threads against 1 thread: of 1 cell")
    assert "no epochs" in said.out
    assert "different times" in said.out
    assert "-50 %" in said.out
    assert "too-few" in said.out
    assert "OPENBLAS_NUM_THREADS" not in said.out
    assert mlpbench("report", "1.json", "2.json").code == 0


def test_documents_that_share_nothing_are_not_comparable(compare: Compare) -> None:
    said = compare(document({cell(): times()}), document({cell("mine", threads=2): times()}))
    assert said.code == 4
    assert said.out.startswith("Nothing can be compared")
    assert "only in base.json" in said.out


@pytest.mark.usefixtures("two_of_pytest")
def test_a_document_measured_by_pytest_is_shown_to_be_measured_in_another_way(
    mlpbench: Callable[..., Any], tmp_path: Path
) -> None:
    run = document({cell("numpy-naive"): times()})
    files.save(run, tmp_path / "base.json")
    said = mlpbench("compare", "base.json", "1.json")
    assert "generator" in said.out
    assert said.code == 2


@pytest.mark.parametrize(
    ("sources", "labels"),
    [
        (("a/results.json", "b/results.json"), ("a", "b")),
        (("results/a/results.json", "results/b/results.json"), ("a", "b")),
        (("1.json", "2.json"), ("1.json", "2.json")),
        (("r.json", "deeper/r.json"), ("r.json", "deeper/r.json")),
        (("a/b/1.json", "a/c/2.json"), ("b/1.json", "c/2.json")),
    ],
)
def test_documents_are_called_by_what_tells_them_apart(
    mlpbench: Callable[..., Any], tmp_path: Path, sources: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    for source in sources:
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        files.save(ONE.document(), tmp_path / source)
    said = mlpbench("compare", *sources)
    assert said.out.startswith(f"Epoch time of {labels[1]} against {labels[0]}:")
