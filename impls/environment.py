"""What libraries read of the environment when they are imported, set while a process runs.

A worker has all of it before it exists.  A command that trains, and a program of someone's own,
import implementations into a process that is already there.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Sequence

from impls.errors import ImplementationError, UsageError
from impls.registry import shows_gpu
from impls.row import Row

ENGINE = "KERAS_BACKEND"
HIDDEN = "CUDA_VISIBLE_DEVICES"
HIDING = {HIDDEN, "JAX_PLATFORMS"}
"""What keeps a library from devices: without it, some compute wherever there is one."""


def set_variables(row: Row, *, is_ours: bool = False) -> None:
    """Set the variables of ``row``, as long as none of its libraries has been imported.

    In a process that ``is_ours`` the row has its way, as in a worker.  In any other one a variable
    that is set already stays as it is.

    Raises:
        ImplementationError: a variable that decides where or by what it is computed has another
            value, which stays.
    """
    imported = [name for name in row.requires if name in sys.modules]
    hidden = os.environ.get(HIDDEN)
    if row.device == "gpu" and hidden == "-1":
        raise ImplementationError(
            f"{row.name} finds no device, because {HIDDEN} is {hidden}. Implementations for the "
            "processor also set it when they are loaded: unset it, or use "
            f"{row.name} in a separate process"
        )
    for name, value in row.environment.items():
        current = os.environ.get(name)
        if current == value:
            continue
        if not imported and (is_ours or current is None):
            os.environ[name] = value
        elif _decides(row, name, current):
            _refuse(row, name, current, imported)


def require_agreement(rows: Sequence[Row]) -> None:
    """Refuse implementations that one process cannot import one after another.

    Raises:
        UsageError: two need different values of a variable that decides for both, or one hides
            the device of another.
    """
    hiding = [row.name for row in rows if HIDDEN in row.environment]
    seeing = [row.name for row in rows if row.device == "gpu"]
    if hiding and seeing and shows_gpu():
        raise UsageError(
            f"{hiding[0]} hides all devices from its process, but {seeing[0]} needs one: use a "
            "separate command for each"
        )
    for one, other in itertools.combinations(rows, 2):
        shared = set(one.requires) & set(other.requires)
        for name in one.environment.keys() & other.environment.keys():
            mine, theirs = one.environment[name], other.environment[name]
            if shared and mine != theirs and _decides(one, name, theirs):
                raise UsageError(
                    f"{one.name} needs {name}={mine}, {other.name} needs {name}={theirs}, and "
                    f"{min(shared)} reads it once: use a separate command for each"
                )


def _decides(row: Row, name: str, current: str | None) -> bool:
    """Return whether the result of ``row`` depends on ``name``, which stays ``current``."""
    if name == ENGINE:
        # Where it is unset, Keras' own file of settings may agree; the implementation looks.
        return current is not None
    # A library that nothing is hidden from finds a device by itself.
    return name in HIDING and shows_gpu() and not (current is None and row.device == "gpu")


def _refuse(row: Row, name: str, current: str | None, imported: list[str]) -> None:
    wanted = row.environment[name]
    now = "not set" if current is None else repr(current)
    if imported:
        why = f"{imported[0]}, which reads it once, has been imported"
        remedy = f"use {row.name} in a separate process, or set {name}={wanted} before the import"
    else:
        why = "the environment sets it"
        remedy = f"unset it, or set {name}={wanted}"
    raise ImplementationError(f"{row.name} needs {name}={wanted}; it is {now}, and {why}: {remedy}")
