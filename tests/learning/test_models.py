"""Saved models: whole, in another implementation, damaged, foreign."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impls.contract import State
from impls.data import TrainingData
from impls.errors import ModelError
from impls.parameters import Parameters
from impls.training import model_files
from impls.training.evaluation import evaluate
from impls.training.fit import fit
from impls.training.history import History
from impls.training.model import Model, Order, Source
from impls.training.model_files import VERSION, decode, encode
from tests.learning.trainings import NETWORK, TRAINING, trainer_of


@pytest.fixture
def model(data: TrainingData) -> Model:
    """The float64 reference after three epochs, looked at after the second."""
    trainer = trainer_of(data)
    history = fit(
        trainer, 90, epochs=3, seed=1,
        look=lambda number: evaluate(trainer, data).standing if number == 2 else None,
    )  # fmt: skip
    parameters = trainer.parameters()
    return Model(
        implementation="reference",
        network=NETWORK,
        training=TRAINING,
        order=Order(seed=1, max_batches=4),
        source=Source(
            name=data.name, sha256=data.sha256, examples=90, class_names=data.class_names
        ),
        normaliser=data.normaliser,
        state=State(parameters, (parameters,), 15),
        learning_rate=trainer.learning_rate,
        history=history,
    )


@pytest.fixture
def file(model: Model, tmp_path: Path) -> Path:
    path = tmp_path / "model.npz"
    model_files.save(model, path)
    return path


def assert_same(one: Parameters, other: Parameters) -> None:
    for (name, ours), (_, theirs) in zip(one.arrays(), other.arrays(), strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
        assert ours.dtype == theirs.dtype


def test_a_model_comes_back_as_it_was_saved(model: Model, file: Path) -> None:
    back = model_files.load(file)
    for field in ("implementation", "network", "training", "order", "source", "learning_rate"):
        assert getattr(back, field) == getattr(model, field), field
    assert_same(back.state.parameters, model.state.parameters)
    assert back.state.memory is not None
    assert_same(back.state.memory[0], model.state.parameters)
    assert back.state.updates == 15
    assert back.normaliser.name == "standard"
    assert np.array_equal(back.normaliser.mean, model.normaliser.mean)
    assert np.array_equal(back.normaliser.divisor, model.normaliser.divisor)
    assert back.epochs == 3
    for ours, theirs in zip(back.history.epochs, model.history.epochs, strict=True):
        assert np.array_equal(ours.losses, theirs.losses)
        for field in dataclasses.fields(ours):
            if field.name != "losses":
                assert getattr(ours, field.name) == getattr(theirs, field.name), field.name


def test_a_model_before_its_first_epoch_can_be_saved(model: Model, tmp_path: Path) -> None:
    state = State(model.state.parameters, None, 0)
    model_files.save(dataclasses.replace(model, history=History(), state=state), tmp_path / "m.npz")
    back = model_files.load(tmp_path / "m.npz")
    assert back.epochs == 0
    assert back.state.memory is None


def test_equal_models_give_equal_files(model: Model) -> None:
    assert encode(model, generator="x") == encode(model, generator="x")


def test_nothing_in_the_file_is_pickled(file: Path) -> None:
    with np.load(file, allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind in "fu" for name in archive.files)


def test_a_new_file_replaces_the_old_one_in_one_step(
    model: Model, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(ModelError, match=r"cannot write .*model\.npz: No space left"):
        model_files.save(dataclasses.replace(model, learning_rate=9.0), file)
    assert file.read_bytes() == before
    assert list(file.parent.glob("*.partial")) == []


def test_a_truncated_file_is_refused_wherever_it_ends(file: Path) -> None:
    whole = file.read_bytes()
    for size in (0, 1, 3, 4, 30, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(ModelError, match=r"model\.npz is (damaged|not a saved model)"):
            model_files.load(file)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(place=st.integers(min_value=0), value=st.integers(1, 255))
def test_a_changed_byte_is_noticed_or_makes_no_difference(
    model: Model, place: int, value: int
) -> None:
    content = bytearray(encode(model, generator="x"))
    content[place % len(content)] ^= value
    try:
        back = decode(io.BytesIO(content), label="x")
    except ModelError:
        return
    # Some bytes of a zip archive are not read, such as those of its dates.
    assert_same(back.state.parameters, model.state.parameters)


def other_header(**changes: object) -> Callable[[dict[str, np.ndarray]], None]:
    def change(arrays: dict[str, np.ndarray]) -> None:
        header = json.loads(arrays["header"].tobytes()) | changes
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)

    return change


def replaced(name: str, value: object) -> Callable[[dict[str, np.ndarray]], None]:
    return lambda arrays: arrays.update({name: np.array(value)})


NETWORK_FIELDS = msgspec.to_builtins(NETWORK)


CHANGES = {
    "newer": (
        other_header(version=VERSION + 1),
        f"has version {VERSION + 1}; this mlpbench reads up",
    ),
    "other format": (other_header(format="other"), "is not a saved model: it calls itself 'other'"),
    "unknown field": (
        other_header(surprise=1),
        "damaged: Object contains unknown field `surprise`",
    ),
    "wider": (other_header(network=NETWORK_FIELDS | {"layers": [36, 9, 3]}), "the network needs"),
    "too short": (
        other_header(network=NETWORK_FIELDS | {"layers": [36]}),
        "at least an input and an",
    ),
    "deeper": (
        other_header(network=NETWORK_FIELDS | {"layers": [36, 8, 3, 3]}),
        "there is no 'memory[0].weights[2]'",
    ),
    "normalisation": (other_header(normalisation="odd"), "normalisation 'odd'"),
    "memories": (other_header(memories=2), "2 memories, where the optimiser has 1"),
    "header of numbers": (
        replaced("header", [1, 2, 3]),
        "is not a saved model: its header cannot be read",
    ),
    "header of something": (
        replaced("header", np.frombuffer(b'{"a": 1}', np.uint8)),
        "is not a saved model",
    ),
    "diverged": (
        replaced("weights[0]", np.full((36, 8), np.nan)),
        "not finite: the training diverged",
    ),
    "bias shape": (
        replaced("biases[1]", [1.0, 2.0]),
        "biases[1] has shape (2,), the network needs (3,)",
    ),
    "text": (replaced("weights[1]", [["a"]]), "not floating-point numbers"),
    "losses": (replaced("losses", np.zeros((4, 3))), "the history has losses of shape (4, 3)"),
    "epoch columns": (replaced("epochs", np.zeros((2, 1))), "table of epochs has shape (2, 1)"),
    "epoch scalar": (replaced("epochs", 7.0), "table of epochs has shape ()"),
    "scale": (replaced("scale_mean", [1.0]), "normalisation 'standard' has shapes (1,)"),
    "lacks a memory": (
        lambda arrays: arrays.pop("memory[0].biases[1]"),
        "there is no 'memory[0].biases[1]'",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_with_other_content_is_refused(file: Path, name: str) -> None:
    change, said = CHANGES[name]
    with np.load(file) as archive:
        arrays = dict(archive)
    change(arrays)
    np.savez(file, **arrays)
    with pytest.raises(ModelError) as caught:
        model_files.load(file)
    assert said in str(caught.value)


def test_foreign_files_are_refused(tmp_path: Path, npz: Path) -> None:
    text = tmp_path / "text.npz"
    text.write_text("hello")
    pickled = tmp_path / "pickled.npz"
    pickled.write_bytes(pickle.dumps({"header": 1}))
    zipped = tmp_path / "zipped.npz"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("header.npy", b"not an array")
    objects = tmp_path / "objects.npz"
    np.savez(objects, header=np.array([{}], dtype=object))
    for path, said in {
        text: "does not begin like an .npz archive",
        pickled: "does not begin like an .npz archive",
        zipped: "its header cannot be read",
        objects: "damaged",
        npz: "it has no header",
        tmp_path / "none.npz": "cannot read",
        tmp_path: "cannot read",
    }.items():
        with pytest.raises(ModelError, match=path.name) as caught:
            model_files.load(path)
        assert said in str(caught.value)


def test_weights_of_keras_without_their_network_are_named(tmp_path: Path) -> None:
    file = tmp_path / "net.weights.h5"
    file.write_bytes(b"\x89HDF\r\n\x1a\n")
    with pytest.raises(ModelError, match=r"holds weights without their network\. Build the"):
        model_files.load(file)
