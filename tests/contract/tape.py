"""A stand-in for a CUDA graph on the CPU, as forgetful of Python as the original."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WAITS = ("_local_scalar_dense", "nonzero", "equal")
"""Operators whose result Python has to wait for; a graph cannot be recorded with them."""


class Tape(TorchDispatchMode):
    """Notes each operator with its operands, and replays them without the Python around them.

    Numbers are what they were, results go where they went.  Unlike a graph it does the work while
    it is recorded.
    """

    def __init__(self, warm_up: Callable[[], object], work: Callable[[], object]) -> None:
        super().__init__()
        self.calls: list[tuple[Any, ...]] = []
        warm_up()
        with self:
            work()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        assert func.__name__.partition(".")[0] not in WAITS, f"{func} waits for the device"
        found = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, found))
        return found

    @torch.no_grad()
    def replay(self) -> None:
        """Every operator once more."""
        for func, args, kwargs, found in self.calls:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(found), tree_leaves(again), strict=True):
                if _storage(old) != _storage(new):
                    old.copy_(new)


def _storage(leaf: Any) -> int | None:
    """Where the values of a tensor lie; a view lies where its base does."""
    address: int = leaf.untyped_storage().data_ptr() if isinstance(leaf, torch.Tensor) else 0
    return address
