"""Convolutions with one planted bug each."""

from __future__ import annotations

import numpy as np

from impls.convolution import ConvLayer
from impls.parameters import Floats, Parameters
from tests.correctness.im2col import Places, Trainer


class FlippedKernel(Trainer):
    """The convolution of the textbooks, where networks correlate."""

    def inputs(self, conv: ConvLayer, A: Floats, layer: int) -> Floats:
        kernel = self.W[layer].reshape(conv.kernel**2, -1)[::-1]
        Z: Floats = self.columns(conv, A) @ kernel.reshape(conv.shape) + self.b[layer]
        return Z


class WidthBeforeHeight(Trainer):
    """The kernel's axes are exchanged."""

    def shifts(self, size: int) -> list[tuple[int, int]]:
        return [(j, i) for i, j in super().shifts(size)]


class ChannelsFirst(Trainer):
    """The last map is flattened channel by channel."""

    def weighted(self, layer: int, A: Floats) -> Floats:
        conv_layers = self.network.conv_layers
        if layer == len(conv_layers):
            height, width, channels = conv_layers[-1].pooled
            A = A.reshape(-1, height * width, channels).swapaxes(1, 2).reshape(len(A), -1)
        return super().weighted(layer, A)


class ChannelsFirstInput(Trainer):
    """The image is taken to lie channel by channel."""

    def columns(self, conv: ConvLayer, A: Floats) -> Floats:
        if conv == self.network.conv_layers[0]:
            planes = A.reshape(len(A), conv.channels, -1)
            A = planes.swapaxes(1, 2).reshape(len(A), -1)
        return super().columns(conv, A)


class LastOfSquare(Trainer):
    def largest(self, outputs: Floats) -> Places:
        return np.full(outputs.shape[1:], len(outputs) - 1)


class SmallestOfSquare(Trainer):
    def largest(self, outputs: Floats) -> Places:
        return outputs.argmin(axis=0)


class AverageOfSquare(Trainer):
    def convolved(self, layer: int, A: Floats) -> tuple[Floats, Places]:
        conv = self.network.conv_layers[layer]
        _, places = super().convolved(layer, A)
        Z = np.mean(self.squares(conv, self.inputs(conv, A, layer)), axis=0)
        return Z.reshape(len(A), -1).astype(self.dtype), places

    def share(self, delta: Floats, places: Places, number: int, layer: int) -> Floats:
        return delta / self.network.conv_layers[layer].pool ** 2


class DeltaToAllOfSquare(Trainer):
    """Right on the way there, upsampled on the way back."""

    def share(self, delta: Floats, places: Places, number: int, layer: int) -> Floats:
        return delta


class DeltaToFirstOfSquare(Trainer):
    def share(self, delta: Floats, places: Places, number: int, layer: int) -> Floats:
        return np.where(number == 0, delta, 0)


class DeltaToAllThatAreLargest(Trainer):
    """A mask of what equals the largest: in a flat background every value of a square does."""

    def share(self, delta: Floats, places: Places, number: int, layer: int) -> Floats:
        conv = self.network.conv_layers[layer]
        Z = np.stack(self.squares(conv, self.inputs(conv, self.A[layer], layer)))
        return np.where(Z[number] == Z.max(axis=0), delta, 0)


class OverlappingSquares(Trainer):
    """Squares that move by one."""

    def squares(self, conv: ConvLayer, maps: Floats) -> list[Floats]:
        height, width, _ = conv.pooled
        return [maps[:, i : i + height, j : j + width] for i, j in self.shifts(conv.pool)]


class SquaresFromTheOtherEdge(Trainer):
    """The upper and left remainder is dropped."""

    def squares(self, conv: ConvLayer, maps: Floats) -> list[Floats]:
        (height, width), pool = conv.filtered, conv.pool
        return super().squares(conv, maps[:, height % pool :, width % pool :])


class KernelMovedByOne(Trainer):
    def columns(self, conv: ConvLayer, A: Floats) -> Floats:
        return np.roll(super().columns(conv, A), 1, axis=1)


class NoBias(Trainer):
    def inputs(self, conv: ConvLayer, A: Floats, layer: int) -> Floats:
        return super().inputs(conv, A, layer) - self.b[layer]


class BiasOfOnePlace(Trainer):
    def backward(self) -> None:
        super().backward()
        height, width, _ = self.network.conv_layers[0].pooled
        self.g[0] = self.g[0] / (height * width)


class NoSlope(Trainer):
    """Inputs of convolutions are taken for 1 where their slopes are asked for."""

    def backward(self) -> None:
        kept = list(self.Z)
        for layer in range(len(self.places)):
            self.Z[layer] = np.ones_like(kept[layer])
        super().backward()
        self.Z = kept


class BackWithoutOverlap(Trainer):
    def add(self, below: Floats, delta: Floats) -> None:
        below[:] = delta


class BackWithTheFlippedKernel(Trainer):
    def passed_back(self, layer: int, delta: Floats) -> Floats:
        kept = self.W[layer]
        if layer < len(self.places):
            conv = self.network.conv_layers[layer]
            self.W[layer] = kept.reshape(conv.kernel**2, -1)[::-1].reshape(conv.shape)
        below = super().passed_back(layer, delta)
        self.W[layer] = kept
        return below


class NothingBelowTheLastConvolution(Trainer):
    def passed_back(self, layer: int, delta: Floats) -> Floats:
        below = super().passed_back(layer, delta)
        return below if layer >= len(self.places) else np.zeros_like(below)


class HalfPrecisionProducts(Trainer):
    """Ten bits of mantissa, as some devices take for products of single precision."""

    def columns(self, conv: ConvLayer, A: Floats) -> Floats:
        return super().columns(conv, A).astype(np.float16).astype(self.dtype)


class FiltersUpdatedOnce(Trainer):
    """Filters stay where the first update leaves them."""

    def update(self) -> None:
        kept = list(self.W[: len(self.network.conv_layers)])
        super().update()
        if self.updates > 1:
            self.W[: len(kept)] = kept


class TransposedParameters(Trainer):
    """Handed out as (channels, kernel, kernel, filters)."""

    def parameters(self) -> Parameters:
        given = super().parameters()
        weights = list(given.weights)
        for layer, conv in enumerate(self.network.conv_layers):
            by_place = weights[layer].reshape(conv.kernel**2, conv.channels, conv.filters)
            weights[layer] = by_place.swapaxes(0, 1).reshape(conv.shape)
        return Parameters(tuple(weights), given.biases)


ALL = tuple(
    found
    for found in list(globals().values())
    if isinstance(found, type) and found.__module__ == __name__
)
