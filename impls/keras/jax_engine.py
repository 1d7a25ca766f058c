"""JAX behind Keras: its devices, its threads and what decides about its numbers."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import jax
import numpy as np

from impls import contract, precision
from impls.contract import Pool
from impls.jax import device as jax_device
from impls.jax.device import CPU, GPU, Device
from impls.keras import settings as keras_settings
from impls.keras.trainer import require_engine
from impls.parameters import Floats

require_engine("jax")

PRECISION = "JAX_DEFAULT_MATMUL_PRECISION"
"""JAX' own variable, which decides on a CPU."""


class Engine(contract.Trainer):
    """JAX on the CPU."""

    device: ClassVar[Device] = CPU

    @classmethod
    def compiled(cls) -> bool:
        """Return whether XLA makes the step: that is what JAX is for."""
        return keras_settings.jit_compile() is not False

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        threads = jax_device.thread_count()
        return (Pool(library="XLA intra-op", version=jax.__version__, threads=threads),)

    @classmethod
    def absent(cls) -> str | None:
        return cls.device.absence()

    @classmethod
    def declared(cls) -> dict[str, str]:
        found = {**super().declared(), "precision of products": cls.precision()}
        return {**found, **jax_device.kernels()} if cls.device is CPU else found

    @classmethod
    def precision(cls) -> str:
        """Return how exact products are, in JAX' words."""
        return os.environ.get(PRECISION, "default, which is float32 on a CPU")

    @staticmethod
    def array_of(tensor: Any) -> Floats:
        """As it lies in JAX, and read-only."""
        return np.asarray(tensor)


class GpuEngine(Engine):
    """JAX on the first GPU, by default in full float32: there its own default would be TF32."""

    device: ClassVar[Device] = GPU

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        return ()

    @classmethod
    def absent(cls) -> str | None:
        reason = super().absent()
        if reason is not None:
            return reason
        ours, theirs = cls.precision(), os.environ.get(PRECISION)
        if theirs not in {None, ours}:
            return (
                f"{PRECISION}={theirs} is not possible on a GPU, where {precision.VARIABLE} "
                f"decides, which asks for {ours}: leave JAX' own variable unset"
            )
        jax.config.update("jax_default_matmul_precision", ours)
        return None

    @classmethod
    def declared(cls) -> dict[str, str]:
        return {**super().declared(), **precision.declaration()}

    @classmethod
    def precision(cls) -> str:
        """Return how exact products are, in JAX' words."""
        return jax_device.precision_of_products()

    def device_memory_bytes(self) -> int | None:
        return jax_device.peak_bytes(self.device.first())
