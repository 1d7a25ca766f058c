"""``Model.fit`` of Keras on JAX.

A ``PyDataset`` gathers each batch in the resident data.  Whole arrays would have to be put in the
order of the epoch first, which takes longer than gathering batches.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from impls.keras.fit import FitTrainer
from impls.keras.fit_batches import Batches
from impls.keras.jax_compiled import gathered
from impls.keras.jax_engine import Engine, GpuEngine
from impls.parameters import Floats, Rows

Array = Any  # CI checks types without JAX, so its types are left out everywhere


class Trainer(Engine, FitTrainer):
    """``fit`` on the CPU."""

    @classmethod
    def compiled_unasked(cls) -> bool:
        return True

    def bind(self, X: Floats, Y: Floats) -> None:
        self.data = (jnp.asarray(X), jnp.asarray(Y))
        # An upload goes on when it returns, and the barrier of training is that of the weights.
        jax.block_until_ready(self.data)
        self.gather = jax.jit(gathered)

    def batch(self, rows: Rows) -> tuple[Array, ...]:
        found: tuple[Array, ...] = self.gather(self.data, rows)
        return found

    def feed(self, order: Rows) -> Batches:
        return Batches(order, self.training.batch_size, self.batch)

    def synchronize(self) -> None:
        jax.block_until_ready([variable.value for variable in self.model.variables])


class GpuTrainer(GpuEngine, Trainer):
    """``fit`` with data on the GPU."""
