"""Networks in Keras' own files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impls import registry
from impls.convolution import Convolution
from impls.errors import ModelError
from impls.keras import files as keras_files
from impls.mathematics.reference import Trainer
from impls.networks import Network, Training
from impls.parameters import Parameters, start_parameters
from impls.presets import PRESETS
from tests.stand_ins.command import Said

ROW = registry.find("keras-tf")
pytestmark = [
    pytest.mark.skipif(registry.missing(ROW) is not None, reason="Keras is not installed"),
    # Keras' way of saving weights meets a signature that NumPy 2 no longer likes.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

NETWORK = Network(
    name="net", layers=(36, 8, 5, 3), activation="tanh", loss="cross-entropy", dropout=(0.0, 0.5)
)


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What the command line sets before it imports Keras is taken back."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ROW.environment.items():
            patch.setitem(os.environ, name, value)
        yield


def parameters(network: Network = NETWORK) -> Parameters:
    return start_parameters(network, Training(), seed=2)


def test_a_network_comes_back_with_its_weights(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    keras_files.save(NETWORK, parameters(), path)
    stored = keras_files.load(path)
    found = stored.parameters
    assert stored.network == NETWORK
    assert stored.normaliser is None
    for (name, ours), (_, theirs) in zip(parameters().arrays(), found.arrays(), strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    assert [one.name for one in tmp_path.iterdir()] == ["net.keras"]


@pytest.mark.parametrize("loss", ["logloss", "cross-entropy"])
def test_keras_alone_predicts_what_the_reference_predicts(tmp_path: Path, loss: Any) -> None:
    import keras  # noqa: PLC0415 - takes seconds

    network = Network(name="net", layers=NETWORK.layers, loss=loss)
    keras_files.save(network, parameters(network), tmp_path / "net.keras")
    model = keras.saving.load_model(tmp_path / "net.keras")
    X = np.random.default_rng(1).normal(size=(20, 36)).astype(np.float32)
    reference = Trainer(network, Training(), parameters(network))
    np.testing.assert_allclose(model.predict(X, verbose=0), reference.predict(X), atol=1e-6)


def test_other_kinds_of_network_are_refused(tmp_path: Path) -> None:
    import keras  # noqa: PLC0415 - takes seconds

    dense, path = keras.layers.Dense, tmp_path / "net.keras"
    for layers, said in {
        (keras.layers.Reshape((4, 1)), dense(2, "softmax")): "inputs of shape (4, 1)",
        (keras.layers.Reshape((2, 2, 1)), dense(2, "softmax")): "a layer Dense before Flatten",
        (dense(3, "relu"), keras.layers.BatchNormalization(), dense(2)): "BatchNormalization: only",
        (dense(3), keras.layers.LeakyReLU(), dense(2, "softmax")): "a layer LeakyReLU: only models",
        (dense(3), keras.layers.ReLU(max_value=6), dense(2, "softmax")): "a changed relu",
        (dense(3, "relu"), keras.layers.ReLU(), dense(2, "softmax")): "does not directly follow",
        (
            dense(3),
            keras.layers.Dropout(0.1),
            keras.layers.Activation("tanh"),
            dense(2, "softmax"),
        ): "does not directly follow",
        (
            dense(3, "relu"),
            keras.layers.Dropout(0.1),
            keras.layers.Dropout(0.1),
            dense(2, "softmax"),
        ): "one layer Dropout after another",
        (dense(2, "softmax"), keras.layers.Dropout(0.1)): "dropout of its outputs",
        (keras.layers.Rescaling(0.0), dense(2, "softmax")): "values that are 0",
        (dense(3, "relu"), dense(3, "tanh"), dense(2, "softmax")): "must share one of",
        (dense(3, "selu"), dense(2, "softmax")): "activations selu, softmax",
        (dense(2),): "linear outputs and names no loss. Compile it",
        (keras.layers.Dropout(0.1),): "no dense layer",
    }.items():
        keras.Sequential([keras.Input((4,)), *layers]).save(path)
        with pytest.raises(ModelError, match=r"net\.keras") as caught:
            keras_files.load(path)
        assert said in str(caught.value)


def test_truncated_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    keras_files.save(NETWORK, parameters(), path)
    whole = path.read_bytes()
    for content in (whole[:40], whole[: len(whole) // 2], b"hello", b""):
        path.write_bytes(content)
        with pytest.raises(ModelError, match=r"net\.keras is not a model that Keras can read"):
            keras_files.load(path)
    with pytest.raises(ModelError, match="there is no such file"):
        keras_files.load(tmp_path / "none.keras")
    with pytest.raises(ModelError, match="cannot write"):
        keras_files.save(NETWORK, parameters(), tmp_path / "none" / "net.keras")


def test_a_file_that_brings_code_is_refused(tmp_path: Path) -> None:
    import keras  # noqa: PLC0415 - takes seconds

    path = tmp_path / "code.keras"
    layers = [keras.Input((4,)), keras.layers.Lambda(lambda x: x), keras.layers.Dense(2, "softmax")]
    keras.Sequential(layers).save(path)
    with pytest.raises(ModelError, match=r"code\.keras"):
        keras_files.load(path)


def test_keras_rows_save_both_and_others_start_from_it(
    mlpbench: Callable[..., Said], npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.cli.train.conclude", lambda *_: None)
    usual = ("--dataset", npz, "--epochs", 2, "--out", tmp_path / "out")
    said = mlpbench("train", "--impl", "keras-tf", "--network", "36-8-3", *usual)
    assert said.code == 0, said.err
    file = tmp_path / "out" / "keras-tf.keras"
    assert f"Saved: {file}" in said.out
    assert (tmp_path / "out" / "keras-tf.npz").is_file()
    said = mlpbench("train", "--impl", "numpy-naive", "--weights", file, *usual)
    assert said.code == 0, said.err


def test_a_keras_file_is_read_with_the_engine_that_trains(npz: Path, tmp_path: Path) -> None:
    """One engine stands for both: the command only sets a variable before it imports Keras."""
    others = ("keras-torch", "keras-jax")
    name = next((one for one in others if registry.missing(registry.find(one)) is None), "")
    if not name:
        pytest.skip("Keras has one engine here")
    network = Network(name="36-8-3", layers=(36, 8, 3))
    keras_files.save(network, parameters(network), tmp_path / "net.keras")
    # In a process of its own: Keras chooses its engine once, when it is imported.
    unset = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
    done = subprocess.run(
        [
            sys.executable, "-m", "bench", "train", "--weights", tmp_path / "net.keras",
            "--impl", name, "--dataset", npz, "--epochs", "1", "--no-check",
            "--out", tmp_path / "out",
        ],
        env=unset | {"CUDA_VISIBLE_DEVICES": "-1"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / f"{name}.npz").is_file()


CONVOLUTIONS = Network(
    name="cnn",
    layers=(7 * 6 * 2, 5, 3),
    activation="relu",
    loss="cross-entropy",
    dropout=(0.25,),
    image=(7, 6, 2),
    convolutions=(Convolution(filters=3, pool=2), Convolution(filters=4, kernel=2)),
)


@pytest.mark.parametrize("stored_order", ["channels_last", "channels_first"])
def test_convolutions_come_back_and_predict_the_same(tmp_path: Path, stored_order: str) -> None:
    import keras  # noqa: PLC0415 - takes seconds

    path, start = tmp_path / "cnn.keras", parameters(CONVOLUTIONS)
    keras.config.set_image_data_format(stored_order)
    try:
        keras_files.save(CONVOLUTIONS, start, path)
    finally:
        keras.config.set_image_data_format("channels_last")
    stored = keras_files.load(path)
    network, found = stored.network, stored.parameters
    assert network == CONVOLUTIONS
    for (name, ours), (_, theirs) in zip(start.arrays(), found.arrays(), strict=True):
        np.testing.assert_array_equal(ours, theirs, err_msg=name)
    X = np.random.default_rng(1).normal(size=(4, 84)).astype(np.float32)
    expected = Trainer(network, Training(), found).predict(X)
    alone = keras.saving.load_model(path, compile=False)(X)
    np.testing.assert_allclose(np.asarray(alone), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("preset", ["cnn-blog", "cnn-small"])
def test_the_networks_of_the_articles_come_back(tmp_path: Path, preset: str) -> None:
    network = PRESETS[preset].network
    keras_files.save(network, parameters(network), tmp_path / f"{preset}.keras")
    stored = keras_files.load(tmp_path / f"{preset}.keras")
    assert stored.network == network
    assert [W.shape for W in stored.parameters.weights] == list(network.shapes)


def test_a_network_of_images_from_other_hands_is_read(tmp_path: Path) -> None:
    import keras  # noqa: PLC0415 - takes seconds

    path, layers = tmp_path / "theirs.keras", keras.layers
    theirs = keras.Sequential(
        [
            keras.Input((6, 5, 2)),
            layers.Conv2D(3, 3, activation="tanh"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(2, "sigmoid"),
        ]
    )
    theirs.save(path)
    stored = keras_files.load(path)
    network, found = stored.network, stored.parameters
    assert (network.image, network.layers) == ((6, 5, 2), (60, 2))
    assert (network.activation, network.loss) == ("tanh", "logloss")
    X = np.random.default_rng(2).normal(size=(4, 60)).astype(np.float32)
    expected = theirs.predict(X.reshape(4, 6, 5, 2), verbose=0)
    outputs = Trainer(network, Training(), found).predict(X)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_other_kinds_of_convolution_are_refused(tmp_path: Path) -> None:
    import keras  # noqa: PLC0415 - takes seconds

    path, layers = tmp_path / "cnn.keras", keras.layers
    usual = layers.Conv2D(2, 3)

    def end() -> tuple[Any, Any]:
        return layers.Flatten(), layers.Dense(2, "softmax")

    for begin, said in {
        (layers.Conv2D(2, 3, strides=2), *end()): "moves by one",
        (layers.Conv2D(2, 3, dilation_rate=2), *end()): "moves by one",
        (layers.Conv2D(2, 3, padding="same"), *end()): "called .* only where it pads nothing",
        (layers.Conv2D(2, (3, 2)), *end()): "its kernel is square",
        (layers.Conv2D(2, 3, groups=2), *end()): "moves by one",
        (usual, layers.MaxPooling2D(2, strides=1), *end()): "side by side",
        (usual, layers.MaxPooling2D((2, 1)), *end()): "pools squares",
        (usual, layers.MaxPooling2D(2, padding="same"), *end()): "pads nothing",
        (usual, layers.MaxPooling2D(), layers.MaxPooling2D(), *end()): "one max pooling or none",
        (usual, layers.AveragePooling2D(2), *end()): "a layer AveragePooling2D: only models",
        (layers.Conv2D(2, 3, activation="elu"), *end()): "activations elu, softmax",
        (
            usual,
            layers.GlobalMaxPooling2D(),
            layers.Dense(2, "softmax"),
        ): "GlobalMaxPooling2D: only models",
        (usual, layers.Dense(2, "softmax")): "a layer Dense before Flatten",
        (usual,): "no Flatten",
        (usual, layers.Flatten()): "no dense layer",
    }.items():
        keras.Sequential([keras.Input((8, 8, 2)), *begin]).save(path)
        with pytest.raises(ModelError, match=rf"cnn\.keras .*{said}"):
            keras_files.load(path)


def test_a_file_without_training_is_not_evaluated_but_begun_from(
    mlpbench: Callable[..., Said], npz: Path, tmp_path: Path
) -> None:
    file = tmp_path / "net.keras"
    keras_files.save(NETWORK, parameters(), file)
    for command in (("evaluate", file), ("train", "--resume", file)):
        said = mlpbench(*command, "--dataset", npz)
        assert said.code == 64
        assert "a Keras file, which holds neither normalisation nor training" in said.err
        assert "--weights" in said.err
