"""Saved models: ``.npz`` archives of plain arrays, never pickled.

``header`` holds JSON as bytes; the others are weights, biases, what the optimiser remembers, the
normalisation and the history.
"""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt

from impls.contract import State
from impls.data.normalise import NORMALISATIONS, Normaliser
from impls.data.npz import DAMAGE, ZIP_MAGICS
from impls.errors import BenchError, ModelError
from impls.files import open_plain, shown, write_whole
from impls.mathematics.optimisers import MEMORIES
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters
from impls.training.history import Epoch, History, Standing
from impls.training.model import Model, Order, Source

SUFFIX = ".npz"
FORMAT = "mlpbench model"
VERSION = 1

Arrays = dict[str, npt.NDArray[Any]]


class _Header(msgspec.Struct, kw_only=True):
    format: str
    version: int


class _Content(_Header, kw_only=True, forbid_unknown_fields=True):
    """What is not an array; ``memories`` is None where the optimiser's memory is not known."""

    generator: str
    implementation: str
    network: Network
    training: Training
    order: Order
    source: Source
    normalisation: str
    updates: int
    memories: int | None
    learning_rate: float


def save(model: Model, path: Path, *, generator: str = "mlpbench") -> None:
    """Write ``model`` in one atomic step: a reader sees the old file or the new one.

    Raises:
        ModelError: the file cannot be written, or the training diverged.
    """
    try:
        write_whole(path, encode(model, generator=generator))
    except OSError as error:
        raise ModelError(
            f"cannot write {shown(path)}: {error.strerror}. Choose a folder you may write to."
        ) from error


def load(path: Path) -> Model:
    """Read the model at ``path``; nothing in it, and nothing that it names, is executed.

    Raises:
        ModelError: it cannot be read, is damaged, is something else, or was written by a newer
            version.
    """
    if path.suffix.lower() == ".keras" and path.is_file():
        raise ModelError(
            f"{shown(path)} is a Keras file, which holds neither normalisation nor training. "
            f"Give the {SUFFIX} file that 'mlpbench train' wrote beside it, or begin a training of "
            "its network with 'mlpbench train --weights'."
        )
    if path.name.lower().endswith(".weights.h5") and path.is_file():
        raise ModelError(
            f"{shown(path)} holds weights without their network. Build the network in Keras, read "
            "them with model.load_weights(...), and save both with model.save('NAME.keras')."
        )
    if path.suffix.lower() in (".h5", ".hdf5") and path.is_file():
        raise ModelError(
            f"{shown(path)} is in the old format of Keras, which can run code in the file. "
            "If you trust the file, load it in Keras and save it as .keras: "
            "keras.saving.load_model(...).save('NAME.keras')."
        )
    try:
        with open_plain(path) as file:
            return decode(file, label=shown(path))
    except OSError as error:
        raise ModelError(
            f"cannot read {shown(path)}: {error.strerror}. Check the path and its permissions."
        ) from error


def encode(model: Model, *, generator: str) -> bytes:
    """Return the content of a model's file; equal models give equal bytes.

    Raises:
        ModelError: the training diverged, so that it cannot go on.
    """
    if model.divergence:
        raise ModelError(f"there is nothing to save, because {model.divergence}.")
    memory, epochs = model.state.memory, model.history.epochs
    content = _Content(
        format=FORMAT,
        version=VERSION,
        generator=generator,
        implementation=model.implementation,
        network=model.network,
        training=model.training,
        order=model.order,
        source=model.source,
        normalisation=model.normaliser.name,
        updates=model.state.updates,
        memories=None if memory is None else len(memory),
        learning_rate=model.learning_rate,
    )
    # One line per epoch: batches, rate, seconds and the standing, NaN where there is none.
    missing = (np.nan,) * len(dataclasses.fields(Standing))
    table = [
        (
            len(epoch.losses),
            epoch.learning_rate,
            epoch.seconds,
            *(dataclasses.astuple(epoch.standing) if epoch.standing else missing),
        )
        for epoch in epochs
    ]
    arrays: Arrays = {
        "header": np.frombuffer(msgspec.json.encode(content), dtype=np.uint8),
        "scale_mean": model.normaliser.mean,
        "scale_divisor": model.normaliser.divisor,
        "losses": model.history.losses,
        "epochs": np.array(table, dtype=np.float64).reshape(len(table), 3 + len(missing)),
        **dict(model.state.parameters.arrays()),
    }
    for number, remembered in enumerate(memory or ()):
        arrays |= {f"memory[{number}].{name}": array for name, array in remembered.arrays()}
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # no name is a keyword of it
    return stream.getvalue()


def decode(file: BinaryIO, *, label: str) -> Model:
    """Read a model's file; nothing in it is executed.  ``label`` names it in messages.

    Raises:
        ModelError: it is damaged, is something else, or was written by a newer version.
    """
    if file.read(4) not in ZIP_MAGICS:
        raise ModelError(
            f"{label} is not a saved model: it does not begin like an .npz archive. Give a file "
            "written by 'mlpbench train'."
        )
    file.seek(0)
    try:
        with np.load(file, allow_pickle=False) as archive:
            if "header" not in archive:
                raise ModelError(
                    f"{label} is an .npz archive, but not a saved model: it has no header. Give a "
                    "file written by 'mlpbench train'."
                )
            arrays = {name: np.asarray(archive[name]) for name in archive.files}
    except DAMAGE as error:
        raise ModelError(
            f"{label} is damaged: {str(error) or type(error).__name__}. Use another copy, such as "
            "an earlier checkpoint."
        ) from error
    content = _content(arrays["header"].tobytes(), label)
    try:
        return _model(content, arrays)
    except (BenchError, KeyError, ValueError, TypeError) as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else error
        raise ModelError(f"{label} is damaged: {reason}. Use another copy.") from error


def _content(text: bytes, label: str) -> _Content:
    """Return what the header says, once it is one that this version reads."""
    try:
        header = msgspec.json.decode(text, type=_Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelError(
            f"{label} is not a saved model: its header cannot be read: {error}."
        ) from error
    if header.format != FORMAT:
        raise ModelError(f"{label} is not a saved model: it calls itself {header.format!r}.")
    if header.version > VERSION:
        raise ModelError(
            f"{label} has version {header.version}; this mlpbench reads up to {VERSION}. Update "
            "mlpbench to read it."
        )
    try:
        return msgspec.json.decode(text, type=_Content)
    except (msgspec.DecodeError, UnicodeDecodeError, BenchError) as error:
        raise ModelError(f"{label} is damaged: {error}. Use another copy.") from error


def _model(content: _Content, arrays: Arrays) -> Model:
    """Return the model, whose arrays must have the shapes and kinds that its header needs."""
    memory = None
    if content.memories is not None:
        expected = MEMORIES[content.training.optimiser]
        if content.memories != expected:
            raise ValueError(f"{content.memories} memories, where the optimiser has {expected}")
        memory = tuple(
            _parameters(content.network, arrays, f"memory[{number}].")
            for number in range(content.memories)
        )
    mean, divisor = (_floats(arrays, name) for name in ("scale_mean", "scale_divisor"))
    name = content.normalisation
    if not mean.shape == divisor.shape == content.network.layers[:1] or name not in NORMALISATIONS:
        raise ValueError(f"normalisation {name!r} has shapes {mean.shape} and {divisor.shape}")
    return Model(
        implementation=content.implementation,
        network=content.network,
        training=content.training,
        order=content.order,
        source=content.source,
        normaliser=Normaliser(name, mean, divisor),
        state=State(_parameters(content.network, arrays, ""), memory, content.updates),
        learning_rate=content.learning_rate,
        history=_history(arrays),
    )


def _parameters(network: Network, arrays: Arrays, prefix: str) -> Parameters:
    def values(name: str, shape: tuple[int, ...]) -> Floats:
        array = _floats(arrays, f"{prefix}{name}")
        if array.shape != shape:
            raise ValueError(f"{prefix}{name} has shape {array.shape}, the network needs {shape}")
        if not np.isfinite(array).all():
            raise ValueError(
                f"{prefix}{name} holds values that are not finite: the training diverged"
            )
        return array

    layers = list(enumerate(network.shapes))
    return Parameters(
        tuple(values(f"weights[{i}]", shape) for i, shape in layers),
        tuple(values(f"biases[{i}]", shape[1:]) for i, shape in layers),
    )


def _floats(arrays: Arrays, name: str) -> npt.NDArray[Any]:
    array = arrays[name]
    if array.dtype.kind != "f":
        raise ValueError(f"{name} is {array.dtype}, not floating-point numbers")
    return array


def _history(arrays: Arrays) -> History:
    losses, table = _floats(arrays, "losses"), _floats(arrays, "epochs")
    if table.ndim != 2 or table.shape[1] != 3 + len(dataclasses.fields(Standing)):
        raise ValueError(f"the table of epochs has shape {table.shape}")
    ends = np.cumsum(table[:, 0]).astype(np.int64)
    if losses.shape != (ends[-1] if len(ends) else 0, 3):
        raise ValueError(f"the history has losses of shape {losses.shape}, which its epochs do not")
    history = History()
    for number, (line, end) in enumerate(zip(table, ends, strict=True), start=1):
        batches, rate, seconds, *standing = line.tolist()
        looked = None if np.isnan(standing).all() else Standing(*standing)
        part = losses[end - int(batches) : end]
        history.epochs.append(Epoch(number, part, rate, seconds, looked))
    return history
