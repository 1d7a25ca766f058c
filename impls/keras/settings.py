"""What a user can set for the Keras rows, beside what their libraries read themselves.

Each is an environment variable, so that ``--env`` sweeps it and every document records it.
"""

from __future__ import annotations

import os

from impls.errors import UsageError
from impls.precision import switch

JIT_COMPILE = "MLPBENCH_KERAS_JIT_COMPILE"
STEPS_PER_EXECUTION = "MLPBENCH_KERAS_STEPS_PER_EXECUTION"


def jit_compile() -> bool | None:
    """Whether XLA, or PyTorch's compiler, is to compile the step; None leaves it to the loop.

    Raises:
        UsageError: the variable is neither 0 nor 1.
    """
    return switch(JIT_COMPILE)


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
