"""Models as tutorials of Keras make them, and what their files say of loss and normalisation."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from impls import registry
from impls.errors import ModelError
from impls.keras import files as keras_files
from impls.mathematics.functions import output_activation
from impls.mathematics.reference import Trainer
from impls.networks import Training
from tests.stand_ins.command import Said

ROW = registry.find("keras-tf")
pytestmark = [
    pytest.mark.skipif(registry.missing(ROW) is not None, reason="Keras is not installed"),
    # Keras' way of saving weights meets a signature that NumPy 2 no longer likes.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SHAPE = (6, 6)


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What the command line sets before it imports Keras is taken back."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ROW.environment.items():
            patch.setitem(os.environ, name, value)
        yield


@pytest.fixture
def keras() -> Any:
    """The package, once its settings stand."""
    import keras as package  # noqa: PLC0415 - takes seconds

    return package


def saved(keras: Any, path: Path, layers: Sequence[Any], loss: Any = None) -> Any:
    """A model of pictures of 6 x 6 pixels in ``path``, compiled where a ``loss`` is given."""
    model = keras.Sequential([keras.Input(SHAPE), *layers])
    for layer in model.layers:
        # Biases begin at 0, which would hide that they were lost.
        layer.set_weights(
            [W + 0.1 * np.sin(np.arange(W.size)).reshape(W.shape) for W in layer.get_weights()]
        )
    if loss is not None:
        model.compile(optimizer="adam", loss=loss)
    model.save(path)
    return model


def require_same(stored: keras_files.Stored, model: Any, *, logits: bool = False) -> None:
    """Both give the same outputs for the same pictures of 0 to 255."""
    X = np.random.default_rng(4).integers(0, 256, (9, *SHAPE)).astype(np.float32)
    theirs = np.asarray(model(X))
    flat = X.reshape(9, -1)
    if stored.normaliser is not None:
        flat = stored.normaliser.apply(flat)
    ours = Trainer(stored.network, Training(), stored.parameters).predict(flat)
    if logits:
        theirs = output_activation(stored.network.output, theirs, axis=1)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


Maker = Callable[[Any], tuple[list[Any], Any]]


def logits_last(keras: Any) -> tuple[list[Any], Any]:
    """TensorFlow's first lesson."""
    layers, loss = keras.layers, keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return [
        layers.Flatten(), layers.Dense(8, "relu"), layers.Dropout(0.2), layers.Dense(3),
    ], loss  # fmt: skip


def rescaled(keras: Any) -> tuple[list[Any], Any]:
    """Scaling within the model."""
    layers = keras.layers
    return [
        layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(8, "relu"),
        layers.Dense(3, "softmax"),
    ], "sparse_categorical_crossentropy"  # fmt: skip


def activations_apart(keras: Any) -> tuple[list[Any], Any]:
    """Activations as layers, dropout before the one that does not mind it."""
    layers = keras.layers
    return [
        layers.Rescaling(1 / 127.5, offset=-1), layers.Reshape((36,)), layers.Dense(8),
        layers.Dropout(0.5), layers.ReLU(), layers.Dense(7), layers.Activation("relu"),
        layers.Dense(3), layers.Softmax(),
    ], "categorical_crossentropy"  # fmt: skip


def without_biases(keras: Any) -> tuple[list[Any], Any]:
    """Dense layers without biases, with a penalty."""
    dense = keras.layers.Dense
    return [
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        dense(8, "tanh", use_bias=False, kernel_regularizer="l2"),
        dense(3, "sigmoid", use_bias=False),
    ], "binary_crossentropy"


def dropped_inputs(keras: Any) -> tuple[list[Any], Any]:
    """Dropout of inputs, as in the article that introduced it."""
    layers = keras.layers
    return [
        layers.Rescaling(1 / 255), layers.Dropout(0.2), layers.Flatten(), layers.Dropout(0.1),
        layers.Dense(8, "relu"), layers.Dense(3, "softmax"),
    ], "sparse_categorical_crossentropy"  # fmt: skip


def nested(keras: Any) -> tuple[list[Any], Any]:
    """A sequence within a sequence."""
    layers = keras.layers
    inner = keras.Sequential([layers.Flatten(), layers.Dense(8, "relu")])
    return [layers.Rescaling(1 / 255), inner, layers.Dense(3, "softmax")], None


@pytest.mark.parametrize(
    ("make", "dropout", "loss", "normalised", "said"),
    [
        (logits_last, (0.2,), "cross-entropy", None, ()),
        (rescaled, (), "cross-entropy", "range", ()),
        (activations_apart, (0.5, 0.0), "cross-entropy", "range", ()),
        (without_biases, (), "logloss", "range", ("no biases", "no biases", "penalty")),
        (dropped_inputs, (), "cross-entropy", "range", ("drops 0.2 of in", "drops 0.1 of in")),
        (nested, (), "cross-entropy", "range", ("does not say its loss",)),
    ],
)
def test_a_model_of_a_tutorial_is_read(
    keras: Any, tmp_path: Path, make: Maker, dropout: tuple[float, ...], loss: str,
    normalised: str | None, said: tuple[str, ...],
) -> None:  # fmt: skip
    model = saved(keras, tmp_path / "net.keras", *make(keras))
    stored = keras_files.load(tmp_path / "net.keras")
    assert (stored.network.dropout, stored.network.loss) == (dropout, loss)
    assert (stored.normaliser.name if stored.normaliser else None) == normalised
    require_same(stored, model, logits=make is logits_last)
    assert len(stored.notes) == len(said)
    for one in said:
        assert any(one in note for note in stored.notes)


def test_an_adapted_normalisation_is_the_normalisation(keras: Any, tmp_path: Path) -> None:
    X = np.random.default_rng(2).normal(90, 40, (50, 36))
    for axis, shape in ((-1, (50, 36)), (None, (50, 36))):
        layer = keras.layers.Normalization(axis=axis)
        layer.adapt(X.reshape(shape))
        layers = [keras.layers.Flatten(), layer, keras.layers.Dense(3, "softmax")]
        model = keras.Sequential([keras.Input(SHAPE), *layers])
        model.save(tmp_path / "net.keras")
        stored = keras_files.load(tmp_path / "net.keras")
        assert stored.normaliser is not None
        assert stored.normaliser.name == "standard"
        require_same(stored, model)


@pytest.mark.parametrize(
    ("output", "loss", "ours"),
    [
        ("sigmoid", "mse", "mse"),
        ("sigmoid", "mean_squared_error", "mse"),
        ("sigmoid", "MeanSquaredError", "mse"),
        ("sigmoid", "binary_crossentropy", "logloss"),
        ("sigmoid", None, "logloss"),
        ("softmax", "categorical_crossentropy", "cross-entropy"),
        ("softmax", None, "cross-entropy"),
    ],
)
def test_the_loss_is_the_one_that_the_model_was_compiled_with(
    keras: Any, tmp_path: Path, output: str, loss: str | None, ours: str
) -> None:
    given = getattr(keras.losses, loss)() if loss and loss[0].isupper() else loss
    layers = [keras.layers.Flatten(), keras.layers.Dense(3, output)]
    saved(keras, tmp_path / "net.keras", layers, given)
    stored = keras_files.load(tmp_path / "net.keras")
    assert stored.network.loss == ours
    assert any("does not say its loss" in note for note in stored.notes) == (loss is None)


@pytest.mark.parametrize(
    ("output", "loss", "said"),
    [
        ("softmax", "mse", "has softmax outputs and was trained by the loss mse. Compile it"),
        ("sigmoid", "categorical_crossentropy", "has sigmoid outputs and was trained by the loss"),
        ("sigmoid", "hinge", "trained by the loss hinge"),
        ("linear", "mse", "has linear outputs and was trained by the loss mse"),
        (None, "SparseCategoricalCrossentropy", "of outputs before their activation"),
    ],
)
def test_a_loss_that_is_none_of_ours_is_named(
    keras: Any, tmp_path: Path, output: str | None, loss: str, said: str
) -> None:
    given = getattr(keras.losses, loss)(from_logits=True) if loss[0].isupper() else loss
    layers = [keras.layers.Flatten(), keras.layers.Dense(3, output or "softmax")]
    saved(keras, tmp_path / "net.keras", layers, given)
    with pytest.raises(ModelError, match=said):
        keras_files.load(tmp_path / "net.keras")


def test_what_is_no_line_of_layers_is_found_by_what_it_computes(keras: Any, tmp_path: Path) -> None:
    inputs = keras.Input((4,))
    shared = keras.layers.Dense(4, "relu")
    outputs = keras.layers.Dense(2, "softmax")(shared(shared(inputs)))
    keras.Model(inputs, outputs).save(tmp_path / "net.keras")
    with pytest.raises(ModelError, match="computes something else than its layers one after"):
        keras_files.load(tmp_path / "net.keras")


@pytest.mark.parametrize("dtype", ["float64", "float16", "mixed_float16"])
def test_the_precision_of_the_weights_is_kept(keras: Any, tmp_path: Path, dtype: str) -> None:
    layers = [
        keras.layers.Flatten(dtype=dtype), keras.layers.Dense(3, "softmax", dtype=dtype),
    ]  # fmt: skip
    model = saved(keras, tmp_path / "net.keras", layers)
    stored = keras_files.load(tmp_path / "net.keras")
    assert stored.network.dtype == ("float64" if dtype == "float64" else "float32")
    for ours, theirs in zip(
        stored.parameters.weights, model.layers[-1].get_weights(), strict=False
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_that_are_not_finite_are_refused(keras: Any, tmp_path: Path) -> None:
    model = saved(keras, tmp_path / "net.keras", [keras.layers.Flatten(), keras.layers.Dense(3)])
    model.layers[-1].set_weights([np.full((36, 3), np.nan), np.zeros(3)])
    model.save(tmp_path / "net.keras")
    with pytest.raises(ModelError, match="weights that are not finite"):
        keras_files.load(tmp_path / "net.keras")


def rewritten(path: Path, change: Callable[[dict[str, Any]], None], **more: bytes) -> None:
    """Change the description of the model in ``path``, and add members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    change(config)
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (members | more).items():
            archive.writestr(name, content)


def last_layer(config: dict[str, Any]) -> dict[str, Any]:
    layer: dict[str, Any] = config["config"]["layers"][-1]
    return layer


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: last_layer(c).update(class_name="TFSMLayer"), "a layer TFSMLayer"),
        (lambda c: last_layer(c).update(class_name="Lambda"), "a layer Lambda"),
        (lambda c: last_layer(c).update(module="os", class_name="system"), "of os system"),
        (lambda c: last_layer(c).update(registered_name="mine>Dense"), "a layer Dense"),
        (
            lambda c: last_layer(c)["config"].update(
                activation={"module": "builtins", "class_name": "function", "config": "eval"}
            ),
            "of builtins function",
        ),
        (
            lambda c: last_layer(c)["config"].update(
                kernel_initializer={"module": "keras.utils", "class_name": "get_file", "config": {}}
            ),
            "of keras.utils get_file",
        ),
        (lambda c: last_layer(c)["config"].update(units=10**9), "units 1000000000"),
        (lambda c: c.update(class_name="Model"), "a model of the class 'Model'"),
    ],
)
def test_a_class_that_is_none_of_ours_never_gets_as_far_as_keras(
    keras: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    change: Callable[[dict[str, Any]], None], said: str,
) -> None:  # fmt: skip
    path = tmp_path / "net.keras"
    saved(keras, path, [keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    rewritten(path, change)
    monkeypatch.setattr("keras.saving.load_model", lambda *_, **__: pytest.fail("Keras loaded it"))
    with pytest.raises(ModelError, match=said):
        keras_files.load(path)


def test_a_member_that_no_model_has_is_refused(keras: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    saved(keras, path, [keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    rewritten(path, lambda _: None, **{"../evil.py": b""})
    with pytest.raises(ModelError, match=r"it holds '\.\./evil\.py'"):
        keras_files.load(path)


@pytest.mark.parametrize("command", [("train", "--weights"), ("evaluate",)])
@pytest.mark.parametrize("name", ["net.h5", "net.hdf5"])
def test_the_old_format_says_how_to_leave_it(
    mlpbench: Callable[..., Said], npz: Path, tmp_path: Path, command: tuple[str, ...], name: str
) -> None:
    (tmp_path / name).write_bytes(b"\x89HDF\r\n\x1a\n")
    said = mlpbench(*command, tmp_path / name, "--dataset", npz)
    assert said.code == 64
    assert "save it as .keras" in said.err


@pytest.mark.parametrize(
    ("make", "options", "said"),
    [
        (logits_last, (), "does not record its normalisation; the training uses 'standard'"),
        (logits_last, ("--normalise", "range"), None),
        (rescaled, (), None),
        (rescaled, ("--normalise", "unit"), "--normalise unit replaces"),
        (without_biases, (), "has no biases"),
    ],
)
def test_the_command_says_what_the_file_does_not(
    keras: Any, mlpbench: Callable[..., Said], npz: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, make: Maker, options: tuple[str, ...], said: str | None,
) -> None:  # fmt: skip
    monkeypatch.setattr("bench.cli.train.conclude", lambda *_: None)
    saved(keras, tmp_path / "net.keras", *make(keras))
    done = mlpbench(
        "train", "--weights", tmp_path / "net.keras", "--impl", "numpy-optimized", "--dataset", npz,
        "--epochs", 1, "--out", tmp_path / "out", *options,
    )  # fmt: skip
    assert done.code == 0, done.err
    if said is None:
        assert "normalis" not in done.out.replace("normalisation", "").replace("--normalise", "")
    else:
        assert said in done.out
