"""An epoch whose full batches are one compiled loop, for every trainer on JAX."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from jax import lax

from impls import contract
from impls.parameters import Indices

Array = Any  # CI checks types without JAX, so its types are left out everywhere

COUNT = 3
"""The place of the number of batches among the arguments of :func:`looped`."""


def compiled_epoch(step: Callable[..., Any], jit: Callable[..., Any], *, fixed: bool) -> Any:
    """Return an epoch of ``step``, compiled by ``jit``; the state is given away.

    ``step`` takes a state, the data, the rows of a batch, its number in the epoch and whatever else
    an epoch is called with; it returns the new state, gradients, and the losses of the batch.
    ``fixed`` compiles one for each number of batches, otherwise epochs of all lengths share one.
    """

    def epoch(
        state: Any, data: tuple[Array, Array], parts: Array, count: Array, *settings: Any
    ) -> tuple[Any, Array]:
        """Train on the first ``count`` of ``parts``, shape ``(capacity, batch)``."""

        def body(index: Array, carried: tuple[Any, Array]) -> tuple[Any, Array]:
            state, losses = carried
            state, _, loss = step(state, data, parts[index], index, *settings)
            return state, losses.at[index].set(loss)

        losses = jnp.zeros((len(parts), 3), data[0].dtype)
        return lax.fori_loop(0, count, body, (state, losses))  # type: ignore[no-any-return]  # JAX says Any

    return jit(epoch, donate_argnums=0, static_argnums=COUNT if fixed else ())


class Trainer(contract.Trainer):
    """All full batches at once; a shorter last one is a step.

    ``latest`` is what JAX may still be computing.
    """

    data: tuple[Array, Array]
    latest: Any
    capacity = 0

    @abstractmethod
    def full_batches(self, parts: npt.NDArray[np.int32], count: Any) -> Array:
        """Train on the first ``count`` of the rows ``parts``, shape ``(capacity, batch)``.

        Returns the :class:`~impls.contract.Loss` of each batch, shape ``(capacity, 3)``.
        """

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        """Full batches in one call, then what is left of ``order``.

        Room for more batches is kept, so that shapes stay the same.
        """
        size = self.training.batch_size
        count = len(order) // size
        losses: list[npt.NDArray[np.floating]] = []
        if count:
            self.capacity = max(self.capacity, count, len(self.data[0]) // size)
            parts = np.zeros((self.capacity, size), np.int32)
            parts[:count] = order[: count * size].reshape(count, size)
            fixed = count if self.whole_epochs else np.int32(count)
            losses.append(np.asarray(self.full_batches(parts, fixed))[:count])
        if count * size < len(order):
            rest = self.step(order[count * size :])
            losses.append(np.array([[float(value) for value in rest]]))
        return np.concatenate(losses).astype(np.float64)

    def synchronize(self) -> None:
        jax.block_until_ready(self.latest)
