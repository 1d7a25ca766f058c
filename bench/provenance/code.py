"""Which code measured: one hash over all of its sources, and where it stands in git."""

from __future__ import annotations

import hashlib
import importlib.resources
import importlib.util
import subprocess
from collections.abc import Iterable, Iterator
from importlib.resources.abc import Traversable
from pathlib import Path

import bench
from bench.planning.revisions import run_git
from bench.provenance.records import Code
from impls import loading
from impls.errors import ImplementationError
from impls.row import Row

PACKAGES = ("bench", "impls")
"""What decides the numbers; reports only read them, and tests only judge them."""
GIT_SECONDS = 10.0


def describe(rows: Iterable[Row]) -> Code:
    """Return the code that measures ``rows``: this project's, and that of other implementations.

    ``sha256`` is that of a list as ``sha256sum`` writes it, sorted by name: one line of digest, two
    spaces and name for each file.

    Raises:
        ImplementationError: the file of a row cannot be read.
    """
    own = [source for name in PACKAGES for source in _below(importlib.resources.files(name), name)]
    sources = sorted({*own, *_others(rows)})
    listing = "".join(f"{digest}  {name}\n" for name, digest in sources)
    commit, modified = _git(Path(bench.__file__).parents[1])
    return Code(
        sha256=hashlib.sha256(listing.encode()).hexdigest(), commit=commit, modified=modified
    )


def _below(folder: Traversable, name: str) -> Iterator[tuple[str, str]]:
    """Yield name and digest of each source, also where they lie in an archive."""
    for entry in folder.iterdir():
        path = f"{name}/{entry.name}"
        if entry.is_dir():
            yield from _below(entry, path)
        elif entry.name.endswith(".py"):
            yield path, hashlib.sha256(entry.read_bytes()).hexdigest()


def _others(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """Yield name and digest of each file outside this project that a row is loaded from.

    With a file come those beside it that it imports.
    """
    for row in rows:
        address = row.target.rpartition(":")[0]
        # Loaded from a file, or from a module that Python finds by itself.
        is_file = address.endswith(".py")
        file = Path(address) if is_file else _file_of(address)
        if file is None:
            continue
        beside = loading.imported_by(file) if is_file else {}
        try:
            for name, path in {file.name: file, **beside}.items():
                yield name, hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise ImplementationError(
                f"{row.name}: cannot read {file}: {error.strerror}. Check the path."
            ) from error


def _file_of(module: str) -> Path | None:
    """Return the file of a module without importing it; None for what is ours or not a file."""
    top, *inner = module.split(".")
    spec = None if top in PACKAGES else importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return None
    if not inner:
        return Path(spec.origin)
    stem = Path(spec.origin).parent.joinpath(*inner)
    candidates = (stem.with_name(f"{stem.name}.py"), stem / "__init__.py")
    return next((file for file in candidates if file.is_file()), None)


def _git(root: Path) -> tuple[str | None, bool | None]:
    """Return the commit checked out in ``root``, and whether the sources differ from it.

    Both None where git does not track this file: an installed copy may lie inside the checkout
    of something else.
    """
    tracked = git_answer(root, "ls-files", "--error-unmatch", "bench/provenance/code.py")
    commit = None if tracked is None else git_answer(root, "rev-parse", "HEAD")
    if commit is None:
        return None, None
    changes = git_answer(root, "status", "--porcelain", "--", *PACKAGES)
    return commit, None if changes is None else changes != ""


def git_answer(root: Path, *arguments: str) -> str | None:
    """Return what git says, or None where it is absent, refuses or hangs."""
    try:
        done = run_git(root, *arguments, timeout=GIT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None
