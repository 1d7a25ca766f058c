"""Layers of Keras read as one of our networks, or refused with the reason.

What is read is what :mod:`impls.keras.files` writes, and its like from other hands: layers at the
front that flatten or rescale examples, activations as layers, outputs before their activation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from impls.convolution import Convolution
from impls.data.normalise import Normaliser
from impls.errors import ModelError
from impls.keras.front import Front, read_front
from impls.networks import Activation, LossName
from impls.parameters import Floats

Layer = Any  # Keras ships no types

LINE = "dense layers, and dropout between them"
"""What may stand at the end of a network, or be all of it."""

_HIDDEN: tuple[Activation, ...] = ("sigmoid", "tanh", "relu")
_LINEAR = "linear"


@dataclass
class Step:
    """A layer with weights, and what follows it up to the next one."""

    layer: Layer
    kind: Literal["dense", "convolution"]
    activation: Any
    dropout: float = 0.0
    pool: int = 1


@dataclass(frozen=True, eq=False)
class Reading:
    """What the layers are: ``activation`` is None where there is no hidden layer."""

    front: Front
    steps: tuple[Step, ...]
    activation: Activation | None
    output: str
    weights: tuple[tuple[Floats, Floats], ...]
    notes: list[str] = field(default_factory=list)

    @property
    def convolutions(self) -> tuple[Convolution, ...]:
        """The convolutions with their pooling, input side first."""
        return tuple(
            Convolution(
                filters=step.layer.filters, kernel=step.layer.kernel_size[0], pool=step.pool
            )
            for step in self.steps
            if step.kind == "convolution"
        )

    @property
    def normaliser(self) -> Normaliser | None:
        """What the layers at the front do to examples, where they do something."""
        return self.front.normaliser


def read_layers(model: Any, keras: Any, label: str) -> Reading:
    """Return what the layers of ``model`` are, in the terms of our networks.

    ``keras`` is the package, which takes seconds to import.

    Raises:
        ModelError: it is another kind of network; ``label`` says in which file.
    """
    kinds = keras.layers
    layers = list(_unnested(model, kinds, keras.Sequential))
    front, rest = read_front(model, layers, keras, label)
    notes = list(front.notes)
    steps = _steps(rest, front, keras, label, notes)
    activation, output = _activations([step.activation for step in steps], label)
    if any(step.dropout for step in steps[-1:]):
        raise ModelError(f"{label} has dropout of its outputs, which no implementation does")
    weights = tuple(_weights(step.layer, label, notes) for step in steps)
    return Reading(front, tuple(steps), activation, output, weights, notes)


def _unnested(model: Any, kinds: Any, sequential: type) -> Iterator[Layer]:
    """Yield the layers of a model and of the sequences in it, without those of its inputs."""
    for layer in model.layers:
        if isinstance(layer, sequential):
            yield from _unnested(layer, kinds, sequential)
        elif not isinstance(layer, kinds.InputLayer):
            yield layer


def _steps(
    layers: list[Layer], front: Front, keras: Any, label: str, notes: list[str]
) -> list[Step]:
    """Return the layers with weights, each with what follows it."""
    kinds = keras.layers
    steps: list[Step] = []
    flat = front.is_flat
    for layer in layers:
        last = steps[-1] if steps else None
        if isinstance(layer, kinds.Dense) and flat:
            steps.append(Step(layer, "dense", _name_of(layer, keras)))
        elif isinstance(layer, kinds.Conv2D) and not flat:
            _require(layer, label, _convolution_rules(layer))
            steps.append(Step(layer, "convolution", _name_of(layer, keras)))
        elif isinstance(layer, kinds.MaxPooling2D) and last and not flat and last.pool == 1:
            _require(layer, label, _pooling_rules(layer))
            last.pool = layer.pool_size[0]
        elif isinstance(layer, kinds.Flatten) and last and not flat:
            _require(layer, label, [(layer.data_format == "channels_last", "channels are last")])
            flat = True
        elif isinstance(layer, (kinds.Activation, kinds.ReLU, kinds.Softmax)) and last:
            _activate(last, layer, keras, label)
        elif isinstance(layer, kinds.Dropout):
            _drop(last, layer, label, notes)
        else:
            where = "" if flat else " before Flatten"
            raise ModelError(
                f"{label} has a layer {type(layer).__name__}{where}: only convolutions, each with "
                f"one max pooling or none, are read back there, then Flatten, then {LINE}"
            )
    if not flat:
        raise ModelError(f"{label} has convolutions and no Flatten after them")
    if not steps or steps[-1].kind != "dense":
        raise ModelError(f"{label} has no dense layer")
    return steps


def _name_of(layer: Layer, keras: Any) -> Any:
    """Return how Keras calls the activation of a layer."""
    kinds = keras.layers
    if isinstance(layer, kinds.Softmax):
        return "softmax" if layer.axis in (-1, 1) else f"softmax over axis {layer.axis}"
    if isinstance(layer, kinds.ReLU):
        plain = not layer.max_value and not layer.negative_slope and not layer.threshold
        return "relu" if plain else "a changed relu"
    return keras.activations.serialize(layer.activation)


def _activate(step: Step, layer: Layer, keras: Any, label: str) -> None:
    """Give a layer the activation that follows it."""
    name = _name_of(layer, keras)
    # Dropout keeps or removes what relu keeps or removes, whichever comes first.
    if step.activation != _LINEAR or step.pool > 1 or (step.dropout and name != "relu"):
        raise ModelError(
            f"{label} has the activation {name} called {layer.name}, which does not directly "
            "follow a layer without an activation"
        )
    step.activation = name


def _drop(step: Step | None, layer: Layer, label: str, notes: list[str]) -> None:
    """Note the dropout after a layer; that of inputs and maps is none of our networks'."""
    if not layer.rate:
        return
    if step is None or step.kind == "convolution":
        what = "inputs" if step is None else "the outputs of convolutions"
        notes.append(
            f"{label} drops {layer.rate:g} of {what} in training, which is left out: what is "
            "predicted stays the same, a training that goes on from here differs."
        )
    elif step.dropout:
        raise ModelError(f"{label} has one layer Dropout after another: make one of them")
    else:
        step.dropout = layer.rate


def _convolution_rules(layer: Layer) -> Iterator[tuple[bool, str]]:
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


def _activations(used: list[Any], label: str) -> tuple[Activation | None, str]:
    """Return the one of all hidden layers, and that of the outputs."""
    *hidden, output = used
    shared = next((one for one in _HIDDEN if hidden and {*map(str, hidden)} == {one}), None)
    if (hidden and shared is None) or output not in ("sigmoid", "softmax", _LINEAR):
        raise ModelError(
            f"{label} has the activations {', '.join(map(str, used))}: hidden layers "
            f"must share one of {', '.join(_HIDDEN)}, outputs must be sigmoid, softmax or linear"
        )
    return shared, str(output)


def _weights(layer: Layer, label: str, notes: list[str]) -> tuple[Floats, Floats]:
    """Weights, one row for each input, and biases."""
    arrays: list[npt.NDArray[Any]] = [np.asarray(array) for array in layer.get_weights()]
    if len(arrays) != 1 + bool(layer.use_bias) or any(one.dtype.kind not in "fV" for one in arrays):
        raise ModelError(
            f"{label} has a layer {type(layer).__name__} called {layer.name} that is quantised or "
            "changed: only one with weights and biases as floats is read back"
        )
    if arrays[0].dtype.itemsize < 4:
        arrays = [one.astype(np.float32) for one in arrays]
    if not all(np.isfinite(one).all() for one in arrays):
        raise ModelError(
            f"{label}: the layer {layer.name} holds weights that are not finite: its training "
            "diverged. Use an earlier checkpoint"
        )
    if not layer.use_bias:
        notes.append(f"{label}: the layer {layer.name} has no biases, so that they begin at 0.")
        arrays.append(np.zeros(arrays[0].shape[-1], arrays[0].dtype))
    if layer.kernel_regularizer is not None:
        notes.append(
            f"{label}: the penalty on the weights of the layer {layer.name} is left out; give "
            "--l1 or --l2."
        )
    # Keras' kernel runs as canonical rows do: height, width, channel.
    return arrays[0].reshape(-1, arrays[0].shape[-1]), arrays[1]


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


def read_loss(
    output: str, loss: str | None, settings: dict[str, Any], label: str
) -> tuple[LossName, list[str]]:
    """Return our loss for outputs of the activation ``output``, and what a reader must know of it.

    ``loss`` is the name in Keras of the one that the model was compiled with, None where it was
    not; ``settings`` are those of the loss.

    Raises:
        ModelError: no loss of ours is the same; ``label`` says in which file.
    """
    known = None if loss is None else _NAMES.get(loss.replace("_", "").lower())
    logits = bool(settings.get("from_logits", False))
    found = _READ.get((output, known, logits)) if loss is None or known else None
    if found is None:
        by = "names no loss" if loss is None else f"was trained by the loss {loss}"
        raw = " of outputs before their activation" if logits else ""
        raise ModelError(f"{label} has {output} outputs and {by}{raw}. {_REMEDY}")
    notes = []
    if loss is None:
        notes.append(f"{label} does not say its loss: {found} is taken, as its outputs suggest.")
    if settings.get("label_smoothing"):
        notes.append(f"{label} was trained with smoothed labels, which is left out.")
    return found, notes
