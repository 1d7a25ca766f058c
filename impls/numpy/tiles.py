"""Rung 10, the top: a large batch runs through the network a thousand rows at a time.

The input of a batch of 20000 is 63 MB: each call fetches from memory what the one before has left
there.  A tile can stay in the cache from the gather to the last gradient.  A batch of up to 1000
rows is one tile.  :mod:`impls.numpy.optimized` adds what the articles' program did not have.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from impls.contract import Loss
from impls.networks import Network, Training
from impls.numpy import flat as numpy_flat
from impls.numpy.memory import FlatMatrices
from impls.parameters import Indices, Parameters, batches

Sums = list[tuple[float, float]]
TILE_ROWS = 1000
"""Rows per tile: enough to feed several threads, few enough for the cache."""


class Trainer(numpy_flat.Trainer):
    """Rung 9 tile by tile."""

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.tile_dP = FlatMatrices(network)
        super().__init__(network, training, parameters)

    def prepare(self, rows: Indices) -> None:
        self.tiles = [len(part) for part in batches(rows, TILE_ROWS)]
        for tile in self.tile_by_tile():
            self.gather(rows[tile * TILE_ROWS : (tile + 1) * TILE_ROWS])

    def tile_by_tile(self) -> Iterator[int]:
        """Yield the numbers of the batch's tiles, each with its buffers in use."""
        for tile, rows in enumerate(self.tiles):
            self.use(rows, tile)
            yield tile

    def forward(self) -> None:
        for tile in self.tile_by_tile():
            self.forward_tile(tile)

    def forward_tile(self, tile: int) -> None:
        super().forward()

    def loss(self) -> Loss:
        sums = [self.sums() for _ in self.tile_by_tile()]
        return self.total(sums, sum(self.tiles), into_gradients=False)

    def total(self, sums: Sums, examples: int, *, into_gradients: bool) -> Loss:
        data, error = map(sum, zip(*sums, strict=True))
        penalty = self.penalty(into_gradients=into_gradients)
        return Loss(data, penalty, error / (examples * self.network.layers[-1]))

    def backward(self) -> None:
        for tile in self.tile_by_tile():
            self.add_gradients(tile)
        self.penalise()

    def add_gradients(self, tile: int) -> None:
        self.gradients_into(self.tile_dP.M if tile else self.G)
        if tile:
            np.add(self.dP.vector, self.tile_dP.vector, out=self.dP.vector)

    def step(self, rows: Indices) -> Loss:
        """Return all phases tile by tile, in the one set of buffers that is still in the cache."""
        sums = []
        for tile, part in enumerate(batches(rows, TILE_ROWS)):
            self.use(len(part))
            self.gather(part)
            self.forward_tile(tile)
            sums.append(self.sums())
            self.add_gradients(tile)
        loss = self.total(sums, len(rows), into_gradients=True)
        self.update()
        return loss
