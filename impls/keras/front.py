"""The layers before the first one with weights: they shape examples and bring them to a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from impls.data.normalise import Normalisation, Normaliser
from impls.data.standardise import Scale
from impls.errors import ModelError

Layer = Any  # Keras ships no types
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Front:
    """What happens to an example of ``shape`` before the first layer with weights.

    ``image`` is what convolutions begin at; None where the examples are ``is_flat``.
    """

    shape: tuple[int, ...]
    image: tuple[int, int, int] | None
    normaliser: Normaliser | None
    notes: tuple[str, ...]

    @property
    def is_flat(self) -> bool:
        """Whether the first layer with weights takes rows."""
        return self.image is None

    @property
    def inputs(self) -> int:
        """How many values an example has."""
        return int(np.prod(self.shape))


def read_front(
    model: Any, layers: list[Layer], keras: Any, label: str
) -> tuple[Front, list[Layer]]:
    """Return what the layers at the front do, and the layers after them.

    Raises:
        ModelError: the model has no fixed input, or several, or a layer scales in a way that cannot
            be told from the file; ``label`` says which file.
    """
    kinds = keras.layers
    shape = _input_shape(model, label)
    notes: list[str] = []
    name: Normalisation = "none"
    # What a value of an example becomes: factor * value + summand, whatever shape it has by then.
    factor, summand = np.ones(shape), np.zeros(shape)
    now = shape
    rest = list(layers)
    while rest:
        layer = rest[0]
        if isinstance(layer, kinds.Dropout):
            if layer.rate:
                notes.append(
                    f"{label} drops {layer.rate:g} of inputs in training, which is left out: what "
                    "is predicted stays the same, a training that goes on from here differs."
                )
        elif isinstance(layer, kinds.Flatten):
            if len(now) > 1 and layer.data_format != "channels_last":
                raise ModelError(f"{label}: Flatten is read back only where channels are last")
            now = (int(np.prod(now)),)
        elif isinstance(layer, kinds.Reshape):
            now = tuple(int(size) for size in layer.compute_output_shape((None, *now))[1:])
        elif isinstance(layer, (kinds.Rescaling, kinds.Normalization)):
            times, plus = _affine(layer, keras, label)
            try:
                times, plus = (np.broadcast_to(one, now).reshape(shape) for one in (times, plus))
            except ValueError as error:
                raise ModelError(f"{label}: {layer.name} does not fit examples {now}") from error
            factor, summand = factor * times, summand * times + plus
            name = "standard" if isinstance(layer, kinds.Normalization) else name
            name = "range" if name == "none" else name
        else:
            break
        del rest[0]
    if len(now) not in (1, 3) or 0 in now:
        raise ModelError(
            f"{label} has layers that take inputs of shape {now}: only rows, and images of height, "
            "width and channels, are read back. Put Flatten before the first layer"
        )
    image = (now[0], now[1], now[2]) if len(now) == 3 else None
    normaliser = _normaliser(name, factor, summand, label)
    return Front(shape, image, normaliser, tuple(notes)), rest


def _input_shape(model: Any, label: str) -> tuple[int, ...]:
    """Return the shape of one example."""
    inputs, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not inputs or not outputs or len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"{label} has no fixed input and output: only models of one input and one output, "
            "which have been built or trained, are read back"
        )
    sizes = tuple(inputs[0].shape[1:])
    if not sizes or not all(isinstance(size, int) and size > 0 for size in sizes):
        raise ModelError(f"{label} takes inputs of shape {sizes}, which says no fixed size")
    return sizes


def _affine(layer: Layer, keras: Any, label: str) -> tuple[Values, Values]:
    """Factor and summand of a layer that rescales."""
    if isinstance(layer, keras.layers.Rescaling):
        try:
            return np.asarray(layer.scale, np.float64), np.asarray(layer.offset, np.float64)
        except (TypeError, ValueError) as error:
            raise ModelError(f"{label}: {layer.name} has no plain scale and offset") from error
    if layer.invert or layer.mean is None:
        raise ModelError(f"{label}: {layer.name} was not adapted to examples, or undoes it")
    mean, variance = (
        np.asarray(keras.ops.convert_to_numpy(part), np.float64)[0]
        for part in (layer.mean, layer.variance)
    )
    # Keras divides by no less than this.
    deviation = np.maximum(np.sqrt(variance), 1e-7)
    return 1 / deviation, -mean / deviation


def _normaliser(
    name: Normalisation, factor: Values, summand: Values, label: str
) -> Normaliser | None:
    if name == "none":
        return None
    if not (np.isfinite(factor).all() and np.isfinite(summand).all() and (factor != 0).all()):
        raise ModelError(f"{label} rescales examples by values that are 0 or not finite")
    factor, summand = factor.ravel(), summand.ravel()
    return Normaliser(name, Scale(-summand / factor, 1 / factor))
