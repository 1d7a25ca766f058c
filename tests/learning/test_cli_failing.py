"""A trainer that raises, or ends the process, is one row's outcome; the others go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import exits
from bench.cli import crash
from tests.stand_ins.command import Said

Command = Callable[..., Said]

HEAD = "import sys\nfrom impls.numpy import optimized\n"
CLASS = "class Trainer(optimized.Trainer):\n"
FAILING = {
    "raises": (
        HEAD + CLASS + "    def epoch(self, order):\n        raise RuntimeError('out of ideas')\n",
        "failed: RuntimeError: out of ideas (raises.py, line 5)",
    ),
    "leaves": (
        HEAD + CLASS + "    def epoch(self, order):\n        sys.exit(0)\n",
        "failed: sys.exit(0) was called (leaves.py, line 5)",
    ),
    "imports": (HEAD + "sys.exit(0)\n" + CLASS + "    pass\n", "raised SystemExit: 0"),
    "breaks": (HEAD + "1 / 0\n" + CLASS + "    pass\n", "raised ZeroDivisionError"),
    "silent": (
        HEAD + CLASS + "    def predict(self, X):\n        return None\n",
        "silent.Trainer returned NoneType, and it must be an array of floats of shape (90, 3)",
    ),
    "narrow": (
        HEAD + CLASS + "    def predict(self, X):\n        return super().predict(X)[:, 0]\n",
        "narrow.Trainer returned an array of float32 of shape (90,)",
    ),
    "complex": (
        HEAD + CLASS + "    def predict(self, X):\n        return super().predict(X) + 0j\n",
        "complex.Trainer returned an array of complex64 of shape (90, 3)",
    ),
    "zeroing": (
        HEAD + CLASS + "    def load(self, parameters):\n"
        "        parameters.weights[0][:] = 0\n        super().load(parameters)\n",
        "read-only (zeroing.py, line 5). Start weights and data cannot be written to: copy them",
    ),
    "blanking": (
        HEAD + CLASS + "    def bind(self, X, Y):\n        X[:] = 0\n        super().bind(X, Y)\n",
        "read-only (blanking.py, line 5). Start weights and data cannot be written to: copy them",
    ),
    "full": (
        HEAD + CLASS + "    def epoch(self, order):\n        raise MemoryError('no more')\n",
        "failed: MemoryError: no more",
    ),
}  # fmt: skip
TRAINING = ("--network", "36-5-3", "--epochs", 2, "--batch-size", 30, "--no-check")


def written(folder: Path, name: str) -> str:
    (folder / f"{name}.py").write_text(FAILING[name][0])
    return f"{folder / f'{name}.py'}:Trainer"


def networks(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "evaluation.json").read_text())["networks"]
    return found


def test_later_implementations_are_trained_and_reported(
    mlpbench: Command, npz: Path, tmp_path: Path
) -> None:
    """One run has a trainer of each kind, since none of them may end it for those that follow."""
    failing = [written(tmp_path, name) for name in FAILING]
    said = mlpbench(
        "train", "--impl", ",".join(("numpy-naive", *failing, "numpy-cached")), *TRAINING,
        "--dataset", npz, "--out", "out",
    )  # fmt: skip
    assert said.code == exits.NOT_ALL_VALID
    assert [name for name, (_, reason) in FAILING.items() if reason not in said.out] == []
    assert "Traceback (most recent call last)" not in said.out + said.err
    assert [one["name"] for one in networks(tmp_path / "out")] == ["numpy-naive", "numpy-cached"]
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize("name", ["zeroing", "blanking"])
def test_a_trainer_that_writes_into_its_data_changes_nobody_else(
    mlpbench: Command, npz: Path, tmp_path: Path, name: str
) -> None:
    usual = (*TRAINING, "--dataset", npz, "--out")
    mlpbench("train", "--impl", "numpy-cached", *usual, "alone")
    mlpbench("train", "--impl", f"{written(tmp_path, name)},numpy-cached", *usual, "after")
    (alone,), (after,) = networks(tmp_path / "alone"), networks(tmp_path / "after")
    assert (after["train"], after["test"]) == (alone["train"], alone["test"])


def test_an_exit_of_the_only_trainer_is_no_success(
    mlpbench: Command, npz: Path, tmp_path: Path
) -> None:
    failing = written(tmp_path, "leaves")
    said = mlpbench("train", "--impl", failing, *TRAINING, "--dataset", npz, "--out", "out")
    assert said.code == exits.NOT_ALL_VALID
    (kept,) = (tmp_path / "temporary").glob("mlpbench-traceback-*.txt")
    assert str(kept) in said.out
    assert "SystemExit: 0" in kept.read_text()


def test_a_variable_prints_the_traceback_of_a_trainer(
    mlpbench: Command, npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(crash.TRACEBACK, "1")
    failing = written(tmp_path, "raises")
    said = mlpbench("train", "--impl", failing, *TRAINING, "--dataset", npz, "--out", "out")
    assert "Traceback (most recent call last)" in said.out


def test_other_networks_are_evaluated_and_reported(
    mlpbench: Command, npz: Path, tmp_path: Path
) -> None:
    usual = ("--dataset", npz, "--out")
    mlpbench("train", "--impl", "numpy-naive,numpy-cached", *TRAINING, *usual, "out")
    models = (tmp_path / "out" / "numpy-naive.npz", tmp_path / "out" / "numpy-cached.npz")
    for name in ("imports", "silent", "narrow"):
        failing = written(tmp_path, name)
        said = mlpbench("evaluate", *models, "--impl", failing, *usual, "none")
        assert said.code == exits.NOT_ALL_VALID
        assert said.out.count(" failed: ") == 2
        assert FAILING[name][1] in said.out
        assert not (tmp_path / "none").exists()


def test_one_network_that_cannot_be_evaluated_leaves_the_others(
    mlpbench: Command, npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = ("--dataset", npz, "--out")
    mlpbench("train", "--impl", "numpy-naive,numba", *TRAINING, *usual, "out")
    monkeypatch.setattr("impls.numpy.naive.Trainer.predict", lambda _self, _X: None)
    models = (tmp_path / "out" / "numpy-naive.npz", tmp_path / "out" / "numba.npz")
    said = mlpbench("evaluate", *models, *usual, "some")
    assert said.code == exits.NOT_ALL_VALID
    assert "numpy-naive failed: predict of impls.numpy.naive.Trainer returned NoneType" in said.out
    assert [one["name"] for one in networks(tmp_path / "some")] == ["numba"]


def test_a_study_reports_what_was_learned_before_its_trainer_failed(
    mlpbench: Command, npz: Path, tmp_path: Path
) -> None:
    (tmp_path / "later.py").write_text(
        HEAD + CLASS + "    def epoch(self, order):\n"
        "        if self.training.l2 > 0.1:\n            sys.exit(0)\n"
        "        return super().epoch(order)\n"
    )
    said = mlpbench(
        "study", "l2", "--values", "0.01,0.2", "--impl", f"{tmp_path / 'later.py'}:Trainer",
        *TRAINING, "--dataset", npz, "--out", "out",
    )  # fmt: skip
    assert said.code == exits.NOT_ALL_VALID
    assert "l2 0.2 failed: sys.exit(0) was called" in said.out
    assert json.loads((tmp_path / "out" / "study.json").read_text())["values"] == ["0.01"]
