"""Batches of resident data, as Keras takes them from a ``PyDataset``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from impls.parameters import Rows, batches


class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras ships no types
    """The batches of ``order``, each gathered when it is asked for, by the thread that asks."""

    def __init__(
        self, order: Rows, batch_size: int, gather: Callable[[Rows], tuple[Any, ...]]
    ) -> None:
        super().__init__()
        self.parts = list(batches(order, batch_size))
        self.gather = gather

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self.gather(self.parts[index])
