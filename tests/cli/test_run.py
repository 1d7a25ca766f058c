"""The command line at work: real workers on small data, and refusals before any work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.documents import files, journal
from bench.documents.results import Invalid, Measured, Results
from bench.documents.timings import EPOCH
from impls import registry
from tests.stand_ins import fakes, third_party

Command = Callable[..., Any]


@pytest.fixture
def small_run(mlpbench: Command, npz: Path, tmp_path: Path) -> Command:
    """``mlpbench run`` on the small file into ``out``."""

    def run(*arguments: object) -> Any:
        fixed = ("--network", "36-8-3", "--dataset", npz, "--profile", "quick", "--threads", "1")
        size = ("--batch-size", "20", "--bare")
        return mlpbench("run", *fixed, *size, "--out", tmp_path / "out", *arguments)

    return run


@pytest.fixture
def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that gets as far as a worker fails."""

    def fail(_cpus: object) -> None:
        pytest.fail("a worker was to be started")

    monkeypatch.setattr("bench.cli.run_measurement.Launcher", fail)


def test_a_file_is_measured_and_reported(small_run: Command, tmp_path: Path) -> None:
    implementation = third_party.write(tmp_path, "right")
    said = small_run("--impl", implementation)
    assert said.code == 0, said.err
    found = files.load(tmp_path / "out" / "results.json")
    assert found.complete
    outcome, again = found.outcomes
    assert isinstance(outcome, Measured)
    assert (outcome.block, again.cell) == (0, outcome.cell)
    assert outcome.cell.implementation == "right:Trainer"
    assert outcome.cell.network == "36-8-3"
    assert any(timing.phase == EPOCH and timing.examples == 90 for timing in outcome.timings)
    assert (found.dataset.examples, found.dataset.features) == (90, 36)
    assert found == journal.read(tmp_path / "out" / "journal.jsonl")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "right:Trainer" in page
    assert "Block 2/2, batch 20: " in said.out
    assert str(tmp_path / "out" / "report.html") in said.out.replace("\n", "")
    assert said.err == ""


def test_wrong_gradients_are_invalid_and_not_timed(small_run: Command, tmp_path: Path) -> None:
    said = small_run("--impl", third_party.write(tmp_path, "wrong"), "--json")
    assert said.code == 3
    assert json.loads(said.out)["complete"] is True
    outcome, *_ = files.load(tmp_path / "out" / "results.json").outcomes
    assert isinstance(outcome, Invalid)
    assert "gradient of biases[0]" in outcome.reason
    assert b'"timings"' not in (tmp_path / "out" / "results.json").read_bytes()
    assert "gradient of biases[0]" in (tmp_path / "out" / "report.html").read_text()
    assert "invalid: " in said.err


def test_a_worker_that_dies_makes_exit_code_3_though_nothing_was_measured(
    small_run: Command, mlpbench: Command, tmp_path: Path
) -> None:
    said = small_run("--impl", third_party.write(tmp_path, "exits"))
    assert said.code == 3
    words = " ".join(mlpbench("run", "--help").out.split())
    assert "4, if not 3: nothing was measured" in words
    assert "failed: the worker ended with exit code 3" in said.out


def test_an_interrupted_run_keeps_what_was_measured(
    small_run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def behave(order: Any, request: Any) -> Any:
        if order.block == 1:
            raise KeyboardInterrupt
        return fakes.measure_all(order, request)

    launcher = fakes.FakeLauncher(behave)
    monkeypatch.setattr("bench.cli.run_measurement.Launcher", lambda _cpus: launcher)
    said = small_run("--impl", "numpy-naive,numpy-layout,numpy-cached", "--json")
    assert said.code == 130
    assert json.loads(said.out)["complete"] is False
    found = files.load(tmp_path / "out" / "results.json")
    assert not found.complete
    assert len(found.outcomes) == 3


@pytest.mark.usefixtures("no_workers")
def test_an_implementation_without_its_package_is_refused_before_any_work(
    small_run: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = registry.Row("absent", "none:T", "", ("no_such_module_anywhere",), extra="keras")
    monkeypatch.setattr(registry, "ROWS", (*registry.ROWS, row))
    said = small_run("--impl", "floor,absent")
    assert said.code == 64
    assert said.err.count("\n") == 1
    assert "mlpbench: --impl absent: no_such_module_anywhere not installed" in said.err
    assert "pip install 'mlpbench[keras]'" in said.err
    assert said.out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_workers")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--impl", "numpy-optimised"), "Did you mean 'numpy-optimized'"),
        (("--threads", "0"), "0 threads are not possible"),
        (("--batch-size", "0"), "0 is not in the range"),
        (("--env", "OMP"), "--env 'OMP' is not NAME=VALUE"),
        (("--dataset", "none.npz"), "none.npz"),
        (("--dataset", "junk.npz"), "junk.npz"),
        (("--network", "36-8-4"), "network 36-8-4 has 36 inputs and 4 outputs"),
        (("--network", "784-70-30-10"), "36 features and 3 classes"),
        (("--batch-size", "91"), "batch size 91 is more than"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_a_mistake_is_explained_without_traceback_and_without_work(
    small_run: Command, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    (tmp_path / "junk.npz").write_text("junk")
    answer = small_run("--impl", "floor", *arguments)
    assert answer.code == 64
    assert said in answer.err
    assert "Traceback" not in answer.err + answer.out
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("no_workers")
@pytest.mark.parametrize("below", [".", "deeper"])
def test_an_output_folder_that_is_a_file_is_refused_before_any_work(
    mlpbench: Command, npz: Path, tmp_path: Path, below: str
) -> None:
    place = tmp_path / "taken"
    place.write_text("kept")
    said = mlpbench(
        "run", "--impl", "floor", "--network", "36-8-3", "--batch-size", "20", "--dataset", npz,
        "--out", place / below,
    )  # fmt: skip
    assert said.code == 64
    assert said.err.startswith(f"mlpbench: cannot write into {place}")
    assert said.err.count("\n") == 1
    assert place.read_text() == "kept"


def test_a_class_that_the_named_file_does_not_have_is_refused_before_any_work(
    small_run: Command, tmp_path: Path
) -> None:
    name = third_party.write(tmp_path, "right").replace(":Trainer", ":Trainr")
    said = small_run("--impl", name)
    assert said.code == 64
    assert "right.py has no class 'Trainr' (it has Trainer)" in said.err
    assert not (tmp_path / "out").exists()


def document_with_outcomes() -> Results:
    plan = fakes.plan()
    effort = msgspec.structs.replace(plan.effort, blocks=1)
    plan = msgspec.structs.replace(plan, effort=effort, threads=(1,), trainings=plan.trainings[:1])
    outcomes = tuple(
        fakes.measured(fakes.cell(plan, implementation=name)) for name in plan.implementations
    )
    return fakes.document(plan=plan, outcomes=outcomes)


def test_a_report_is_written_from_results_and_from_a_journal(
    mlpbench: Command, tmp_path: Path
) -> None:
    document = document_with_outcomes()
    files.save(document, tmp_path / "results.json")
    record = journal.Journal(tmp_path / "journal", document)
    for number, outcome in enumerate(document.outcomes):
        record.add(journal.Entry(job=number, seconds=0.5, outcomes=(outcome,)))
    record.add(journal.Ending(reason="all 1 blocks"))
    record.close()
    for source in (tmp_path / "results.json", record.path):
        said = mlpbench("report", source, "-o", tmp_path / "page.html")
        assert said.code == 0, said.err
        assert f"Report: {tmp_path / 'page.html'}" in said.out
        page = (tmp_path / "page.html").read_text()
        assert "numpy-optimized" in page
        (tmp_path / "page.html").unlink()


def test_a_report_is_written_from_the_sample_of_version_1(
    mlpbench: Command, tmp_path: Path
) -> None:
    sample = Path(__file__).parent.parent / "data" / "results_v1.json"
    said = mlpbench("report", sample, "-o", tmp_path / "page.html")
    assert said.code == 0, said.err
    page = (tmp_path / "page.html").read_text()
    for name in ("right:Trainer", "wrong:Trainer", "exits:Trainer", "no_device:Trainer"):
        assert name in page


def test_a_report_without_output_goes_into_this_folder(mlpbench: Command, tmp_path: Path) -> None:
    files.save(document_with_outcomes(), tmp_path / "results.json")
    assert mlpbench("report", "results.json").code == 0
    assert (tmp_path / "report.html").is_file()


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (("none.json",), "cannot read none.json"),
        (("folder",), "cannot read folder: it is a folder. Name a file in it."),
        (("junk.json",), "junk.json is not a results document"),
        (("good.json", "junk.json"), "junk.json is not a results document"),
        ((), "SOURCES"),
        (("good.json", "-o", "folder"), "cannot write folder"),
        (("good.json", "-o", "none/page.html"), "cannot write none/page.html"),
        (("good.json", "-o", "."), "cannot write .: it is a folder"),
    ],
)
def test_a_report_that_cannot_be_made_is_explained(
    mlpbench: Command, tmp_path: Path, sources: tuple[str, ...], said: str
) -> None:
    (tmp_path / "junk.json").write_text("junk")
    (tmp_path / "folder").mkdir()
    files.save(document_with_outcomes(), tmp_path / "good.json")
    answer = mlpbench("report", *sources)
    assert answer.code == 64
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert "--out" not in answer.err.replace("--output", "")
    assert not list(tmp_path.glob("*.partial"))
