"""A device of one of Keras' engines as data, and what a user can set for the Keras rows.

Each setting is an environment variable, so that ``--env`` sweeps it and every document records it.
Nothing here imports Keras, which picks its engine at import.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from impls.contract import Pool
from impls.errors import UsageError
from impls.parameters import Floats, Indices

Tensor = Any  # the engines' own

JIT_COMPILE = "MLPBENCH_KERAS_JIT_COMPILE"
"""Whether XLA, or PyTorch's compiler, is to compile the step; unset, the loop decides."""
STEPS_PER_EXECUTION = "MLPBENCH_KERAS_STEPS_PER_EXECUTION"


@dataclass(frozen=True, kw_only=True)
class Device:
    """Where an engine computes, and the functions of the engine that trainers need there.

    ``place`` is the engine's own name of the device; functions that depend on it take it first.
    The defaults are those of a processor.
    """

    place: Any
    pools: Callable[[Any], tuple[Pool, ...]]
    """Thread pools, as :meth:`impls.contract.Trainer.pools`."""
    declared: Callable[[Any], dict[str, str]]
    """What decides about numbers there."""
    absence: Callable[[Any], str | None] = lambda _: None
    """Why the engine cannot compute there, or None; sets how exact products are.

    Raises:
        UsageError: what the user set about that is not possible.
    """
    fit_compiles: Callable[[], bool]
    """Whether Keras compiles the step of ``Model.fit`` by default."""
    upload: Callable[[Any, Floats], Tensor]
    gather: Callable[[Any, tuple[Tensor, Tensor], Indices], tuple[Tensor, ...]]
    """Examples and targets of a batch, from those that were uploaded."""
    stack: Callable[[Sequence[Tensor]], Tensor]
    array_of: Callable[[Tensor], Floats]
    """A tensor, or a variable of Keras, as an array that may share its memory."""
    wait: Callable[[Callable[[], Any]], object] = lambda _: None
    """Wait for the device; the argument returns what it may still be computing."""
    peak_bytes: Callable[[Any], int | None] = lambda _: None
    forget_peak: Callable[[Any], bool] = lambda _: False


def steps_per_execution() -> int:
    """Return how many steps ``Model.fit`` takes between two looks at them; by default 1.

    Raises:
        UsageError: the variable is no whole number of at least 1.
    """
    value = os.environ.get(STEPS_PER_EXECUTION, "1")
    if not (value.isascii() and value.isdecimal() and int(value) > 0):
        raise UsageError(
            f"{STEPS_PER_EXECUTION}={value} is not possible: use a whole number of at least 1, "
            "or leave it unset"
        )
    return int(value)
