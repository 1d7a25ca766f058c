"""``mlpbench train --resume``: trainings taken up again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from impls.training.model import Model
from tests.learning.trainings import Command, saved, write_interrupted
from tests.stand_ins.command import Said


@pytest.fixture
def resume(
    mlpbench: Command, npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Go on with a saved training on the small data."""
    monkeypatch.setattr("bench.cli.train.conclude", lambda *_: None)

    def run(model: Path, *options: object, out: str = "resumed") -> Said:
        return mlpbench(
            "train", "--resume", model, "--dataset", npz, "--out", tmp_path / out, *options
        )

    return run


def assert_same_training(one: Model, other: Model) -> None:
    assert one.learning_rate == other.learning_rate
    assert one.state.updates == other.state.updates
    assert np.array_equal(one.history.losses, other.history.losses)
    pairs = [(one.state.parameters, other.state.parameters)]
    pairs += zip(one.state.memory or (), other.state.memory or (), strict=True)
    for mine, theirs in pairs:
        for (name, ours), (_, expected) in zip(mine.arrays(), theirs.arrays(), strict=True):
            np.testing.assert_array_equal(ours, expected, err_msg=name)


@pytest.mark.parametrize("signals", [1, 2])
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_a_training_interrupted_and_resumed_ends_at_the_same_weights(
    train: Command, resume: Command, tmp_path: Path, signals: int, optimiser: str
) -> None:
    more = ("--optimiser", optimiser, "--dropout", 0.2)
    train(*more, out="whole")
    said = train("--impl", write_interrupted(tmp_path, signals), *more)
    assert said.code == 130
    said = resume(tmp_path / "out" / "interrupted-Trainer.npz", "--impl", "numpy-optimized")
    assert said.code == 0, said.err
    assert "Note:" not in said.out
    assert_same_training(saved(tmp_path / "resumed"), saved(tmp_path / "whole"))


def test_a_checkpoint_is_gone_on_with_by_the_implementation_that_wrote_it(
    train: Command, resume: Command, tmp_path: Path
) -> None:
    train("--checkpoint-every", 2, "--impl", "numba", "--max-batches", 3, "--examples", 70)
    said = resume(tmp_path / "out" / "checkpoints" / "numba-epoch-0004.npz")
    assert said.code == 0, said.err
    assert_same_training(saved(tmp_path / "resumed", "numba"), saved(tmp_path / "out", "numba"))


def test_an_implementation_in_a_file_goes_on_with_its_training_where_it_is_named(
    train: Command, resume: Command, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("from impls.numpy.optimized import Trainer as Mine\n")
    name = f"{tmp_path / 'mine.py'}:Mine"
    train("--impl", name)
    model = tmp_path / "out" / "mine-Mine.npz"
    said = resume(model, "--epochs", 7)
    assert said.code == 64
    assert "mine.py:Mine, and a model never decides which file is run" in said.err
    said = resume(model, "--epochs", 7, "--impl", name)
    assert said.code == 0, said.err
    assert saved(tmp_path / "resumed", "mine-Mine").epochs == 7
    assert resume(model, "--epochs", 7, "--impl", "numpy-naive", out="other").code == 0


def test_another_implementation_goes_on_with_a_training(
    train: Command, resume: Command, tmp_path: Path
) -> None:
    train("--checkpoint-every", 3)
    said = resume(
        tmp_path / "out" / "checkpoints" / "numpy-optimized-epoch-0003.npz", "--impl", "numpy-naive"
    )
    assert said.code == 0, said.err
    whole, other = saved(tmp_path / "out"), saved(tmp_path / "resumed", "numpy-naive")
    assert other.epochs == 6
    for (name, ours), (_, theirs) in zip(
        whole.state.parameters.arrays(), other.state.parameters.arrays(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-5, err_msg=name)


def test_a_finished_training_can_be_prolonged(
    train: Command, resume: Command, tmp_path: Path
) -> None:
    train(out="short")
    train("--epochs", 9, out="long")
    resume(tmp_path / "short" / "numpy-optimized.npz", "--epochs", 9)
    assert_same_training(saved(tmp_path / "resumed"), saved(tmp_path / "long"))


FORGETFUL = """
from impls import contract
from impls.numpy import optimized as numpy_optimized

class Trainer(numpy_optimized.Trainer):
    state = contract.Trainer.state
    resume = contract.Trainer.resume
"""


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (
            "forgetful",
            "numpy-optimized",
            "forgetful.py:Trainer did not return the state of its optimiser",
        ),
        ("numpy-optimized", "forgetful", "forgetful:Trainer cannot use the state of another"),
    ],
)
def test_an_optimiser_that_forgets_is_spoken_of(
    train: Command, resume: Command, tmp_path: Path, first: str, second: str, said: str
) -> None:
    (tmp_path / "forgetful.py").write_text(FORGETFUL)
    names = {
        "forgetful": f"{tmp_path / 'forgetful.py'}:Trainer",
        "numpy-optimized": "numpy-optimized",
    }
    files = {"forgetful": "forgetful-Trainer.npz", "numpy-optimized": "numpy-optimized.npz"}
    train("--impl", names[first])
    answer = resume(tmp_path / "out" / files[first], "--impl", names[second], "--epochs", 7)
    assert answer.code == 0, answer.err
    assert said in answer.out


def test_what_forgets_nothing_is_not_spoken_of(
    train: Command, resume: Command, tmp_path: Path
) -> None:
    (tmp_path / "forgetful.py").write_text(FORGETFUL)
    name = f"{tmp_path / 'forgetful.py'}:Trainer"
    train("--impl", name, "--momentum", 0)
    answer = resume(tmp_path / "out" / "forgetful-Trainer.npz", "--impl", name, "--epochs", 7)
    assert "Note:" not in answer.out


def test_what_cannot_be_resumed_is_explained(
    train: Command, resume: Command, mlpbench: Command, tmp_path: Path
) -> None:
    train()
    model = tmp_path / "out" / "numpy-optimized.npz"
    assert "has been trained for 6 epochs already: give a larger --epochs" in resume(model).err
    assert "leave out --l2, --seed" in resume(model, "--l2", 1, "--seed", 2).err
    with np.load(tmp_path / "stripes.npz") as archive:
        arrays = {**archive, "y_test": archive["y_test"][::-1]}
    np.savez(tmp_path / "other.npz", **arrays)
    answer = mlpbench(
        "train", "--resume", model, "--epochs", 7, "--dataset", tmp_path / "other.npz"
    )
    assert answer.code == 64
    assert "was trained on 90 examples of stripes, and these 90 of other are not the same" in (
        answer.err
    )
    assert "cannot read" in resume(tmp_path / "none.npz").err
