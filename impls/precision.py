"""How exact products are on a GPU: in full, or with their factors rounded to TF32.

TF32 keeps 10 of the 23 bits that float32 has behind the point.  Libraries choose it for float32 by
themselves, each by a switch and a default of its own; here one variable decides for all of them,
and by default products are in full.  An implementation declares what holds.  The gate then grants
what that rounding explains, and no report ranks numbers in TF32 with others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from impls.errors import UsageError

VARIABLE = "MLPBENCH_TF32"
OVERRIDE = "NVIDIA_TF32_OVERRIDE"
"""NVIDIA's own: at 0 its libraries refuse TF32 whatever a program asks for."""
DECLARED = "TF32"
"""The name under which it is declared, ``on`` or ``off``."""
TF32_EPS = 2.0**-11
"""By how much a number moves, relative to it, where it is rounded to the nearest of TF32."""

SWITCHES = {"0": False, "1": True}


def tf32() -> bool:
    """Return whether factors on a GPU are rounded to TF32; without the variable they are not.

    Raises:
        UsageError: the variable is neither 0 nor 1, or NVIDIA's variable contradicts it.
    """
    asked = bool(switch(VARIABLE))
    forced = os.environ.get(OVERRIDE)
    if forced is not None and SWITCHES.get(forced) != asked:
        raise UsageError(
            f"{OVERRIDE}={forced} contradicts {VARIABLE}={int(asked)} and would change products "
            f"without a request by this program: unset {OVERRIDE}"
        )
    return asked


def switch(name: str) -> bool | None:
    """Return a variable that is 0 or 1; None where it is unset.

    Raises:
        UsageError: it is neither.
    """
    value = os.environ.get(name)
    if value is not None and value not in SWITCHES:
        raise UsageError(f"{name}={value} is not possible: use 0 or 1, or leave it unset")
    return None if value is None else SWITCHES[value]


def on_or_off(switch: bool) -> str:  # noqa: FBT001  # nothing else could be meant
    """Return a switch as a word."""
    return "on" if switch else "off"


def declaration() -> dict[str, str]:
    """Return what a row on a GPU declares.

    Raises:
        UsageError: as :func:`tf32`.
    """
    return {DECLARED: on_or_off(tf32())}


def declares_tf32(declared: Mapping[str, str]) -> bool:
    """Return whether ``declared`` settings say that factors are rounded to TF32."""
    return declared.get(DECLARED) == on_or_off(switch=True)
