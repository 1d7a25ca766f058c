"""What a user can set for the Keras rows, beside what their libraries read themselves.

Each is an environment variable, so that ``--env`` sweeps it and every document records it.
"""

from __future__ import annotations

import os

from bench.errors import UsageError

JIT_COMPILE = "MLPBENCH_KERAS_JIT_COMPILE"
STEPS_PER_EXECUTION = "MLPBENCH_KERAS_STEPS_PER_EXECUTION"
TF32 = "NVIDIA_TF32_OVERRIDE"

SWITCHES = {"0": False, "1": True}


def jit_compile() -> bool | None:
    """Whether XLA, or PyTorch's compiler, is to compile the step; None leaves it to the loop.

    Raises:
        UsageError: the variable is neither 0 nor 1.
    """
    return _switch(JIT_COMPILE)


def tf32() -> bool:
    """Whether products on a GPU may round their factors to the 10 bits of TF32; by default not.

    The variable is NVIDIA's own: at 0 its libraries refuse TF32 whatever a program asks for.

    Raises:
        UsageError: the variable is neither 0 nor 1.
    """
    return bool(_switch(TF32))


def _switch(name: str) -> bool | None:
    value = os.environ.get(name)
    if value is not None and value not in SWITCHES:
        raise UsageError(f"{name}={value} is not possible: use 0 or 1, or leave it unset")
    return None if value is None else SWITCHES[value]


def steps_per_execution() -> int:
    """How many steps ``Model.fit`` takes between two looks at them; by default 1.

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


def shown(switch: bool) -> str:  # noqa: FBT001  # the switch is what is shown
    """A switch in words."""
    return "on" if switch else "off"
