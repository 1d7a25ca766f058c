"""Compiled functions that are kept between processes, and compiled again when a source changes.

Numba compares the file of a function alone.  Code that is compiled into it from other files may
have changed: a kernel would go on running the old code.  So the cache has one folder for each state
of all sources together; those of earlier states stay until they are deleted.  Where no such folder
can be written, nothing is kept: compiling takes longer then, but the code that runs is current.
Only the functions here use the folder; what else a process compiles goes to Numba's usual place.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from impls.errors import ImplementationError

_SOURCES = ("numba/*.py", "mathematics/*.py")
"""Everything from which code or constants are compiled."""


def digest(sources: Path) -> str:
    """Return a short hash over all sources in the folder ``sources``.

    Raises:
        ImplementationError: a pattern finds no file, so that changes would go unnoticed.
    """
    hashed = hashlib.sha256()
    for pattern in _SOURCES:
        paths = sorted(sources.glob(pattern))
        if not paths:
            raise ImplementationError(
                f"no source of the compiled kernels is called {pattern!r} in {sources}: name in "
                f"{Path(__file__).name} the files that are compiled, or old kernels would be used"
            )
        for path in paths:
            hashed.update(str(path.relative_to(sources)).encode() + b"\0" + path.read_bytes())
    return hashed.hexdigest()[:16]


def folder(sources: Path, chosen: str) -> str:
    """Return where this state of ``sources`` has its cache; empty where no place can be written.

    ``chosen`` is the user's ``NUMBA_CACHE_DIR``, and nowhere else is looked then.  Without it, it
    is beside the sources, or in the user's folder for caches where these may not be changed.
    """
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - Path.expanduser() raises without a home
    places = [Path(chosen)] if chosen else [sources / "__pycache__", Path(caches, "mlpbench")]
    names = (place / f"numba-{digest(sources)}" for place in places)
    return next((str(name) for name in names if _is_writable(name)), "")


def _is_writable(folder: Path) -> bool:
    """Return whether ``folder`` is there, or can be made, and takes files.

    By a trial: where Numba cannot write, it uses its own folder, and may find old kernels there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


_config: Any = numba.config
_FOLDER = folder(Path(__file__).parents[1], _config.CACHE_DIR)


def inner(**options: Any) -> Callable[[Any], Any]:
    """Decorator: :func:`compiled` for functions that only compiled functions call.

    They get no entry for calls from Python: that would unpack every array of their arguments, and
    take about a fifth of the time to compile.
    """
    return compiled(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)


def inlined(**options: Any) -> Callable[[Any], Any]:
    """Decorator: :func:`inner` for short functions, which become part of their callers.

    Numba puts them in before LLVM sees them: a called function would be optimised once alone, and
    again within each of its callers.
    """
    return inner(inline="always", **options)


def compiled(**options: Any) -> Callable[[Any], Any]:
    """Decorator: compiled without Python objects, and cached where there is a place for it.

    ``options`` are those of ``njit``.
    """

    def compile_cached(function: Any) -> Any:
        if not _FOLDER:
            return numba.njit(**options)(function)
        # Numba reads the folder here, once, and has no other setting for it.
        chosen = _config.CACHE_DIR
        _config.CACHE_DIR = _FOLDER
        try:
            return numba.njit(cache=True, **options)(function)
        finally:
            _config.CACHE_DIR = chosen

    return compile_cached
