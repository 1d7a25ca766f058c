"""PyTorch through ``torch.compile``: a whole step as one graph of fused kernels.

- *Nothing is left to Python* between the gathered batch and the moved weights: the compiler fuses
  what lies between two matrix products, and all of penalty and update.
- *The backward pass is written out* as in the eager implementation, so that its products can go to
  oneDNN, which autograd knows nothing of.
- *The wrapper is C++* as well (``cpp_wrapper``): at small batches Python between the kernels costs
  a tenth of a step.
- *Full batches have a graph of their own*, all other sizes share a second one in which the number
  of rows is a variable: a shorter last batch compiles once, not once per size.
- *Coefficients are tensors*, so that a new learning rate needs no new graph; what only chooses
  between formulas is a constant in it.

Graphs are shared by all trainers of a process that compute the same.  They also outlive it: what
the compiler made lies in its cache on disk, so the first call of a later process is shorter.
"""

from __future__ import annotations

import math
import os
import shutil
import sysconfig
from pathlib import Path
from typing import ClassVar

import torch

from impls.contract import Loss, Phase
from impls.mathematics.dropout import step_key
from impls.mathematics.formulas import Formulas
from impls.networks import Network, Training
from impls.parameters import Parameters, Rows
from impls.torch import mlp as torch_mlp
from impls.torch.functions import Tensor, signed
from impls.torch.graphs import COEFFICIENTS, Graphs, graphs
from impls.torch.mlp import TILE_ROWS
from impls.torch.tile import canonical


class Trainer(torch_mlp.Trainer):
    """The eager trainer with its step compiled; only gathering the batch stays a phase."""

    phases: ClassVar[frozenset[Phase]] = frozenset({"prepare"})
    backend: ClassVar[str] = "inductor"

    @classmethod
    def unavailable(cls) -> str | None:
        compiler = os.environ.get("CXX") or "g++"
        if shutil.which(compiler) is None:
            return f"no C++ compiler: {compiler} is not on the path; install one, or name it in CXX"
        header = Path(sysconfig.get_path("include"), "Python.h")
        if not header.exists():
            return f"no headers of Python: {header} does not exist; install those of this Python"
        return None

    def __init__(self, network: Network, training: Training, parameters: Parameters) -> None:
        formulas = Formulas.of(network, training)
        self.full_rows = min(training.batch_size, TILE_ROWS)
        self.full = graphs(formulas, self.full_rows, self.backend)
        self.other = graphs(formulas, None, self.backend)
        self.numbers: tuple[float, ...] = ()
        super().__init__(network, training, parameters)
        self.current = self.G.vector

    def backward(self) -> None:
        super().backward()
        self.current = self.G.vector

    def step(self, rows: Rows) -> Loss:
        self.examples = len(rows)
        parts = torch.from_numpy(rows).split(TILE_ROWS)
        memory = [part.vector for part in self.memory]
        k = self._coefficients()
        if len(parts) == 1:
            batch, graphs_of_size = self._gathered(parts[0], 0)
            self.current, losses = graphs_of_size.step(self.P.vector, memory, *batch)
        else:
            self.current, losses = self._by_tiles(parts, memory, k)
        self.updates += 1
        data, error, penalty = losses.tolist()
        return self._loss(data, error, penalty)

    def _by_tiles(
        self, parts: tuple[Tensor, ...], memory: list[Tensor], k: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return a step of several tiles: their gradients and losses are added up."""
        G = losses = torch.zeros(())
        for index, part in enumerate(parts):
            batch, graphs_of_size = self._gathered(part, index * TILE_ROWS)
            tile_G, tile_losses = graphs_of_size.tile(self.P.vector, *batch)
            G = G.add_(tile_G) if index else tile_G
            losses = losses + tile_losses
        G, penalty = self.full.finish(self.P.vector, memory, G, k)
        return G, torch.cat([losses, penalty])

    def _gathered(self, rows: Tensor, first: int) -> tuple[tuple[Tensor, ...], Graphs]:
        """Return what the graphs take of the examples ``rows``, and those for this size.

        The first of them is number ``first`` of the batch.
        """
        tile = self._tile(0, len(rows))
        tile.gather(self.X, self.Y, rows)
        batch = (tile.A[0], tile.T, self._coefficients())
        if self.drops:
            key = (step_key(self.training.dropout_seed, self.updates) + first) & 0xFFFFFFFF
            batch += (torch.tensor(signed(key), dtype=torch.int32), *self.columns)
        return batch, self.full if tile.rows == self.full_rows else self.other

    def _coefficients(self) -> Tensor:
        """Rate, scale of the data loss, and the coefficients of the training, in one tensor."""
        training, t = self.training, self.updates + 1
        rate = self.learning_rate
        if training.optimiser == "adam":
            rate *= math.sqrt(1 - training.beta2**t) / (1 - training.beta1**t)
        scale = training.data_scale(self.examples)
        numbers = (rate, scale, *(getattr(training, name) for name in COEFFICIENTS))
        if numbers != self.numbers:
            self.numbers = numbers
            self.k = self.P.vector.new_tensor(numbers)
        return self.k

    def gradients(self) -> Parameters:
        return canonical(self.current, self.network)
