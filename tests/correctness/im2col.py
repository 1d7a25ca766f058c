"""Convolutions as an author would write them for float32, apart from those of the reference.

Columns are gathered shift by shift, the activation comes before the pool, and the pool compares
slices.  What is dense, the loss and the optimiser are those of the reference.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from impls.convolution import ConvLayer
from impls.mathematics import reference
from impls.mathematics.functions import ACTIVATIONS
from impls.parameters import Floats, Parameters

Places = npt.NDArray[np.intp]


class Trainer(reference.Trainer):
    dtype = np.float32

    def load(self, parameters: Parameters) -> None:
        super().load(parameters)
        self.maps: dict[int, Floats] = {}

    def shifts(self, size: int) -> list[tuple[int, int]]:
        """Heights and widths of a square, in order."""
        return list(itertools.product(range(size), range(size)))

    def columns(self, conv: ConvLayer, A: Floats) -> Floats:
        """Shape ``(examples, height', width', kernel * kernel * channels)``."""
        maps = A.reshape(-1, conv.height, conv.width, conv.channels)
        height, width = conv.filtered
        shifted = [maps[:, i : i + height, j : j + width] for i, j in self.shifts(conv.kernel)]
        return np.concatenate(shifted, axis=3)

    def inputs(self, conv: ConvLayer, A: Floats, layer: int) -> Floats:
        """Of the whole map, before it is pooled."""
        Z: Floats = self.columns(conv, A) @ self.W[layer] + self.b[layer]
        return Z

    def squares(self, conv: ConvLayer, maps: Floats) -> list[Floats]:
        """The maps of all first values of squares, all second ones, and so on."""
        height, width, _ = conv.pooled
        size = conv.pool
        return [
            maps[:, i : height * size : size, j : width * size : size] for i, j in self.shifts(size)
        ]

    def convolved(self, layer: int, A: Floats) -> tuple[Floats, Places]:
        conv = self.network.conv_layers[layer]
        Z = self.inputs(conv, A, layer)
        outputs = np.stack(self.squares(conv, ACTIVATIONS[self.network.activation](Z)))
        places = self.largest(outputs)
        taken = np.take_along_axis(np.stack(self.squares(conv, Z)), places[None], axis=0)[0]
        return taken.reshape(len(A), -1), places.reshape(len(A), -1)

    def largest(self, outputs: Floats) -> Places:
        """Which of the squares' values goes on; the squares run along the first axis."""
        return outputs.argmax(axis=0)

    def delta_maps(self, layer: int, delta: Floats) -> Floats:
        """The delta of the whole map, before it was pooled."""
        conv, places = self.network.conv_layers[layer], self.places[layer]
        maps = np.zeros((len(delta), *conv.filtered, conv.filters), delta.dtype)
        shape = (len(delta), *conv.pooled)
        delta, places = delta.reshape(shape), places.reshape(shape)
        for number, square in enumerate(self.squares(conv, maps)):
            square[:] = self.share(delta, places, number, layer)
        return maps

    def share(self, delta: Floats, places: Places, number: int, layer: int) -> Floats:
        """What the value ``number`` of each square gets of its delta."""
        return np.where(places == number, delta, 0)

    def backward(self) -> None:
        super().backward()
        for layer, delta in self.maps.items():
            self.g[layer] = delta.sum(axis=(0, 1, 2))

    def gradient(self, layer: int, delta: Floats) -> Floats:
        if layer >= len(self.places):
            return super().gradient(layer, delta)
        self.maps[layer] = self.delta_maps(layer, delta)
        columns = self.columns(self.network.conv_layers[layer], self.A[layer])
        rows = self.maps[layer].reshape(-1, self.maps[layer].shape[3])
        return columns.reshape(len(rows), -1).T @ rows

    def passed_back(self, layer: int, delta: Floats) -> Floats:
        if layer >= len(self.places):
            return super().passed_back(layer, delta)
        conv = self.network.conv_layers[layer]
        maps = self.maps[layer]
        below = np.zeros((len(delta), conv.height, conv.width, conv.channels), delta.dtype)
        kernel = self.W[layer].reshape(conv.kernel**2, conv.channels, conv.filters)
        height, width = conv.filtered
        for (i, j), W in zip(self.shifts(conv.kernel), kernel, strict=True):
            self.add(below[:, i : i + height, j : j + width], maps @ W.T)
        return below.reshape(len(delta), -1)

    def add(self, below: Floats, delta: Floats) -> None:
        """Add what one shift of the kernel hands down."""
        below += delta
