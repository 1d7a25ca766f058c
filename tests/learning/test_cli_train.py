"""``mlpbench train``: options, files, Ctrl-C."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impls import models
from impls.data import TrainingData
from impls.model import Model
from impls.registry import find
from impls.registry import load as load_implementation
from tests.harness.conftest import Said

Command = Callable[..., Said]

TRAINING = (
    "--network", "36-8-3", "--batch-size", 20, "--learning-rate", 0.02, "--momentum", 0.3,
    "--epochs", 6,
)  # fmt: skip

INTERRUPTED = """
import os, signal
from impls import numpy_optimized

class Trainer(numpy_optimized.Trainer):
    epochs = 0

    def epoch(self, order):
        type(self).epochs += 1
        for _ in range({signals} if type(self).epochs == 3 else 0):
            os.kill(os.getpid(), signal.SIGINT)
        return super().epoch(order)
"""


@pytest.fixture
def train(train_and_report: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The same without the report, whose charts take longer than the training."""
    monkeypatch.setattr("bench.cli.train.conclude", lambda *_: None)
    return train_and_report


@pytest.fixture
def train_and_report(mlpbench: Command, npz: Path, tmp_path: Path) -> Command:
    """Train the small network on the small data, with other options behind the usual ones."""

    def run(*options: object, out: str = "out") -> Said:
        return mlpbench("train", *TRAINING, "--dataset", npz, "--out", tmp_path / out, *options)

    return run


def saved(folder: Path, name: str = "numpy-optimized") -> Model:
    return models.load(folder / f"{name}.npz")


def numbers(folder: Path) -> Any:
    return json.loads((folder / "evaluation.json").read_text())


def test_a_training_leaves_network_report_and_numbers(
    train_and_report: Command, tmp_path: Path
) -> None:
    said = train_and_report()
    assert said.code == 0, said.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "numpy-optimized.npz", "report.html", "evaluation.json",
    }  # fmt: skip
    model = saved(tmp_path / "out")
    assert model.epochs == 6
    assert model.network.layers == (36, 8, 3)
    assert model.source.name == "stripes"
    found = numbers(tmp_path / "out")["networks"][0]
    assert found["parameters"] == 36 * 8 + 8 + 8 * 3 + 3
    assert len(found["history"]) == 6
    assert found["learning_rate"] == model.learning_rate
    assert f"Report: {tmp_path / 'out' / 'report.html'}" in said.out


def test_the_status_says_everything_that_is_followed(train: Command) -> None:
    said = train("--print-period", 4)
    status = [line for line in said.out.splitlines() if "epoch" in line and "rate" in line]
    assert [line.partition(":")[0] for line in status] == [
        "numpy-optimized, epoch 4 of 6", "numpy-optimized, epoch 6 of 6",
    ]  # fmt: skip
    for word in ("last batch: cost", "penalty", "mean error of the epoch", "all examples: loss",
                 "train,", "test", "mean weight by layer", "s in all"):  # fmt: skip
        assert word in said.out, word


def test_where_nobody_looks_no_accuracy_is_followed(
    train_and_report: Command, tmp_path: Path
) -> None:
    said = train_and_report("--evaluate-every", 0)
    assert said.code == 0
    assert "not looked at in this epoch" in said.out
    assert all(e["standing"] is None for e in numbers(tmp_path / "out")["networks"][0]["history"])
    assert "no accuracy curves" in (tmp_path / "out" / "report.html").read_text()


def test_looks_come_at_their_interval_and_at_the_end(train: Command, tmp_path: Path) -> None:
    train("--evaluate-every", 4)
    history = saved(tmp_path / "out").history
    assert [epoch.number for epoch in history.epochs if epoch.standing] == [4, 6]


@pytest.mark.parametrize(
    ("options", "part", "name", "value"),
    [
        (("--activation", "tanh"), "network", "activation", "tanh"),
        (("--loss", "cross-entropy"), "network", "loss", "cross-entropy"),
        (("--dropout", "0.25"), "network", "dropout", (0.25,)),
        (("--dtype", "float64"), "network", "dtype", "float64"),
        (("--network", "36-9-5-3", "--dropout", "0.1,0.3"), "network", "dropout", (0.1, 0.3)),
        (("--batch-size", 45), "training", "batch_size", 45),
        (("--epochs", 3), "training", "epochs", 3),
        (("--learning-rate", 0.005), "training", "learning_rate", 0.005),
        (("--decay", 0.5), "training", "decay", 0.5),
        (("--momentum", 0.1), "training", "momentum", 0.1),
        (("--l1", 0.02), "training", "l1", 0.02),
        (("--l2", 0.03), "training", "l2", 0.03),
        (("--optimiser", "adam"), "training", "optimiser", "adam"),
        (("--optimizer", "rmsprop"), "training", "optimiser", "rmsprop"),
        (("--beta1", 0.5), "training", "beta1", 0.5),
        (("--beta2", 0.5), "training", "beta2", 0.5),
        (("--rho", 0.5), "training", "rho", 0.5),
        (("--epsilon", 1e-3), "training", "epsilon", 1e-3),
        (("--reduction", "mean"), "training", "reduction", "mean"),
        (("--start", "glorot"), "training", "start", "glorot"),
        (("--start-scale", 0.5), "training", "start_scale", 0.5),
        (("--seed", 7), "training", "dropout_seed", 7),
        (("--seed", 7), "order", "seed", 7),
        (("--no-shuffle",), "order", "shuffle", False),
        (("--max-batches", 2), "order", "max_batches", 2),
        (("--examples", 60), "source", "examples", 60),
        (("--normalise", "range"), "normaliser", "name", "range"),
    ],
)  # fmt: skip
def test_every_option_reaches_the_training(
    train: Command, tmp_path: Path, options: tuple[object, ...], part: str, name: str, value: object
) -> None:
    said = train("--impl", "numpy-naive", *options)
    assert said.code == 0, said.err
    assert getattr(getattr(saved(tmp_path / "out", "numpy-naive"), part), name) == value


def test_options_change_what_is_learned(train: Command, tmp_path: Path) -> None:
    """The file alone would not show that a value is used."""
    train(out="usual")
    usual = saved(tmp_path / "usual").state.parameters.weights[0]
    for options in (("--no-shuffle",), ("--max-batches", 2), ("--seed", 5), ("--l2", 0.3),
                    ("--normalise", "unit"), ("--dropout", 0.5)):  # fmt: skip
        train(*options, out="other")
        other = saved(tmp_path / "other").state.parameters.weights[0]
        assert not np.array_equal(usual, other), options


def test_checkpoints_hold_the_training_at_their_epoch(train: Command, tmp_path: Path) -> None:
    train("--checkpoint-every", 2)
    places = sorted((tmp_path / "out" / "checkpoints").iterdir())
    assert [place.name for place in places] == [
        f"numpy-optimized-epoch-000{epoch}.npz" for epoch in (2, 4, 6)
    ]
    assert [models.load(place).epochs for place in places] == [2, 4, 6]


def test_several_implementations_learn_the_same(train_and_report: Command, tmp_path: Path) -> None:
    said = train_and_report("--impl", "numpy-naive,numpy-cached,numpy-optimized")
    assert said.code == 0, said.err
    one, *others = numbers(tmp_path / "out")["networks"]
    for other in others:
        assert other["learning_rate"] == one["learning_rate"]
        assert other["train"]["loss"] == pytest.approx(one["train"]["loss"], rel=1e-4)
        assert other["test"]["confusion_matrix"] == one["test"]["confusion_matrix"]


def test_a_saved_network_predicts_the_same_in_other_implementations(
    train: Command, tmp_path: Path, data: TrainingData
) -> None:
    train()
    model = saved(tmp_path / "out")
    outputs = {}
    for name in ("numpy-optimized", "numpy-naive", "numba"):
        trainer = load_implementation(find(name))(
            model.network, model.training, model.state.parameters
        )
        outputs[name] = trainer.predict(data.X_test)
    for name in ("numpy-naive", "numba"):
        np.testing.assert_allclose(outputs[name], outputs["numpy-optimized"], atol=2e-6)
        assert np.array_equal(outputs[name].argmax(1), outputs["numpy-optimized"].argmax(1))


def test_weights_of_one_network_start_another_training(train: Command, tmp_path: Path) -> None:
    train(out="first")
    said = train(
        "--weights", tmp_path / "first" / "numpy-optimized.npz", "--epochs", 1, "--learning-rate",
        1e-9, "--impl", "numpy-naive", out="second",
    )  # fmt: skip
    assert said.code == 0, said.err
    first, second = saved(tmp_path / "first"), saved(tmp_path / "second", "numpy-naive")
    assert second.epochs == 1
    for (name, ours), (_, theirs) in zip(
        first.state.parameters.arrays(), second.state.parameters.arrays(), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, atol=1e-6, err_msg=name)


def write_interrupted(folder: Path, signals: int) -> str:
    path = folder / "interrupted.py"
    path.write_text(INTERRUPTED.format(signals=signals))
    return f"{path}:Trainer"


@pytest.mark.parametrize(("signals", "epochs"), [(1, 3), (2, 2)])
def test_ctrl_c_ends_after_the_epoch_and_twice_at_once(
    train_and_report: Command, tmp_path: Path, signals: int, epochs: int
) -> None:
    said = train_and_report("--impl", write_interrupted(tmp_path, signals))
    assert said.code == 130
    assert "Interrupted: finishing the epoch" in said.out
    place = tmp_path / "out" / "interrupted-Trainer.npz"
    assert f"Go on with: mlpbench train --resume {place}" in said.out
    assert models.load(place).epochs == epochs
    assert f"after {epochs} epochs" in (tmp_path / "out" / "report.html").read_text()


def test_after_ctrl_c_no_further_implementation_is_trained(train: Command, tmp_path: Path) -> None:
    said = train("--impl", f"{write_interrupted(tmp_path, 1)},numpy-naive")
    assert said.code == 130
    assert not (tmp_path / "out" / "numpy-naive.npz").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dropout", "1"), "1"),
        (("--dropout", "0.1,0.2"), "give one rate of at least 0 and below 1 for each"),
        (("--network", "37-8-3"), "network 37-8-3 has 37 inputs and 3 outputs, stripes has 36"),
        (("--digit", 3), "--digit 3 is no class of stripes, which has 3: use 0 to 2"),
        (("--normalise", "odd"), "odd"),
        (("--learning-rate", 0), "0"),
        (("--impl", "floor"), "--impl floor trains nothing"),
        (("--impl", "none"), "unknown implementation 'none'"),
        (("--weights", "none.npz"), "cannot read none.npz"),
        (("--weights", "x.npz", "--loss", "mse"), "--weights brings its network: leave out --loss"),
        (("--resume", "x.npz"), "--resume goes on with the settings of the model: leave out"),
        (("--examples", 91), "cannot take 91 training examples"),
    ],
)  # fmt: skip
def test_a_mistake_is_explained_and_nothing_is_written(
    train: Command, tmp_path: Path, options: tuple[object, ...], said: str
) -> None:
    answer = train(*options)
    assert answer.code == 64
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_refused(train: Command, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("kept")
    answer = train(out="taken/out")
    assert answer.code == 64
    assert answer.err.startswith(f"mlpbench: cannot write into {tmp_path / 'taken'}")


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
from impls import contract, numpy_optimized

class Trainer(numpy_optimized.Trainer):
    state = contract.Trainer.state
    resume = contract.Trainer.resume
"""


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("forgetful", "numpy-optimized", "forgetful:Trainer did not hand out what its optimiser"),
        ("numpy-optimized", "forgetful", "forgetful:Trainer does not take up what another"),
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
