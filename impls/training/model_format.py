"""The file of a saved model: an ``.npz`` archive of plain arrays, never pickled.

``header`` holds JSON as bytes; the others are weights, biases, what the optimiser remembers, the
normalisation and the history.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import msgspec
import numpy as np
import numpy.typing as npt

from impls.contract import State
from impls.data.normalise import NORMALISATIONS, Normaliser
from impls.data.npz import DAMAGE, ZIP_MAGICS
from impls.data.standardise import Scale
from impls.errors import BenchError, ModelError
from impls.mathematics.optimisers import MEMORIES
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters
from impls.training.history import Epoch, History, Standing
from impls.training.model import Model, Order, Source

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


def encode(model: Model, *, generator: str) -> bytes:
    """Return the content of a model's file; equal models give equal bytes.

    Raises:
        ModelError: the training diverged, so that nobody could go on with it.
    """
    if model.divergence:
        raise ModelError(f"there is nothing to save, because {model.divergence}.")
    memory = model.state.memory
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
    arrays: Arrays = {
        "header": np.frombuffer(msgspec.json.encode(content), dtype=np.uint8),
        "scale_mean": model.normaliser.scale.mean,
        "scale_divisor": model.normaliser.scale.divisor,
        "losses": model.history.losses,
        "epochs": _epoch_table(model.history),
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
    arrays = _read(file, label)
    content = _content(arrays, label)
    try:
        return _model(content, arrays)
    except (BenchError, KeyError, ValueError, TypeError) as error:
        reason = f"there is no {error}" if isinstance(error, KeyError) else error
        raise ModelError(f"{label} is damaged: {reason}. Use another copy.") from error


def _read(file: BinaryIO, label: str) -> Arrays:
    try:
        with np.load(file, allow_pickle=False) as archive:
            if "header" not in archive:
                raise ModelError(
                    f"{label} is an .npz archive, but not a saved model: it has no header. Give a "
                    "file written by 'mlpbench train'."
                )
            return {name: np.asarray(archive[name]) for name in archive.files}
    except DAMAGE as error:
        raise ModelError(
            f"{label} is damaged: {str(error) or type(error).__name__}. Use another copy, such as "
            "an earlier checkpoint."
        ) from error


def _content(arrays: Arrays, label: str) -> _Content:
    """Return what the header says, once it is one that this version reads."""
    text = arrays["header"].tobytes()
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
        normaliser=Normaliser(name, Scale(mean, divisor)),
        state=State(_parameters(content.network, arrays, ""), memory, content.updates),
        learning_rate=content.learning_rate,
        history=_history(arrays),
    )


def _parameters(network: Network, arrays: Arrays, prefix: str) -> Parameters:
    """Weights and biases in the shapes that the network has."""
    layers = list(enumerate(network.shapes))
    return Parameters(
        tuple(_values(arrays, f"{prefix}weights[{i}]", shape) for i, shape in layers),
        tuple(_values(arrays, f"{prefix}biases[{i}]", shape[1:]) for i, shape in layers),
    )


def _values(arrays: Arrays, name: str, shape: tuple[int, ...]) -> Floats:
    array = _floats(arrays, name)
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, the network needs {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} holds values that are not finite: the training diverged")
    return array


def _floats(arrays: Arrays, name: str) -> npt.NDArray[Any]:
    array = arrays[name]
    if array.dtype.kind != "f":
        raise ValueError(f"{name} is {array.dtype}, not floating-point numbers")
    return array


def _epoch_table(history: History) -> Floats:
    """One line per epoch: batches, rate, seconds and the standing, NaN where nobody looked."""
    nobody = (np.nan,) * len(Standing.__dataclass_fields__)
    rows = [
        (len(e.losses), e.learning_rate, e.seconds, *(_astuple(e.standing) or nobody))
        for e in history.epochs
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 3 + len(nobody))


def _astuple(standing: Standing | None) -> tuple[float, ...]:
    fields = Standing.__dataclass_fields__
    return () if standing is None else tuple(getattr(standing, name) for name in fields)


def _history(arrays: Arrays) -> History:
    losses, table = _floats(arrays, "losses"), _floats(arrays, "epochs")
    if table.ndim != 2 or table.shape[1] != 3 + len(Standing.__dataclass_fields__):
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
