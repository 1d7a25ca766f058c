"""PyTorch on the CPU, eager: its operators called from Python, results into buffers.

- *The backward pass is written out.*  Autograd records every operator and hands out fresh
  gradients; at small batches that costs a third of a step.
- *Weights lie as in ``nn.Linear``*, ``(n_out, n_in)``: the library under PyTorch multiplies these
  shapes faster than the transposed ones.
- *Parameters are one vector* of which the matrices are views, so penalty and update are a handful
  of calls; the gradient of L2 is added to a gradient by the very product that computes it.
- *The batch is gathered into a buffer*, activations and deltas have buffers, too: a large batch in
  new memory would have every page of it faulted in at every step.
- *Tiles*: gradients of a large batch are accumulated over a thousand rows at a time, whose
  activations stay in the cache.
- *Inference mode*: operators then skip what they would note for autograd.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar, cast

import torch

from impls import contract
from impls.contract import DENSE_FEATURES, Feature, Loss, Pool, State
from impls.mathematics.optimisers import MEMORIES
from impls.networks import Network, Training
from impls.parameters import Floats, Indices, Parameters
from impls.torch.device import cpu_kernels
from impls.torch.dropout import columns_of, row_keys
from impls.torch.optimisers import OPTIMISERS
from impls.torch.tile import ONEDNN, ONEDNN_MULTIPLICATIONS, Flat, Tile

TILE_ROWS = 1000
"""Rows per tile: enough to feed several threads, few enough for the cache."""

Method = TypeVar("Method", bound=Callable[..., Any])


def unrecorded(method: Method) -> Method:
    """Run ``method`` in inference mode."""
    return cast(Method, torch.inference_mode()(method))


class Trainer(contract.Trainer):
    """Operators with ``out=`` on flat parameters and tiles of rows."""

    features: ClassVar[frozenset[Feature]] = DENSE_FEATURES

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        return (
            Pool(
                library="PyTorch intra-op",
                version=str(torch.__version__),
                threads=torch.get_num_threads(),
                detail=", ".join(["MKL"] * torch.backends.mkl.is_available() + ["oneDNN"] * ONEDNN),
            ),
        )

    @classmethod
    def declared(cls) -> dict[str, str]:
        least = f"for products of {ONEDNN_MULTIPLICATIONS} multiplications or more"
        return {
            "oneDNN": least if ONEDNN else "not in this PyTorch",
            "precision of products": torch.get_float32_matmul_precision(),
            **cpu_kernels(),
        }

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        self.P, self.G = Flat(network), Flat(network)
        self.memory = [Flat(network) for _ in range(MEMORIES[training.optimiser])]
        self.columns = columns_of(network)
        self.drops = any(network.dropout_rates)
        self.tiles: dict[tuple[int, int], Tile] = {}
        super().__init__(network, training, parameters)

    def load(self, parameters: Parameters) -> None:
        self.P.fill(parameters)
        for part in self.memory:
            part.vector.zero_()
        self.updates = 0

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X, self.Y = torch.tensor(X), torch.tensor(Y)

    def _tile(self, index: int, rows: int) -> Tile:
        """Return the buffers of tile number ``index``, made at its first use."""
        if (index, rows) not in self.tiles:
            # Tensors made in inference mode could not be written to outside it.
            with torch.inference_mode(mode=False):
                self.tiles[index, rows] = Tile(self.network, self.P, rows)
        return self.tiles[index, rows]

    @unrecorded
    def prepare(self, rows: Indices) -> None:
        self.examples = len(rows)
        self.batch: list[Tile] = []
        for index, part in enumerate(torch.from_numpy(rows).split(TILE_ROWS)):
            tile = self._tile(index, len(part))
            tile.gather(self.X, self.Y, part)
            self.batch.append(tile)

    @unrecorded
    def forward(self) -> None:
        for index, tile in enumerate(self.batch):
            self._run(tile, index * TILE_ROWS)

    def _run(self, tile: Tile, first: int) -> None:
        """One forward pass in training; the tile's first row is number ``first`` of the batch."""
        if self.drops:
            seed = self.training.dropout_seed
            tile.draw(self.columns, row_keys(seed, self.updates, first, tile.rows))
        tile.forward(training=True)

    @unrecorded
    def loss(self) -> Loss:
        data = error = 0.0
        for tile in self.batch:
            tile.deviate()
            tile_data, tile_error = tile.loss()
            data += tile_data
            error += tile_error
        return self._loss(data, error, self._penalty())

    @unrecorded
    def backward(self) -> None:
        for index, tile in enumerate(self.batch):
            tile.deviate()
            self._add_gradients(tile, first=index == 0)
        self._add_l1()

    @unrecorded
    def update(self) -> None:
        self.updates += 1
        memory = [part.vector for part in self.memory]
        settings = (self.learning_rate, self.updates, self.training)
        OPTIMISERS[self.training.optimiser](self.P.vector, self.G.vector, memory, *settings)

    @unrecorded
    def step(self, rows: Indices) -> Loss:
        """Return all phases tile by tile, in the one set of buffers that is still in the cache."""
        self.examples = len(rows)
        penalty = self._penalty()
        data = error = 0.0
        for index, part in enumerate(torch.from_numpy(rows).split(TILE_ROWS)):
            tile = self._tile(0, len(part))
            tile.gather(self.X, self.Y, part)
            self._run(tile, index * TILE_ROWS)
            tile.deviate()
            tile_data, tile_error = tile.loss()
            data += tile_data
            error += tile_error
            self._add_gradients(tile, first=index == 0)
        self._add_l1()
        self.update()
        return self._loss(data, error, penalty)

    def _add_gradients(self, tile: Tile, *, first: bool) -> None:
        share = self.training.l2 if first else None
        tile.backward(self.G, share, self.training.data_scale(self.examples))

    def _add_l1(self) -> None:
        if self.training.l1:
            self.G.weights.add_(torch.sign(self.P.weights), alpha=self.training.l1)

    def _penalty(self) -> float:
        W, penalty = self.P.weights, 0.0
        if self.training.l2:
            penalty += 0.5 * self.training.l2 * torch.dot(W, W).item()
        if self.training.l1:
            penalty += self.training.l1 * torch.linalg.vector_norm(W, 1).item()
        return penalty

    def _loss(self, data: float, error: float, penalty: float) -> Loss:
        data *= self.training.data_scale(self.examples)
        return Loss(data, penalty, error / (self.examples * self.network.layers[-1]))

    @unrecorded
    def predict(self, X: Floats) -> Floats:
        outputs = []
        for part in torch.tensor(X).split(TILE_ROWS):
            # A tile of its own: the batch in work stays as it is.
            tile = self._tile(-1, len(part))
            tile.A[0].copy_(part)
            outputs.append(tile.forward(training=False).clone())
        predicted: Floats = torch.cat(outputs).numpy()
        return predicted

    def parameters(self) -> Parameters:
        return self.P.canonical()

    def gradients(self) -> Parameters:
        return self.G.canonical()

    def state(self) -> State:
        memory = tuple(part.canonical() for part in self.memory)
        return State(self.parameters(), memory, self.updates)

    def resume(self, state: State) -> None:
        super().resume(state)
        self.updates = state.updates
        for part, given in zip(self.memory, state.memory or (), strict=False):
            part.fill(given)
