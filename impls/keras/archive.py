"""What a ``.keras`` file says of its model, looked at before Keras loads anything.

A file can name any class of Keras, and several of them have run code or read other files in spite
of Keras' safe mode.  Only those that make networks of our kind get as far as Keras.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

from impls.errors import ModelError
from impls.networks import LossName

CONFIG, WEIGHTS = "config.json", "model.weights.h5"

_MEMBERS = {"metadata.json", CONFIG, WEIGHTS}
_CONTAINERS = {"Sequential", "Functional"}
LAYERS = {
    "Activation", "Conv2D", "Dense", "Dropout", "Flatten", "InputLayer", "MaxPooling2D",
    "Normalization", "ReLU", "Rescaling", "Reshape", "Softmax",
}  # fmt: skip
# What layers are described by, by module: nothing here does more than draw or add up numbers.
_PARTS = {
    "keras": {"DTypePolicy"},
    "keras.initializers": {
        "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
        "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "RandomNormal", "RandomUniform",
        "TruncatedNormal", "VarianceScaling", "Zeros",
    },
    "keras.regularizers": {"L1", "L2", "L1L2", "OrthogonalRegularizer"},
    "keras.constraints": {"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"},
}  # fmt: skip
_TENSOR = "__keras_tensor__"
_MOST_CONFIG = 1 << 24
_MOST_WEIGHTS = 1 << 33
_MOST_NODES = 1 << 24

Config = dict[str, Any]


def read_config(path: Path, label: str) -> Config:
    """Return the description of the model in the file at ``path``, each part of a known class.

    Raises:
        ModelError: it is no file of Keras, or names a class that networks of our kind have not;
            ``label`` says in which file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {member.filename: member.file_size for member in archive.infolist()}
            _require_members(sizes, label)
            # Weights are read in pieces, for which no checksum is compared.
            broken = archive.testzip()
            if broken is not None:
                raise ModelError(
                    f"{label} is not a model that Keras can read: {broken!r} in it is damaged"
                )
            config: Config = json.loads(archive.read(CONFIG))
    except (
        OSError, EOFError, NotImplementedError, RecursionError, RuntimeError, ValueError,
        zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        reason = str(error) or type(error).__name__
        raise ModelError(f"{label} is not a model that Keras can read: {reason}") from error
    kind = config.get("class_name") if isinstance(config, dict) else None
    if not isinstance(kind, str) or kind not in _CONTAINERS:
        raise ModelError(
            f"{label} holds a model of the class {kind!r}: only Sequential and Functional ones are "
            "read back"
        )
    # How it was compiled is read here and never made by Keras.
    try:
        _require_known({**config, "compile_config": None}, label)
    except RecursionError as error:
        raise ModelError(f"{label} is not a model that Keras can read: too deep") from error
    return config


def _require_members(sizes: dict[str, int], label: str) -> None:
    strange = sorted({*sizes} - _MEMBERS)
    lacking = sorted({CONFIG, WEIGHTS} - {*sizes})
    if strange or lacking:
        what = f"it holds {strange[0]!r}" if strange else f"it has no {lacking[0]}"
        raise ModelError(f"{label} is not a model that Keras can read: {what}")
    for member, most in {CONFIG: _MOST_CONFIG, WEIGHTS: _MOST_WEIGHTS}.items():
        if sizes[member] > most:
            raise ModelError(f"{label}: {member} unpacks to {sizes[member]} bytes, at most {most}")


def _require_known(part: Any, label: str) -> None:
    """Refuse unknown classes, and layers of absurd sizes."""
    if isinstance(part, list):
        for element in part:
            _require_known(element, label)
    if not isinstance(part, dict):
        return
    if "class_name" in part:
        name, module = part["class_name"], part.get("module") or "keras"
        if not isinstance(name, str) or not isinstance(module, str):
            raise ModelError(
                f"{label} is not a model that Keras can read: a class is called {name!r}"
            )
        ours = part.get("registered_name") in (None, name)
        ours = ours and (module == "keras" or module.startswith("keras."))
        known = name in LAYERS | _CONTAINERS or name in _PARTS.get(module, ())
        if not (ours and known) and name != _TENSOR:
            kind = "a layer" if module in ("keras", "keras.layers") else f"of {module}"
            readable = ", ".join(sorted(LAYERS - {"InputLayer"}))
            raise ModelError(
                f"{label} has {kind} {name}: only models of {readable} are read back, and nothing "
                "else is loaded"
            )
    for name, value in part.items():
        if name in ("units", "filters") and (not isinstance(value, int) or value > _MOST_NODES):
            raise ModelError(f"{label} has a layer with {name} {value!r}, more than {_MOST_NODES}")
        _require_known(value, label)


_BINARY, _CLASSES, _SQUARES = "binary cross-entropy", "categorical cross-entropy", "squared error"
_NAMES = {
    "binarycrossentropy": _BINARY,
    "categoricalcrossentropy": _CLASSES,
    "sparsecategoricalcrossentropy": _CLASSES,
    "meansquarederror": _SQUARES,
    "mse": _SQUARES,
}
# Activation of the outputs, loss, whether it takes outputs before the activation.
_READ: dict[tuple[str, str | None, bool], LossName] = {
    ("sigmoid", _BINARY, False): "logloss",
    ("sigmoid", _SQUARES, False): "mse",
    ("sigmoid", None, False): "logloss",
    ("softmax", _CLASSES, False): "cross-entropy",
    ("softmax", None, False): "cross-entropy",
    ("linear", _CLASSES, True): "cross-entropy",
    ("linear", _BINARY, True): "logloss",
}
_REMEDY = (
    "Compile it with a loss that fits its outputs, and save it again: softmax outputs with "
    "categorical cross-entropy, sigmoid outputs with binary cross-entropy or mean squared error, "
    "linear outputs with either cross-entropy and from_logits=True"
)


def read_loss(config: Config, output: str, label: str) -> tuple[LossName, list[str]]:
    """Return our loss for outputs of the activation ``output``, and what a reader must know of it.

    Raises:
        ModelError: no loss of ours is the one that the model was compiled with; ``label`` says in
            which file.
    """
    compiled = config.get("compile_config")
    loss, settings = compiled.get("loss") if isinstance(compiled, dict) else None, None
    if isinstance(loss, list) and len(loss) == 1:
        loss = loss[0]
    if isinstance(loss, dict) and isinstance(loss.get("class_name"), str):
        loss, settings = loss["class_name"], loss.get("config")
        if loss == "function" and isinstance(settings, str):
            loss = settings
    settings = settings if isinstance(settings, dict) else {}
    known = None if loss is None else _NAMES.get(str(loss).replace("_", "").lower())
    logits = bool(settings.get("from_logits", False))
    ours = _READ.get((output, known, logits)) if loss is None or known else None
    if ours is None:
        by = "names no loss" if loss is None else f"was trained by the loss {loss}"
        raw = " of outputs before their activation" if logits else ""
        raise ModelError(f"{label} has {output} outputs and {by}{raw}. {_REMEDY}")
    notes = []
    if loss is None:
        notes.append(f"{label} does not say its loss: {ours} is taken, as its outputs suggest.")
    if settings.get("label_smoothing"):
        notes.append(f"{label} was trained with smoothed labels, which is left out.")
    return ours, notes
