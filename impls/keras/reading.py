"""Layers of Keras read as one of our networks, or refused with the reason.

What is read is what :mod:`impls.keras.files` writes, and its like from other hands: layers at the
front that flatten or rescale examples, activations as layers, outputs before their activation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from impls.data.normalise import Normalisation, Normaliser
from impls.errors import ModelError
from impls.networks import Activation
from impls.parameters import Floats

Layer = Any  # Keras ships no types
Values = npt.NDArray[np.float64]

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
    """What the layers of a model are.

    An example has a ``shape``, and ``normaliser`` is what happens to it before the first layer with
    weights; ``image`` is what convolutions begin at, None where that layer takes rows.
    ``activation`` is None where there is no hidden layer.
    """

    shape: tuple[int, ...]
    image: tuple[int, int, int] | None
    normaliser: Normaliser | None
    steps: tuple[Step, ...]
    activation: Activation | None
    output: str
    weights: tuple[tuple[Floats, Floats], ...]
    notes: list[str]

    @property
    def inputs(self) -> int:
        """How many values an example has."""
        return int(np.prod(self.shape))


def read_layers(model: Any, keras: Any, label: str) -> Reading:
    """Return what the layers of ``model`` are, in the terms of our networks.

    ``keras`` is the package, which takes seconds to import.

    Raises:
        ModelError: it is another kind of network; ``label`` says in which file.
    """
    return _Reader(keras, label).read(model)


class _Reader:
    """Reads the layers of one model and notes what it leaves out."""

    def __init__(self, keras: Any, label: str) -> None:
        self.keras, self.kinds, self.label = keras, keras.layers, label
        self.notes: list[str] = []

    def read(self, model: Any) -> Reading:
        inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
        if not inputs or not outputs or len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"{self.label} has no fixed input and output: only models of one input and one "
                "output, which have been built or trained, are read back"
            )
        shape = tuple(inputs[0].shape[1:])
        if not shape or not all(isinstance(size, int) and size > 0 for size in shape):
            raise ModelError(
                f"{self.label} takes inputs of shape {shape}, which says no fixed size"
            )
        layers = list(self.unnested(model))
        image, normaliser = self.front(shape, layers)
        steps = self.steps(layers, flat=image is None)
        activation, output = self.activations([step.activation for step in steps])
        if steps[-1].dropout:
            raise ModelError(
                f"{self.label} has dropout of its outputs, which no implementation does"
            )
        weights = tuple(self.weights(step.layer) for step in steps)
        return Reading(
            shape, image, normaliser, tuple(steps), activation, output, weights, self.notes
        )

    def unnested(self, model: Any) -> Iterator[Layer]:
        """Yield the layers of a model and of the sequences in it, without those of its inputs."""
        for layer in model.layers:
            if isinstance(layer, self.keras.Sequential):
                yield from self.unnested(layer)
            elif not isinstance(layer, self.kinds.InputLayer):
                yield layer

    def front(
        self, shape: tuple[int, ...], layers: list[Layer]
    ) -> tuple[tuple[int, int, int] | None, Normaliser | None]:
        """Take the layers that shape and rescale examples off the front of ``layers``.

        Returns image and normaliser, as a :class:`Reading` has them.
        """
        name: Normalisation = "none"
        # A value of an example becomes factor * value + summand, whatever shape it has by then.
        factor, summand = np.ones(shape), np.zeros(shape)
        now = shape
        while layers:
            layer = layers[0]
            if isinstance(layer, self.kinds.Dropout):
                self.leave_out(layer, "inputs")
            elif isinstance(layer, self.kinds.Flatten):
                if len(now) > 1 and layer.data_format != "channels_last":
                    raise ModelError(
                        f"{self.label}: Flatten is read back only where channels are last"
                    )
                now = (int(np.prod(now)),)
            elif isinstance(layer, self.kinds.Reshape):
                now = tuple(int(size) for size in layer.compute_output_shape((None, *now))[1:])
            elif isinstance(layer, (self.kinds.Rescaling, self.kinds.Normalization)):
                times, plus = (part.reshape(shape) for part in self.affine(layer, now))
                factor, summand = factor * times, summand * times + plus
                name = "standard" if isinstance(layer, self.kinds.Normalization) else name
                name = "range" if name == "none" else name
            else:
                break
            del layers[0]
        if len(now) not in (1, 3) or 0 in now:
            raise ModelError(
                f"{self.label} has layers that take inputs of shape {now}: only rows, and images "
                "of height, width and channels, are read back. Put Flatten before the first layer"
            )
        image = (now[0], now[1], now[2]) if len(now) == 3 else None
        if name == "none":
            return image, None
        if not (np.isfinite(factor).all() and np.isfinite(summand).all() and (factor != 0).all()):
            raise ModelError(f"{self.label} rescales examples by values that are 0 or not finite")
        factor, summand = factor.ravel(), summand.ravel()
        return image, Normaliser(name, -summand / factor, 1 / factor)

    def affine(self, layer: Layer, shape: tuple[int, ...]) -> list[Values]:
        """Return factor and summand, of examples of a ``shape``, of a layer that rescales."""
        if isinstance(layer, self.kinds.Rescaling):
            try:
                parts = [np.asarray(part, np.float64) for part in (layer.scale, layer.offset)]
            except (TypeError, ValueError) as error:
                raise ModelError(
                    f"{self.label}: {layer.name} has no plain scale and offset"
                ) from error
        elif layer.invert or layer.mean is None:
            raise ModelError(
                f"{self.label}: {layer.name} was not adapted to examples, or undoes it"
            )
        else:
            mean, variance = (
                np.asarray(self.keras.ops.convert_to_numpy(part), np.float64)[0]
                for part in (layer.mean, layer.variance)
            )
            # Keras divides by no less than this.
            deviation = np.maximum(np.sqrt(variance), 1e-7)
            parts = [1 / deviation, -mean / deviation]
        try:
            return [np.broadcast_to(part, shape) for part in parts]
        except ValueError as error:
            raise ModelError(f"{self.label}: {layer.name} does not fit examples {shape}") from error

    def steps(self, layers: list[Layer], *, flat: bool) -> list[Step]:
        """Return the layers with weights, each with what follows it."""
        kinds = self.kinds
        steps: list[Step] = []
        for layer in layers:
            last = steps[-1] if steps else None
            if isinstance(layer, kinds.Dense) and flat:
                steps.append(Step(layer, "dense", self.activation_of(layer)))
            elif isinstance(layer, kinds.Conv2D) and not flat:
                moves_by_one = {*layer.strides, *layer.dilation_rate, layer.groups} == {1}
                self.require(layer, len(set(layer.kernel_size)) == 1, "its kernel is square")
                self.require(layer, moves_by_one, "it moves by one, undilated")
                self.require(layer, layer.padding == "valid", "it pads nothing")
                self.require_channels_last(layer)
                steps.append(Step(layer, "convolution", self.activation_of(layer)))
            elif isinstance(layer, kinds.MaxPooling2D) and last and not flat and last.pool == 1:
                side_by_side = tuple(layer.strides) == tuple(layer.pool_size)
                self.require(layer, len(set(layer.pool_size)) == 1, "it pools squares")
                self.require(layer, side_by_side, "its squares lie side by side")
                self.require(layer, layer.padding == "valid", "it pads nothing")
                self.require_channels_last(layer)
                last.pool = layer.pool_size[0]
            elif isinstance(layer, kinds.Flatten) and last and not flat:
                self.require_channels_last(layer)
                flat = True
            elif isinstance(layer, (kinds.Activation, kinds.ReLU, kinds.Softmax)) and last:
                self.activate(last, layer)
            elif isinstance(layer, kinds.Dropout) and last:
                self.drop(last, layer)
            else:
                where = "" if flat else " before Flatten"
                raise ModelError(
                    f"{self.label} has a layer {type(layer).__name__}{where}: only convolutions, "
                    "each with one max pooling or none, are read back there, then Flatten, then "
                    f"{LINE}"
                )
        if not flat:
            raise ModelError(f"{self.label} has convolutions and no Flatten after them")
        if not steps or steps[-1].kind != "dense":
            raise ModelError(f"{self.label} has no dense layer")
        return steps

    def activation_of(self, layer: Layer) -> Any:
        """Return how Keras calls the activation of a layer."""
        if isinstance(layer, self.kinds.Softmax):
            return "softmax" if layer.axis in (-1, 1) else f"softmax over axis {layer.axis}"
        if isinstance(layer, self.kinds.ReLU):
            plain = not layer.max_value and not layer.negative_slope and not layer.threshold
            return "relu" if plain else "a changed relu"
        return self.keras.activations.serialize(layer.activation)

    def activate(self, step: Step, layer: Layer) -> None:
        """Give a layer the activation that follows it."""
        name = self.activation_of(layer)
        # Dropout keeps or removes what relu keeps or removes, whichever comes first.
        if step.activation != _LINEAR or step.pool > 1 or (step.dropout and name != "relu"):
            raise ModelError(
                f"{self.label} has the activation {name} called {layer.name}, which does not "
                "directly follow a layer without an activation"
            )
        step.activation = name

    def drop(self, step: Step, layer: Layer) -> None:
        """Note the dropout after a layer; that of maps is none of our networks'."""
        if step.kind == "convolution":
            self.leave_out(layer, "the outputs of convolutions")
        elif layer.rate and step.dropout:
            raise ModelError(f"{self.label} has one layer Dropout after another: make one of them")
        else:
            step.dropout = layer.rate or step.dropout

    def leave_out(self, layer: Layer, what: str) -> None:
        """Note that the dropout of ``what`` is left out."""
        if layer.rate:
            self.notes.append(
                f"{self.label} drops {layer.rate:g} of {what} in training, which is left out: what "
                "is predicted stays the same, a training that goes on from here differs."
            )

    def require(self, layer: Layer, holds: bool, rule: str) -> None:  # noqa: FBT001  # what is asked
        if not holds:
            raise ModelError(
                f"{self.label} has a layer {type(layer).__name__} called {layer.name}: one of "
                f"this kind is read back only where {rule}"
            )

    def require_channels_last(self, layer: Layer) -> None:
        self.require(layer, layer.data_format == "channels_last", "channels are last")

    def activations(self, used: list[Any]) -> tuple[Activation | None, str]:
        """Return the one of all hidden layers, and that of the outputs."""
        *hidden, output = used
        names = {*map(str, hidden)}
        shared = next((name for name in _HIDDEN if names == {name}), None)
        if (hidden and shared is None) or output not in ("sigmoid", "softmax", _LINEAR):
            raise ModelError(
                f"{self.label} has the activations {', '.join(map(str, used))}: hidden layers must "
                f"share one of {', '.join(_HIDDEN)}, outputs must be sigmoid, softmax or linear"
            )
        return shared, str(output)

    def weights(self, layer: Layer) -> tuple[Floats, Floats]:
        """Return weights, one row for each input, and biases."""
        arrays: list[npt.NDArray[Any]] = [np.asarray(array) for array in layer.get_weights()]
        floats = all(array.dtype.kind in "fV" for array in arrays)
        if len(arrays) != 1 + bool(layer.use_bias) or not floats:
            raise ModelError(
                f"{self.label} has a layer {type(layer).__name__} called {layer.name} that is "
                "quantised or changed: only one with weights and biases as floats is read back"
            )
        if arrays[0].dtype.itemsize < 4:
            arrays = [array.astype(np.float32) for array in arrays]
        if not all(np.isfinite(array).all() for array in arrays):
            raise ModelError(
                f"{self.label}: the layer {layer.name} holds weights that are not finite: its "
                "training diverged. Use an earlier checkpoint"
            )
        if not layer.use_bias:
            self.notes.append(
                f"{self.label}: the layer {layer.name} has no biases, so that they begin at 0."
            )
            arrays.append(np.zeros(arrays[0].shape[-1], arrays[0].dtype))
        if layer.kernel_regularizer is not None:
            self.notes.append(
                f"{self.label}: the penalty on the weights of the layer {layer.name} is left out; "
                "give --l1 or --l2."
            )
        # Keras' kernel runs as canonical rows do: height, width, channel.
        return arrays[0].reshape(-1, arrays[0].shape[-1]), arrays[1]
