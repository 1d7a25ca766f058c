"""A network as layers of Keras, whichever engine Keras works with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from impls.keras.dropout import HashedDropout
from impls.keras.optimisers import build_optimiser
from impls.mathematics import dropout
from impls.networks import Network, Training

Tensor = Any  # the engines' own


class Parts(NamedTuple):
    """What Keras trains and with what; ``updates`` counts updates, on which dropout depends."""

    updates: keras.Variable
    optimizer: keras.optimizers.Optimizer
    model: keras.Model


def assembled(
    network: Network,
    training: Training,
    model_class: type[keras.Model] = keras.Model,
    convolution: Callable[..., Any] = keras.layers.Conv2D,
) -> Parts:
    """A model up to the input of the last activation, and an optimiser built for its variables.

    ``convolution`` is the class of the layers that convolve.
    """
    updates = keras.Variable(0, trainable=False, dtype="int", name="updates")
    model = model_class(*connected(network, training, updates, convolution))
    optimizer = build_optimiser(training)
    optimizer.build(model.trainable_variables)
    return Parts(updates, optimizer, model)


def connected(
    network: Network,
    training: Training,
    updates: keras.Variable,
    convolution: Callable[..., Any] = keras.layers.Conv2D,
) -> tuple[Tensor, Tensor]:
    """Symbolic inputs ``(batch, n_0)``, and what goes into the last activation, ``(batch, n_E)``.

    Penalties are on the kernels alone.  ``updates`` counts the updates so far.
    """
    # Keras' l2 multiplies the sum of squares itself, without the factor 1/2 of the articles.
    regularizer = keras.regularizers.L1L2(l1=training.l1, l2=training.l2 / 2)
    options = {
        "kernel_regularizer": regularizer if training.l1 or training.l2 else None,
        "dtype": network.dtype,
    }
    inputs = keras.Input((network.layers[0],), dtype=network.dtype)
    H = _convolved(network, inputs, convolution, options)
    for layer, rate in enumerate(network.dropout_rates, start=1):
        H = keras.layers.Dense(network.layers[layer], network.activation, **options)(H)
        if rate:
            columns = dropout.column_keys(network, layer)
            dropped = HashedDropout(
                rate, training.dropout_seed, columns, updates, dtype=network.dtype
            )
            H = dropped(H)
    return inputs, keras.layers.Dense(network.layers[-1], **options)(H)


def _convolved(
    network: Network,
    H: Tensor,
    convolution: Callable[..., Any],
    options: dict[str, Any],
) -> Tensor:
    """Return what the convolutions leave, flat again; the inputs where there are none."""
    if not network.convolutions:
        return H
    # Not what the user's keras.json says: this is the order of the features.
    order = {"data_format": "channels_last"}
    H = keras.layers.Reshape(network.image, dtype=network.dtype)(H)
    for one in network.convolutions:
        convolve = convolution(
            one.filters, one.kernel, activation=network.activation, **order, **options
        )
        H = convolve(H)
        if one.pool > 1:
            H = keras.layers.MaxPooling2D(one.pool, **order, dtype=network.dtype)(H)
    return keras.layers.Flatten(**order, dtype=network.dtype)(H)
