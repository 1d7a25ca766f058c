"""Layers of Keras read as one of our networks, or refused with the reason.

What is read is what :mod:`impls.keras.files` writes, and its like from other hands: convolutions
may begin at flat rows, which a layer reshapes, or at inputs that are images already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bench.errors import ModelError
from impls.convolution import Convolution
from impls.networks import Activation, Network
from impls.parameters import Parameters

Layer = Any  # Keras ships no types
Image = tuple[int, int, int]

LINE = "dense layers with biases, and dropout between them"
"""What may stand at the end of a network, or be all of it."""

_HIDDEN: tuple[Activation, ...] = ("sigmoid", "tanh", "relu")


def network_of(model: Any, keras: Any, label: str, name: str) -> tuple[Network, Parameters]:
    """The network called ``name`` that ``model`` is, and its weights in canonical order.

    ``keras`` is the package, which takes seconds to import.

    Raises:
        ModelError: it is another kind of network; ``label`` says in which file.
    """
    kinds = keras.layers
    layers = [one for one in model.layers if not isinstance(one, kinds.InputLayer)]
    image: Image | None = None
    convolved: list[Layer] = []
    convolutions: tuple[Convolution, ...] = ()
    if any(isinstance(one, kinds.Conv2D) for one in layers):
        image, layers = _image(model, layers, kinds, label)
        convolved, convolutions, layers = _convolutions(layers, kinds, label)
    dense, dropout = _dense(layers, kinds, label)
    used = [keras.activations.serialize(one.activation) for one in (*convolved, *dense)]
    activation, output = _activations(used, label)
    arrays = [[np.asarray(array) for array in layer.get_weights()] for layer in convolved + dense]
    parameters = Parameters(
        # Keras' kernel runs as canonical rows do: height, width, channel.
        tuple(W.reshape(-1, W.shape[-1]) for W, _ in arrays),
        tuple(b for _, b in arrays),
    )
    inputs = int(np.prod(image)) if image else parameters.weights[0].shape[0]
    network = Network(
        name=name,
        layers=(inputs, *(layer.units for layer in dense)),
        activation=activation,
        loss="cross-entropy" if output == "softmax" else "logloss",
        dropout=tuple(dropout[:-1]) if any(dropout[:-1]) else (),
        image=image,
        convolutions=convolutions,
    )
    return network, parameters.astype(network.dtype)


def _image(model: Any, layers: list[Layer], kinds: Any, label: str) -> tuple[Image, list[Layer]]:
    """The image at which convolutions begin, and the layers from there on."""
    shape = model.input_shape
    if isinstance(layers[0], kinds.Reshape):
        shape, layers = layers[0].compute_output_shape(shape), layers[1:]
    _, *sizes = shape
    if len(sizes) != 3:
        raise ModelError(
            f"{label} has convolutions of inputs of shape {tuple(sizes)}: only those of height, "
            "width and channels are read back"
        )
    height, width, channels = sizes
    return (height, width, channels), layers


def _convolutions(
    layers: Sequence[Layer], kinds: Any, label: str
) -> tuple[list[Layer], tuple[Convolution, ...], list[Layer]]:
    """The layers that convolve, what they are with their pooling, and the layers after Flatten."""
    convolved: list[Layer] = []
    pools: list[int] = []
    for place, layer in enumerate(layers):
        if isinstance(layer, kinds.Conv2D):
            _require(layer, label, _convolution_rules(layer))
            convolved.append(layer)
            pools.append(1)
        elif isinstance(layer, kinds.MaxPooling2D) and convolved and pools[-1] == 1:
            _require(layer, label, _pooling_rules(layer))
            pools[-1] = layer.pool_size[0]
        elif isinstance(layer, kinds.Flatten) and convolved:
            _require(layer, label, [(layer.data_format == "channels_last", "channels are last")])
            described = [
                Convolution(filters=one.filters, kernel=one.kernel_size[0], pool=pool)
                for one, pool in zip(convolved, pools, strict=True)
            ]
            return convolved, tuple(described), list(layers[place + 1 :])
        else:
            raise ModelError(
                f"{label} has a layer {type(layer).__name__} before Flatten: only convolutions, "
                f"each with one max pooling or none, are read back there, then {LINE}"
            )
    raise ModelError(f"{label} has convolutions and no Flatten after them")


def _convolution_rules(layer: Layer) -> Iterator[tuple[bool, str]]:
    yield bool(layer.use_bias), "it has biases"
    yield len(set(layer.kernel_size)) == 1, "its kernel is square"
    yield {*layer.strides, *layer.dilation_rate, layer.groups} == {1}, "it moves by one, undilated"
    yield layer.padding == "valid", "it pads nothing"
    yield layer.data_format == "channels_last", "channels are last"


def _pooling_rules(layer: Layer) -> Iterator[tuple[bool, str]]:
    yield len(set(layer.pool_size)) == 1, "it pools squares"
    yield tuple(layer.strides) == tuple(layer.pool_size), "its squares lie side by side"
    yield layer.padding == "valid", "it pads nothing"
    yield layer.data_format == "channels_last", "channels are last"


def _require(layer: Layer, label: str, rules: Iterator[tuple[bool, str]] | list[Any]) -> None:
    for holds, rule in rules:
        if not holds:
            raise ModelError(
                f"{label} has a layer {type(layer).__name__} called {layer.name}: one of this kind "
                f"is read back only where {rule}"
            )


def _dense(layers: Sequence[Layer], kinds: Any, label: str) -> tuple[list[Layer], list[float]]:
    """The dense layers, and the rate of the dropout after each of them."""
    dense: list[Layer] = []
    dropout: list[float] = []
    for layer in layers:
        if isinstance(layer, kinds.Dense) and layer.use_bias:
            dense.append(layer)
            dropout.append(0.0)
        elif isinstance(layer, kinds.Dropout) and dense:
            dropout[-1] = layer.rate
        else:
            raise ModelError(
                f"{label} has a layer {type(layer).__name__}: only {LINE}, are read back, and "
                "convolutions before them"
            )
    if not dense:
        raise ModelError(f"{label} has no dense layer")
    return dense, dropout


def _activations(used: Sequence[Any], label: str) -> tuple[Activation, str]:
    """The one of all hidden layers, and that of the outputs."""
    *hidden, output = used
    shared = next((one for one in _HIDDEN if {*hidden} <= {one}), None)
    if shared is None or output not in ("sigmoid", "softmax"):
        raise ModelError(
            f"{label} has the activations {', '.join(map(str, used))}: hidden layers "
            f"must share one of {', '.join(_HIDDEN)}, outputs must be sigmoid or softmax"
        )
    return shared, output
