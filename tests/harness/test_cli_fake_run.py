"""Options of ``run`` whose effect is not in the plan; workers are fakes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import fakes

SMALL = ("--network", "36-8-3", "--batch-size", "20")


def run_with_fakes(
    monkeypatch: pytest.MonkeyPatch, mlpbench: Callable[..., Any], npz: Path, *arguments: object
) -> tuple[fakes.FakeExecutor, Any]:
    executor = fakes.FakeExecutor(fakes.measure_all)
    monkeypatch.setattr("bench.cli.run.LocalExecutor", lambda: executor)
    fixed = ("--dataset", npz, "--impl", "numpy-naive", "--threads", "1", "--profile", "quick")
    return executor, mlpbench("run", *SMALL, *fixed, *arguments)


def test_dataset_timeout_and_out_reach_the_run(
    monkeypatch: pytest.MonkeyPatch, mlpbench: Callable[..., Any], npz: Path, tmp_path: Path
) -> None:
    out = tmp_path / "deep" / "out"
    executor, said = run_with_fakes(
        monkeypatch, mlpbench, npz, "--timeout", "12", "--out", out, "--env", "A=1"
    )
    assert said.code == 0, said.err
    assert executor.timeouts == [12]
    assert executor.environments[0]["A"] == "1"
    assert executor.orders[0].plan.examples == 90
    assert {path.name for path in out.iterdir()} == {
        "results.json", "report.html", "journal.jsonl",
    }  # fmt: skip


def test_without_out_the_folder_is_named_after_the_time(
    monkeypatch: pytest.MonkeyPatch, mlpbench: Callable[..., Any], npz: Path, tmp_path: Path
) -> None:
    _, said = run_with_fakes(monkeypatch, mlpbench, npz)
    assert said.code == 0
    (folder,) = (tmp_path / "results").iterdir()
    assert (folder / "results.json").is_file()


def test_json_is_one_object_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, mlpbench: Callable[..., Any], npz: Path, tmp_path: Path
) -> None:
    _, said = run_with_fakes(monkeypatch, mlpbench, npz, "--json", "--out", tmp_path / "out")
    answer = json.loads(said.out)
    assert answer["complete"] is True
    assert answer["summary"]
    assert all(isinstance(sentence, str) for sentence in answer["summary"])
    assert Path(answer["results"]).is_file()
    assert Path(answer["report"]).is_file()
    assert "worker process" in said.err
