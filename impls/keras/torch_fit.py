"""``Model.fit`` of Keras on PyTorch.

A ``PyDataset`` gathers each batch in the resident data.  PyTorch's own loader would ask for
examples one by one.  Keras takes one step at a time here, and compiles it where it is told to.
"""

from __future__ import annotations

from typing import Any

import torch

from impls.keras import settings as keras_settings
from impls.keras.fit import FitTrainer
from impls.keras.fit_batches import Batches
from impls.keras.torch_engine import Engine, GpuEngine
from impls.parameters import Floats, Rows

Tensor = Any  # CI checks types without PyTorch, so its types are left out everywhere


class Trainer(Engine, FitTrainer):
    """``fit`` on the CPU."""

    @classmethod
    def refused(cls) -> str | None:
        steps = keras_settings.steps_per_execution()
        if steps > 1:
            return (
                f"{keras_settings.STEPS_PER_EXECUTION}={steps} is not possible with PyTorch, where "
                "Keras takes one step at a time: leave it unset"
            )
        return super().refused()

    @classmethod
    def compiled_unasked(cls) -> bool:
        return False

    def bind(self, X: Floats, Y: Floats) -> None:
        self.data = [torch.tensor(part, device=self.device) for part in (X, Y)]

    def batch(self, rows: Rows) -> tuple[Tensor, ...]:
        places = torch.from_numpy(rows).to(self.device)
        return tuple(part.index_select(0, places) for part in self.data)

    def feed(self, order: Rows) -> Batches:
        return Batches(order, self.training.batch_size, self.batch)


class GpuTrainer(GpuEngine, Trainer):
    """``fit`` with data on the GPU."""
