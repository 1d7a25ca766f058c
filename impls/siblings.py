"""Modules beside the file of an implementation: ``import helper`` finds ``helper.py`` there.

As for a script, files in its folder come before what is installed, while it is imported.  What it
imports later, inside a method, is found there as well, but after what is installed.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import all_suffixes
from pathlib import Path

from impls.files import open_plain

_OURS = {"bench", "impls", "reports"}
"""These are imported already, whatever lies beside a file."""
_FOLDERS: set[Path] = set()
"""Where implementations were imported from so far."""


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Find the modules in ``folder`` first while the block runs, and last from then on."""
    _forget_namesakes(folder)
    _FOLDERS.add(folder)
    place = str(folder)
    sys.path.insert(0, place)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(place)
        if place not in sys.path:
            sys.path.append(place)


def imported_by(file: Path) -> dict[str, Path]:
    """Return the files below the folder of ``file`` that it imports, each by its path from there.

    Found in the texts, without running any: what is imported by a name that is put together when
    it runs is not among them.
    """
    root = file.parent
    found: dict[str, Path] = {}
    waiting = [file]
    while waiting:
        for path in _imports(waiting.pop(), root):
            name = path.relative_to(root).as_posix()
            if path != file and name not in found:
                found[name] = path
                waiting.append(path)
    return dict(sorted(found.items()))


def _imports(file: Path, root: Path) -> Iterator[Path]:
    """Yield the files below ``root`` that a file imports; none where it is not Python."""
    if file.suffix != ".py":
        return
    try:
        with open_plain(file) as source:
            tree = ast.parse(source.read())
    except (OSError, SyntaxError, ValueError):
        return  # it counts by its content; importing it raises the error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(root, alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = file.parents[node.level - 1] if node.level else root
            if base.is_relative_to(root):
                prefix = f"{node.module}." if node.module else ""
                for alias in node.names:
                    yield from _files_of(base, f"{prefix}{alias.name}")


def _files_of(base: Path, module: str) -> Iterator[Path]:
    """Yield the files below ``base`` that importing ``module`` runs, with those of its packages.

    The last part of the name may be something in a module, and no module itself.
    """
    top, *_ = parts = module.split(".")
    if top in _OURS:
        return
    for number in range(1, len(parts) + 1):
        stem = base.joinpath(*parts[:number])
        candidates = [stem / "__init__.py"]
        candidates += [stem.with_name(f"{stem.name}{suffix}") for suffix in all_suffixes()]
        yield from (path for path in candidates if path.is_file())


def _forget_namesakes(folder: Path) -> None:
    """Remove imported modules of other folders that have the name of a module in ``folder``."""
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        file = getattr(module, "__file__", None)
        if not file or not any(Path(file).is_relative_to(one) for one in _FOLDERS - {folder}):
            continue
        if next(_files_of(folder, top), None) is not None:
            del sys.modules[name]
