"""The matrix products of a training step by NumPy's BLAS, and nothing else.

Every implementation has to multiply these shapes; this one does only that, with operands that lie
ready and results that go into buffers.  Batches are slices of the data as it lies, so nothing is
gathered.  It does not train, its outputs mean nothing, and it is exempt from the gate.  An
implementation can still be faster than this row: with another library's products, with smaller
pieces that suit the cache better, or by not doing the work at all (sparse input).

A convolution is a product of patches and filters.  Nobody has to store all patches: an
implementation may make those of a few examples at a time and leave them in the cache.  So there is
one tile of patches here, multiplied again and again until all rows are counted.  Convolutions by
transforms, such as Winograd's, need fewer multiplications and can be below this floor.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from impls import contract
from impls.contract import FEATURES, Feature, Loss, Phase
from impls.convolution import ConvLayer
from impls.mathematics import patches
from impls.parameters import Floats, Indices, Parameters

TILE_NUMBERS = 1 << 17
"""Numbers in a tile of patches and what becomes of it: half a MiB in single precision."""


class Tile:
    """The products of a convolution, on rows that are used again and again."""

    def __init__(self, conv: ConvLayer, W: Floats) -> None:
        inner, filters = conv.shape
        rows = max(1, TILE_NUMBERS // (inner + filters))
        self.W, self.places = W, conv.places
        self.patches = np.zeros((rows, inner), W.dtype)
        self.outputs = np.zeros((rows, filters), W.dtype)

    def parts(self, examples: int) -> Iterator[slice]:
        """As many rows as ``examples`` have places, a tile at a time."""
        rows = examples * self.places
        for start in range(0, rows, len(self.patches)):
            yield slice(min(len(self.patches), rows - start))

    def forward(self, examples: int) -> None:
        for some in self.parts(examples):
            np.matmul(self.patches[some], self.W, out=self.outputs[some])

    def gradient(self, examples: int, G: Floats) -> None:
        for some in self.parts(examples):
            np.matmul(self.patches[some].T, self.outputs[some], out=G)

    def backward(self, examples: int) -> None:
        for some in self.parts(examples):
            np.matmul(self.outputs[some], self.W.T, out=self.patches[some])


class Trainer(contract.Trainer):
    """Forward products, gradient products and delta products of one batch after another."""

    phases: ClassVar[frozenset[Phase]] = frozenset({"forward", "backward"})
    # Whatever comes between the products, they stay the same.
    features: ClassVar[frozenset[Feature]] = FEATURES

    def load(self, parameters: Parameters) -> None:
        self.W = [np.array(W) for W in parameters.weights]
        self.G = [np.empty_like(W) for W in self.W]
        self.tiles = [
            Tile(conv, W) for conv, W in zip(self.network.conv_layers, self.W, strict=False)
        ]
        self.buffers: dict[int, tuple[list[Floats], list[Floats]]] = {}

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X = X
        self.start = 0

    def prepare(self, rows: Indices) -> None:
        """Take the next slice of the data in place of the rows, and leave everything in it."""
        if self.start + len(rows) > len(self.X):
            self.start = 0
        X = self.X[self.start : self.start + len(rows)]
        self.start += len(rows)
        if len(rows) not in self.buffers:
            first = 0 if self.tiles else 1
            shapes = [(len(rows), nodes) for nodes in self.network.dense[first:]]
            dtype = self.network.dtype
            # Zeros, so that the products of buffers that nothing fills stay finite.
            outputs, deltas = ([np.zeros(shape, dtype) for shape in shapes] for _ in range(2))
            self.buffers[len(rows)] = outputs, deltas
        outputs, deltas = self.buffers[len(rows)]
        # Of the layers from the first dense one on; an input that is data has no delta.
        self.A = outputs if self.tiles else [X, *outputs]
        self.D = deltas if self.tiles else [X, *deltas]

    def forward(self) -> None:
        for tile in self.tiles:
            tile.forward(len(self.A[0]))
        for layer, W in enumerate(self.W[len(self.tiles) :]):
            np.matmul(self.A[layer], W, out=self.A[layer + 1])

    def loss(self) -> Loss:
        return Loss(0.0, 0.0, 0.0)

    def backward(self) -> None:
        first = len(self.tiles)
        for layer in reversed(range(len(self.W) - first)):
            W, G = self.W[first + layer], self.G[first + layer]
            np.matmul(self.A[layer].T, self.D[layer + 1], out=G)
            if first + layer:
                np.matmul(self.D[layer + 1], W.T, out=self.D[layer])
        for number, tile in reversed(list(enumerate(self.tiles))):
            tile.gradient(len(self.A[0]), self.G[number])
            if number:
                tile.backward(len(self.A[0]))

    def update(self) -> None:
        """Nothing: weights stay as they are."""

    def step(self, rows: Indices) -> Loss:
        self.prepare(rows)
        self.forward()
        self.backward()
        return self.loss()

    def predict(self, X: Floats) -> Floats:
        """Return products without biases or activations."""
        for conv, W in zip(self.network.conv_layers, self.W, strict=False):
            X, _ = patches.forward(conv, X, W, np.zeros(conv.filters, W.dtype))
        for W in self.W[len(self.tiles) :]:
            X = X @ W
        return X

    def parameters(self) -> Parameters:
        return Parameters(
            tuple(W.copy() for W in self.W), tuple(np.zeros(W.shape[1], W.dtype) for W in self.W)
        )

    def gradients(self) -> Parameters:
        return Parameters(
            tuple(G.copy() for G in self.G), tuple(np.zeros(G.shape[1], G.dtype) for G in self.G)
        )
