"""``mlpbench evaluate``: saved networks on data, by any implementation."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import impls
from impls.errors import ModelError
from impls.training import model_files
from tests.learning.evaluations import rows
from tests.stand_ins.command import Said

Command = Callable[..., Said]


@pytest.fixture
def model(mlpbench: Command, npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A network trained by numpy-optimized, on features of its own scale."""
    with monkeypatch.context() as patch:
        patch.setattr("bench.cli.train.conclude", lambda *_: None)
        said = mlpbench(
            "train", "--network", "36-8-3", "--learning-rate", 0.02, "--epochs", 8, "--dataset",
            npz, "--out", tmp_path / "trained", "--normalise", "range", "--batch-size", 20,
        )  # fmt: skip
    assert said.code == 0, said.err
    return tmp_path / "trained" / "numpy-optimized.npz"


def numbers(folder: Path) -> Any:
    return json.loads((folder / "evaluation.json").read_text())


@pytest.mark.parametrize("name", ["numpy-optimized", "numpy-naive", "numba"])
def test_every_implementation_finds_the_same(
    mlpbench: Command, npz: Path, tmp_path: Path, model: Path, name: str
) -> None:
    said = mlpbench("evaluate", model, "--impl", name, "--dataset", npz, "--out", tmp_path / "out")
    assert said.code == 0, said.err
    found = numbers(tmp_path / "out")
    assert found["dataset"]["normalisation"] == "range"
    network = found["networks"][0]
    last = network["history"][-1]["standing"]
    assert network["test"]["accuracy"] == last["test_accuracy"]
    assert network["train"]["loss"] == pytest.approx(last["loss"], rel=1e-5)
    assert "after 8 epochs" in (tmp_path / "out" / "report.html").read_text()


def test_a_file_that_a_model_names_is_run_only_where_it_is_named_again(
    mlpbench: Command, npz: Path, tmp_path: Path, model: Path
) -> None:
    (tmp_path / "mine.py").write_text(
        "from pathlib import Path\n"
        f"Path({str(tmp_path / 'it-ran')!r}).touch()\n"
        "from impls.numpy.optimized import Trainer as Mine\n"
    )
    name = f"{tmp_path / 'mine.py'}:Mine"
    kept = dataclasses.replace(model_files.load(model), implementation=name)
    model_files.save(kept, tmp_path / "kept.npz")
    arguments = ("evaluate", tmp_path / "kept.npz", "--dataset", npz, "--out", tmp_path / "out")
    said = mlpbench(*arguments)
    assert said.code == 64
    assert "name it with --impl FILE.py:CLASS or as the second argument of load_model" in said.err
    with pytest.raises(ModelError, match=r"mine\.py:Mine, and a model never decides which file"):
        impls.load_model(tmp_path / "kept.npz")
    assert not (tmp_path / "it-ran").exists()
    assert mlpbench(*arguments, "--impl", name).code == 0
    assert (tmp_path / "it-ran").exists()
    assert impls.load_model(tmp_path / "kept.npz", name).implementation == name


def test_other_data_are_normalised_as_those_of_the_training(
    mlpbench: Command, npz: Path, tmp_path: Path, model: Path
) -> None:
    """Twice as dark, and still in the scale of the training, so nothing is recognised as before."""
    with np.load(npz) as archive:
        arrays = dict(archive)
    arrays["x_test"] //= 8
    np.savez(tmp_path / "dark.npz", **arrays)
    said = mlpbench("evaluate", model, "--dataset", tmp_path / "dark.npz", "--out", tmp_path / "d")
    assert said.code == 0, said.err
    assert (
        "Note: numpy-optimized was trained on 90 examples of stripes, other data than these. Its "
        "train accuracy is over the 90 training examples of dark." in said.out
    )
    dark = numbers(tmp_path / "d")["networks"][0]["test"]
    mlpbench("evaluate", model, "--dataset", npz, "--out", tmp_path / "usual")
    usual = numbers(tmp_path / "usual")["networks"][0]["test"]
    assert dark["loss"] > usual["loss"]


def test_a_network_that_saw_fewer_examples_says_over_which_its_accuracy_is(
    mlpbench: Command, npz: Path, tmp_path: Path, model: Path
) -> None:
    saved = model_files.load(model)
    source = msgspec.structs.replace(saved.source, examples=60)
    model_files.save(dataclasses.replace(saved, source=source), tmp_path / "few.npz")
    said = mlpbench(
        "evaluate", tmp_path / "few.npz", model, "--dataset", npz, "--out", tmp_path / "out"
    )
    assert said.code == 0, said.err
    sentence = (
        "few was trained on the first 60 of these 90 training examples. Its train accuracy is "
        "over all 90."
    )
    assert f"Note: {sentence}" in said.out
    assert said.out.count("was trained on") == 1
    page = (tmp_path / "out" / "report.html").read_text()
    assert sentence in page
    shown = {row[0]: row[1:] for row in rows(page, "At the end of training")}
    assert shown["training examples looked at"] == ["90", "90"]
    assert shown["examples trained on"] == ["60", "90"]


def test_several_networks_stand_side_by_side(
    mlpbench: Command, npz: Path, tmp_path: Path, model: Path
) -> None:
    other = tmp_path / "copy" / model.name
    other.parent.mkdir()
    other.write_bytes(model.read_bytes())
    said = mlpbench("evaluate", model, other, "--dataset", npz, "--out", tmp_path / "out")
    assert said.code == 0, said.err
    names = [one["name"] for one in numbers(tmp_path / "out")["networks"]]
    assert names == [str(model), str(other)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.npz",), "cannot read none.npz"),
        ((), "MODEL"),
        (("junk.npz",), "junk.npz is not a saved model"),
        (("stripes.npz",), "it has no header"),
        (("trained/numpy-optimized.npz", "--digit", 3), "--digit 3 is no class of stripes"),
        (("trained/numpy-optimized.npz", "--impl", "none"), "unknown implementation 'none'"),
        (("trained/numpy-optimized.npz",) * 2, "MODEL"),
        (("trained/numpy-optimized.npz", "--dataset", "digits"), "784 features"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.usefixtures("model")
def test_a_mistake_is_explained(
    mlpbench: Command, npz: Path, tmp_path: Path, arguments: tuple[object, ...], said: str
) -> None:
    (tmp_path / "junk.npz").write_text("junk")
    dataset = () if "--dataset" in arguments else ("--dataset", npz)
    answer = mlpbench("evaluate", *arguments, *dataset, "--out", tmp_path / "out")
    assert answer.code == 64
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "out").exists()
