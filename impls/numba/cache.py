"""Compiled functions that are kept between processes, and thrown away when a source changes.

Numba looks at the file of a function alone.  What is compiled into it from other files could be
long gone: after an update of one file, a kernel of another would go on running the old code.  The
cache therefore has a folder of its own for each state of all sources together.
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from typing import Any

import numba

_SOURCES = ("numba/*.py", "functions.py", "dropout.py")
"""Everything from which code or constants are compiled."""


def digest(sources: Path) -> str:
    """A short hash over all sources in the folder ``sources``."""
    found = hashlib.sha256()
    for path in sorted(path for pattern in _SOURCES for path in sources.glob(pattern)):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def folder(sources: Path, chosen: str) -> str:
    """Where this state of ``sources`` has its cache; empty where Numba has to find a place.

    ``chosen`` is the user's ``NUMBA_CACHE_DIR``; without it, it is where Numba itself would look.
    """
    base = Path(chosen) if chosen else sources / "__pycache__"
    writable = os.access(base if base.exists() else base.parent, os.W_OK)
    return str(base / f"numba-{digest(sources)}") if writable else ""


_config: Any = numba.config
_config.CACHE_DIR = folder(Path(__file__).parents[1], _config.CACHE_DIR)

compiled = functools.partial(numba.njit, cache=True)
"""Decorator: compiled without Python objects, and cached."""
