"""JAX on a GPU: the same trainer with its data there, and products as exact as was asked for.

What else differs on a device is said in :mod:`impls.jax.device`.
"""

from __future__ import annotations

from typing import ClassVar

from impls import precision
from impls.contract import Pool
from impls.errors import UsageError
from impls.jax import device as jax_device
from impls.jax import mlp
from impls.jax.device import GPU, Device


class Trainer(mlp.Trainer):
    """The same on the first GPU that CUDA shows."""

    device: ClassVar[Device] = GPU
    whole_epochs: ClassVar[bool] = True

    @classmethod
    def unavailable(cls) -> str | None:
        try:
            cls.precision()
        except UsageError as error:
            return str(error)
        return super().unavailable()

    @classmethod
    def declared(cls) -> dict[str, str]:
        return {**super().declared(), **precision.declaration()}

    @classmethod
    def precision(cls) -> str:
        return jax_device.precision_of_products()

    @classmethod
    def pools(cls) -> tuple[Pool, ...]:
        return ()
