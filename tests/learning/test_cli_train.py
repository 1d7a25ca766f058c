"""``mlpbench train``: options, files, Ctrl-C."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impls import registry
from impls.data import TrainingData
from impls.registry import find
from impls.registry import load as load_implementation
from impls.row import Row
from impls.training import model_files
from tests.learning.trainings import Command, saved, write_interrupted


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
    said = train("--impl", "numpy-optimized", *options)
    assert said.code == 0, said.err
    assert getattr(getattr(saved(tmp_path / "out"), part), name) == value


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
    assert [model_files.load(place).epochs for place in places] == [2, 4, 6]


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


@pytest.mark.parametrize(("signals", "epochs"), [(1, 3), (2, 2)])
def test_ctrl_c_ends_after_the_epoch_and_twice_at_once(
    train_and_report: Command, tmp_path: Path, signals: int, epochs: int
) -> None:
    said = train_and_report("--impl", write_interrupted(tmp_path, signals))
    assert said.code == 130
    assert "Interrupted: finishing the epoch" in said.out
    place = tmp_path / "out" / "interrupted-Trainer.npz"
    assert f"Go on with: mlpbench train --resume {place}" in said.out
    assert model_files.load(place).epochs == epochs
    assert f"after {epochs} epochs" in (tmp_path / "out" / "report.html").read_text()


def test_after_ctrl_c_no_further_implementation_is_trained(train: Command, tmp_path: Path) -> None:
    said = train("--impl", f"{write_interrupted(tmp_path, 1)},numpy-naive")
    assert said.code == 130
    assert not (tmp_path / "out" / "numpy-naive.npz").exists()


def write_declining(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an implementation into the registry that takes no network."""
    text = "from impls.numpy import naive as numpy_naive\nclass Trainer(numpy_naive.Trainer):\n"
    text += "    supports = classmethod(lambda cls, network, training: 'not this one')\n"
    (folder / "declining.py").write_text(text)
    row = Row("numpy-declining", f"{folder / 'declining.py'}:Trainer", "takes no network")
    monkeypatch.setattr(registry, "ROWS", (*registry.ROWS, row))


def test_what_a_pattern_matches_and_declines_the_network_is_left_out(
    train: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_declining(tmp_path, monkeypatch)
    said = train("--impl", "numpy-[dn][ae]*", "--impl", "numpy-cached")
    assert said.code == 0, said.err
    assert "Note: left out: numpy-declining: not this one" in said.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "numpy-cached.npz", "numpy-naive.npz",
    ]  # fmt: skip
    for options, text in (
        (("--impl", "numpy-d*"), "none of the implementations takes this network"),
        (("--impl", "numpy-declining"), "numpy-declining: not this one"),
    ):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        refused = train(*options)
        assert refused.code == 64
        assert text in refused.err
    shutil.rmtree(tmp_path / "out", ignore_errors=True)
    partly = train("--impl", "numpy-naive,numpy-declining,numpy-cached")
    assert partly.code == 3
    assert "numpy-declining failed: numpy-declining: not this one" in partly.out
    assert (tmp_path / "out" / "numpy-cached.npz").exists()


def test_a_list_that_is_given_again_adds_to_the_first(train: Command, tmp_path: Path) -> None:
    said = train("--network", "36-8-5-3", "--dropout", 0.25, "--dropout", 0.5)
    assert said.code == 0, said.err
    assert saved(tmp_path / "out").network.dropout == (0.25, 0.5)


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
        (("--impl", "one-engine,other-engine"), "one-engine needs KERAS_BACKEND=one, other-engine"),
        (("--impl", "none"), "unknown implementation 'none'"),
        (("--weights", "none.npz"), "cannot read none.npz"),
        (("--weights", "x.npz", "--loss", "mse"), "--weights sets the network: leave out --loss"),
        (("--resume", "x.npz"), "--resume uses the settings of the model: leave out"),
        (("--examples", 91), "cannot take 91 training examples"),
    ],
)  # fmt: skip
def test_a_mistake_is_explained_and_nothing_is_written(
    train: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[object, ...],
    said: str,
) -> None:
    engines = [
        Row(f"{name}-engine", "m:C", "s", ("json",), environment={"KERAS_BACKEND": name})
        for name in ("one", "other")
    ]
    monkeypatch.setattr(registry, "ROWS", (*registry.ROWS, *engines))
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
