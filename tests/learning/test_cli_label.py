"""``--label``: which column of a table is learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from impls.training import model_files
from tests.stand_ins.command import Said

Command = Callable[..., Said]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """100 examples of two features, which are classes by two columns."""
    rng = np.random.default_rng(1)
    path = tmp_path / "own.csv"
    rows = (
        f"{a:.3f},{b:.3f},{n % 3},{n % 2}\n" for n, (a, b) in enumerate(rng.normal(size=(100, 2)))
    )
    path.write_text("a,b,three,two\n" + "".join(rows))
    return path


def test_training_going_on_evaluating_and_studying_take_the_column_that_is_named(
    mlpbench: Command, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cli.train.conclude", lambda *_: None)
    usual = ("--dataset", table, "--label", "three")
    said = mlpbench(
        "train", "--network", "3-4-3", "--epochs", 1, "--batch-size", 20, "--out", tmp_path / "out",
        *usual,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "The label of own.csv is column 'three', as --label says (0, 1, 2)" in said.out
    model = tmp_path / "out" / "numpy-optimized.npz"
    assert len(model_files.load(model).source.class_names) == 3
    again = mlpbench("train", "--resume", model, "--epochs", 2, "--out", tmp_path / "more", *usual)
    assert again.code == 0, again.err
    assert mlpbench("evaluate", model, "--out", tmp_path / "seen", *usual).code == 0
    studied = mlpbench(
        "study", "l2", "--values", "0,1", "--network", "3-4-3", "--epochs", 1, "--batch-size", 20,
        "--out", tmp_path / "study", *usual,
    )  # fmt: skip
    assert studied.code == 0, studied.err


def test_a_model_is_not_gone_on_with_by_another_label(
    mlpbench: Command, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cli.train.conclude", lambda *_: None)
    out = ("--epochs", 1, "--batch-size", 20, "--out", tmp_path / "out")
    mlpbench("train", "--network", "3-4-3", "--dataset", table, "--label", "three", *out)
    model = tmp_path / "out" / "numpy-optimized.npz"
    said = mlpbench("train", "--resume", model, "--epochs", 2, "--dataset", table, "--label", "two")
    assert said.code == 64
    assert "are not the same" in said.err


def test_a_toss_up_names_the_option(mlpbench: Command, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("".join(f"{n % 2},{n / 7:.2f},{n % 3}\n" for n in range(60)))
    said = mlpbench("train", "--dataset", path)
    assert said.code == 64
    assert "--label NAME, --label NUMBER (the first is 0) or --label last" in said.err
