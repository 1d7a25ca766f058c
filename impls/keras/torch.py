"""Keras on PyTorch: model, penalties and optimiser of Keras in a loop as one writes it there.

Keras' layers and optimisers run eagerly here, operator by operator, so the phases are what they
are in the step.  There is no compiled epoch: PyTorch's compiler takes a step, and would unroll a
loop of them.  Keras brings it in within ``Model.fit`` alone, so ``MLPBENCH_KERAS_JIT_COMPILE=1`` is
for that row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from impls.contract import Loss
from impls.keras import settings as keras_settings
from impls.keras.losses import data_loss, penalty_of, seen
from impls.keras.torch_engine import Engine, GpuEngine
from impls.keras.trainer import Trainer
from impls.parameters import Floats, Parameters, Rows, batches
from impls.unread import unread

Tensor = Any  # CI checks types without PyTorch, so its types are left out everywhere


class StepTrainer(Engine, Trainer):
    """A step by autograd, called from a loop in Python."""

    @classmethod
    def refused(cls) -> str | None:
        if cls.compiled():
            return (
                f"{keras_settings.JIT_COMPILE}=1 is not possible with this loop, which PyTorch "
                "runs eagerly: leave it unset, or take a row that runs Model.fit"
            )
        return super().refused()

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X = torch.tensor(X, device=self.device)
        self.Y = torch.tensor(Y, device=self.device)

    def prepare(self, rows: Rows) -> None:
        places = torch.from_numpy(rows).to(self.device)
        self.batch = self.X.index_select(0, places)
        self.T = self.Y.index_select(0, places)

    def forward(self) -> None:
        self.Z = self.model(self.batch, training=True)
        self.cost: Tensor = None

    def loss(self) -> Loss:
        return unread(self._costs().tolist)

    def _costs(self) -> Tensor:
        """Return what is told of the batch; its cost is kept for the way back."""
        data = data_loss(self.network, self.training, self.Z, self.T)
        penalty = penalty_of(self.model.losses, self.Z)
        self.cost = data + penalty
        with torch.no_grad():
            return seen(self.network, data, penalty, self.Z, self.T)

    def backward(self) -> None:
        """The way back is kept, so that this phase can be repeated."""
        self._derive(again=True)

    def _derive(self, *, again: bool) -> None:
        if self.cost is None:
            self._costs()
        values = [variable.value for variable in self.variables]
        self.G = torch.autograd.grad(self.cost, values, retain_graph=again)

    def update(self) -> None:
        with torch.no_grad():
            self.optimizer.apply(self.G, self.variables)
            self.updates.assign_add(1)

    def _stepped(self, rows: Rows) -> Tensor:
        """Take a step; the losses stay on the device."""
        self.prepare(rows)
        self.forward()
        losses = self._costs()
        self._derive(again=False)
        self.update()
        return losses

    def step(self, rows: Rows) -> Loss:
        return unread(self._stepped(rows).tolist)

    def epoch(self, order: Rows) -> npt.NDArray[np.float64]:
        # Read together at the end, so that a device need not wait for us at each step.
        losses = [self._stepped(rows) for rows in batches(order, self.training.batch_size)]
        return self.array_of(torch.stack(losses)).astype(np.float64)

    def outputs(self, X: Floats) -> Floats:
        with torch.no_grad():
            return super().outputs(X)

    def gradients(self) -> Parameters:
        return self.canonical(list(self.G))


class GpuStepTrainer(GpuEngine, StepTrainer):
    """The same with data on the GPU."""
