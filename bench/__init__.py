"""Measure implementations of one multi-layer perceptron so that the numbers can be compared.

``bench.load("results.json")`` reads results for a notebook and ``bench.run(...)`` measures; see
:mod:`bench.api`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.api import load as load
    from bench.api import run as run

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import the API when it is asked for: workers start without what it needs."""
    if name in {"load", "run"}:
        return getattr(import_module("bench.api"), name)
    raise AttributeError(f"module 'bench' has no attribute {name!r}")
