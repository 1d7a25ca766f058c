"""Networks in Keras' own files, for use with Keras alone.

Keras' layers know neither the penalty's place in the cost nor the optimiser of the articles, so a
``.keras`` file holds the network and its weights; training is resumed from an ``.npz``, which
also knows what examples were normalised by.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from impls.convolution import Convolution
from impls.data.normalise import Normaliser
from impls.errors import ModelError, UsageError
from impls.files import shown
from impls.keras.archive import read_config, read_loss
from impls.keras.reading import Reading, read_layers
from impls.mathematics.functions import output_activation
from impls.mathematics.reference import Trainer
from impls.networks import Dtype, Network, Training
from impls.parameters import Floats, Parameters

SUFFIX = ".keras"

_PROOF = 8
_SEED = 3
# Half precision and TF32 differ by less, another network by more.
_CLOSE = 0.02


@dataclass(frozen=True, eq=False)
class Stored:
    """A network in a file of Keras; ``normaliser`` is what its own layers do to examples, if any.

    ``notes`` say what the file does not, or holds besides.
    """

    network: Network
    parameters: Parameters
    normaliser: Normaliser | None
    notes: tuple[str, ...]


def save(network: Network, parameters: Parameters, path: Path) -> None:
    """Write the network as a sequence of layers, dropout included, outputs activated.

    Examples go in as flat rows, whether or not there are convolutions.

    Raises:
        ModelError: Keras is missing, or the file cannot be written.
    """
    keras = _keras()
    from impls.keras.model import layers_of  # noqa: PLC0415 - imports Keras

    def drop(_: int, rate: float) -> Any:
        return keras.layers.Dropout(rate, dtype=network.dtype)

    inputs = keras.Input((network.layers[0],), dtype=network.dtype)
    model = keras.Sequential([inputs, *layers_of(network, drop, network.output)])
    weights = list(parameters.weights)
    for layer, conv in enumerate(network.conv_layers):
        # Canonical rows run as Keras' kernel does: height, width, channel.
        shape = (conv.kernel, conv.kernel, conv.channels, conv.filters)
        weights[layer] = weights[layer].reshape(shape)
    pairs = zip(weights, parameters.biases, strict=True)
    model.set_weights([array for pair in pairs for array in pair])
    partial = path.with_name(f"{path.stem}.partial{SUFFIX}")
    try:
        model.save(partial)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ModelError(
            f"cannot write {shown(path)}: {error.strerror}. Choose a folder you may write to."
        ) from error


def load(path: Path) -> Stored:
    """Return the network in the file at ``path``, with its weights; nothing in it is executed.

    It is proven on drawn examples that the network computes what Keras does with the file.

    Raises:
        ModelError: Keras is missing, or the file is damaged or holds another kind of network.
    """
    label = shown(path)
    if not path.is_file():
        raise ModelError(f"cannot read {label}: there is no such file. Check the path.")
    config = read_config(path, label)
    keras = _keras()
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        # Keras lets through whatever zipfile, h5py and its own classes raise.
        raise ModelError(f"{label} is not a model that Keras can read: {_reason(error)}") from error
    read = read_layers(model, keras, label)
    loss, notes = read_loss(config, read.output, label)
    kept = [array for pair in read.weights for array in pair]
    dtype: Dtype = "float64" if all(array.itemsize == 8 for array in kept) else "float32"
    dense = [step for step in read.steps if step.kind == "dense"]
    rates = [step.dropout for step in dense[:-1]]
    convolutions = tuple(
        Convolution(filters=step.layer.filters, kernel=step.layer.kernel_size[0], pool=step.pool)
        for step in read.steps
        if step.kind == "convolution"
    )
    try:
        network = Network(
            name=path.stem,
            layers=(read.inputs, *(step.layer.units for step in dense)),
            activation=read.activation or "sigmoid",
            loss=loss,
            dtype=dtype,
            dropout=tuple(rates) if any(rates) else (),
            image=read.image,
            convolutions=convolutions,
        )
    except UsageError as error:
        raise ModelError(f"{label} is no network of this kind: {error}") from error
    weights, biases = zip(*read.weights, strict=True)
    parameters = Parameters(tuple(weights), tuple(biases)).astype(dtype)
    stored = Stored(network, parameters, read.normaliser, (*read.notes, *notes))
    _prove(stored, model, keras, read, label)
    return stored


def _prove(stored: Stored, model: Any, keras: Any, read: Reading, label: str) -> None:
    """Refuse a network that does not compute what the model does, as where ways part and meet.

    Raises:
        ModelError: see above.
    """
    rng = np.random.default_rng(_SEED)
    drawn = rng.normal(size=(_PROOF, read.inputs))
    X = drawn.astype(np.float32)
    if stored.normaliser is not None:
        mean, divisor = stored.normaliser.mean, stored.normaliser.divisor
        X = (drawn * divisor + mean).astype(np.float32)
        # Not what was drawn: a value may be small against the mean that was added to it.
        drawn = (X.astype(np.float64) - mean) / divisor
    try:
        outputs = model(X.reshape(_PROOF, *read.shape), training=False)
        theirs: Floats = np.asarray(keras.ops.convert_to_numpy(outputs), np.float64)
    except Exception as error:
        # Whatever an engine raises on layers that do not fit together.
        raise ModelError(f"{label} cannot be run by Keras: {_reason(error)}") from error
    network = msgspec.structs.replace(stored.network, dtype="float64")
    ours = Trainer(network, Training(), stored.parameters.astype("float64")).predict(drawn)
    if read.output == "linear":
        theirs = output_activation(network.output, theirs, axis=1)
    if theirs.shape != ours.shape or not np.allclose(theirs, ours, rtol=0, atol=_CLOSE):
        raise ModelError(
            f"{label} computes something else than its layers one after another do: only networks "
            "of one line of layers, each used once, are read back"
        )


def _reason(error: Exception) -> str:
    """Return the first line of what an error says."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _keras() -> Any:
    try:
        import keras  # noqa: PLC0415 - takes seconds
    except ImportError as error:
        raise ModelError(
            f"{SUFFIX} files need Keras ({error}); install it with: pip install 'mlpbench[keras]'"
        ) from error
    return keras
