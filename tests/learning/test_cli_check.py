"""What ``mlpbench train`` and ``study`` do with an implementation that is wrong, or diverges."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import exits
from impls.errors import ModelError
from impls.training import model_files
from tests.learning.trainings import Command, saved

WRONG = """
from impls.numpy import optimized

class Wrong(optimized.Trainer):
    def update(self):
        self.dP.vector *= 1.01
        super().update()
"""

DIVERGING = ("--activation", "relu", "--learning-rate", "1e30", "--print-period", "1")


@pytest.fixture
def wrong(tmp_path: Path) -> str:
    """The address of an implementation whose gradient is one percent too long."""
    (tmp_path / "wrong.py").write_text(WRONG)
    return f"{tmp_path / 'wrong.py'}:Wrong"


def networks(folder: Path) -> Any:
    return json.loads((folder / "evaluation.json").read_text())["networks"]


def test_what_computes_something_else_is_not_trained(
    train_and_report: Command, tmp_path: Path, wrong: str
) -> None:
    said = train_and_report("--impl", f"{wrong},numpy-naive")
    assert said.code == 3
    assert "wrong:Wrong is not trained: " in said.out
    assert "checks against the float64 reference failed; worst is" in said.out
    assert "With --no-check it is trained as it is." in said.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "numpy-naive.npz", "evaluation.json", "report.html",
    }  # fmt: skip
    (one,) = networks(tmp_path / "out")
    assert one["name"] == "numpy-naive"
    assert one["checked"] == "all 30 checks against the float64 reference passed"
    assert f"Before the training: numpy-naive: {one['checked']}." in (
        tmp_path / "out" / "report.html"
    ).read_text().replace("\n", " ")


def test_nothing_is_left_where_everything_is_refused(
    train: Command, tmp_path: Path, wrong: str
) -> None:
    said = train("--impl", wrong)
    assert said.code == 3
    assert list((tmp_path / "out").iterdir()) == []


def test_the_check_can_be_waived_and_that_is_recorded(
    train_and_report: Command, tmp_path: Path, wrong: str
) -> None:
    said = train_and_report("--impl", wrong, "--no-check")
    assert said.code == 0, said.err
    (one,) = networks(tmp_path / "out")
    assert one["checked"] == "not compared with the float64 reference"


@pytest.mark.parametrize("more", [(), ("--optimiser", "adam", "--dropout", 0.2)])
def test_the_check_changes_nothing_of_the_training(
    train: Command, tmp_path: Path, more: tuple[object, ...]
) -> None:
    train(*more, out="checked")
    train(*more, "--no-check", out="unchecked")
    one, other = saved(tmp_path / "checked"), saved(tmp_path / "unchecked")
    assert np.array_equal(one.history.losses, other.history.losses)


def test_a_batch_of_more_than_there_is_can_be_checked(train: Command, tmp_path: Path) -> None:
    assert train("--batch-size", 500).code == 0
    shutil.rmtree(tmp_path / "out")
    assert train("--batch-size", 500, "--max-batches", 1, "--reduction", "mean").code == 0


def test_several_values_that_are_probed_alike_are_checked_once(
    mlpbench: Command, npz: Path, tmp_path: Path, wrong: str
) -> None:
    usual = ("--network", "36-8-3", "--epochs", 1, "--dataset", npz, "--out", tmp_path / "out")
    said = mlpbench("study", "l2", "--values", "0.1,0.2,0", *usual)
    shutil.rmtree(tmp_path / "out")
    assert said.code == 0, said.err
    # Without a penalty there is other work to do.
    assert said.out.count("checks against the float64 reference passed") == 2
    said = mlpbench("study", "l2", "--values", "0.1,0.2", *usual, "--impl", wrong)
    assert said.code == 3
    assert said.out.count("wrong:Wrong is not trained") == 1


def test_warnings_of_libraries_come_back_after_the_check(train: Command) -> None:
    train()
    assert logging.root.manager.disable == logging.NOTSET


def test_a_training_that_diverges_ends_and_the_others_go_on(
    train_and_report: Command, tmp_path: Path
) -> None:
    said = train_and_report("--impl", "numpy-optimized,numpy-naive", *DIVERGING)
    assert said.code == 3
    for name in ("numpy-optimized", "numpy-naive"):
        assert f"{name} is not saved: the training diverged: after epoch" in said.out
    assert "Try a learning rate smaller than 1e+30" in said.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "evaluation.json", "report.html",
    }  # fmt: skip
    for one in networks(tmp_path / "out"):
        assert one["test"]["loss"] is None
        assert 0 < len(one["history"]) < 6


def test_no_checkpoint_is_made_of_a_training_that_diverged(train: Command, tmp_path: Path) -> None:
    said = train(*DIVERGING, "--checkpoint-every", 1)
    assert said.code == 3
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_a_study_of_what_is_wrong_has_the_exit_code_that_its_help_names(
    mlpbench: Command, npz: Path, tmp_path: Path, wrong: str
) -> None:
    usual = ("--network", "36-8-3", "--epochs", 1, "--dataset", npz, "--out", tmp_path / "out")
    said = mlpbench("study", "l2", "--values", "0.1,0.2", "--impl", wrong, *usual)
    assert said.code == exits.NOT_ALL_VALID
    words = " ".join(mlpbench("study", "--help").out.split())
    assert f"Exit code {said.code}: the implementation failed or differs from" in words
    assert "the training diverged with every value" in words


def test_a_value_that_diverges_is_a_finding_of_a_study(
    mlpbench: Command, npz: Path, tmp_path: Path
) -> None:
    usual = ("--network", "36-8-3", "--epochs", 3, "--dataset", npz, "--out", tmp_path / "out")
    said = mlpbench("study", "learning-rate", "--values", "1e30,0.001", *usual)
    assert said.code == 0, said.err
    assert "learning-rate 1e30 is not saved: the training diverged" in said.out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "learning-rate-0.001.npz", "report.html", "study.json",
    }  # fmt: skip


def test_a_model_that_diverged_is_never_written(train: Command, tmp_path: Path) -> None:
    train()
    model = saved(tmp_path / "out")
    model.state.parameters.biases[1][0] = np.inf
    said = r"because the training diverged: after epoch 6, biases\[1\] holds values that are not"
    with pytest.raises(ModelError, match=said):
        model_files.save(model, tmp_path / "new.npz")
    assert not (tmp_path / "new.npz").exists()


def test_a_rate_is_told_with_the_digits_that_people_read(train_and_report: Command) -> None:
    said = train_and_report("--decay", 1e-6)
    assert "rate 0.0199997\n" in said.out
    assert "0.01999970000" not in said.out
