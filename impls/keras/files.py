"""Networks in Keras' own files, for whoever goes on with Keras alone.

Keras' layers know neither the penalty's place in the cost nor the optimiser of the articles, so a
``.keras`` file holds the network and its weights; training is gone on with from an ``.npz``, which
also knows what examples were normalised by.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.errors import ModelError
from impls.data.paths import shown
from impls.keras.reading import network_of
from impls.networks import Network
from impls.parameters import Parameters

SUFFIX = ".keras"


def save(network: Network, parameters: Parameters, path: Path) -> None:
    """Write the network as a sequence of layers, dropout included, outputs activated.

    Examples go in as flat rows, whether or not there are convolutions.

    Raises:
        ModelError: Keras is missing, or the file cannot be written.
    """
    keras = _keras()
    layers: list[Any] = [keras.Input((network.layers[0],), dtype=network.dtype)]
    if network.image and network.convolutions:
        # Not what the user's keras.json says: this is the order of the features.
        options = {"data_format": "channels_last", "dtype": network.dtype}
        layers.append(keras.layers.Reshape(network.image, dtype=network.dtype))
        for one in network.convolutions:
            layers.append(
                keras.layers.Conv2D(
                    one.filters, one.kernel, activation=network.activation, **options
                )
            )
            if one.pool > 1:
                layers.append(keras.layers.MaxPooling2D(one.pool, **options))
        layers.append(keras.layers.Flatten(**options))
    for nodes, rate in zip(network.layers[1:-1], network.dropout_rates, strict=True):
        layers.append(keras.layers.Dense(nodes, network.activation, dtype=network.dtype))
        if rate:
            layers.append(keras.layers.Dropout(rate, dtype=network.dtype))
    layers.append(keras.layers.Dense(network.layers[-1], network.output, dtype=network.dtype))
    model = keras.Sequential(layers)
    weights = list(parameters.weights)
    for layer, stage in enumerate(network.stages):
        # Canonical rows run as Keras' kernel does: height, width, channel.
        shape = (stage.kernel, stage.kernel, stage.channels, stage.filters)
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


def load(path: Path) -> tuple[Network, Parameters]:
    """The network in the file at ``path``, with its weights; nothing in it is executed.

    A file does not say which loss it was trained by: a softmax is taken for cross-entropy,
    sigmoid outputs for log loss.

    Raises:
        ModelError: Keras is missing, or the file is damaged or holds another kind of network.
    """
    keras = _keras()
    label = shown(path)
    if not path.is_file():
        raise ModelError(f"cannot read {label}: there is no such file. Check the path.")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        # Keras lets through whatever zipfile, h5py and its own classes raise.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(f"{label} is not a model that Keras can read: {reason}") from error
    return network_of(model, keras, label, path.stem)


def _keras() -> Any:
    try:
        import keras  # noqa: PLC0415 - takes seconds
    except ImportError as error:
        raise ModelError(
            f"{SUFFIX} files need Keras ({error}); install it with: pip install 'mlpbench[keras]'"
        ) from error
    return keras
