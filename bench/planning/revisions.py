"""An implementation as it was at a git revision, beside the one as it is now.

``mine.py:Trainer@HEAD~1`` is the class in the file of that revision, with the modules beside it;
``numba@v0.1`` is a row of this project with the whole package ``impls`` of that revision.  Both are
extracted into a cache folder named by the commit and measured like any other implementation.
"""

from __future__ import annotations

import dataclasses
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pooch

import bench
from impls import registry
from impls.errors import ImplementationError
from impls.row import Row

_REVISION = re.compile(r"(?P<what>.+?(?:\.py:\w+)?)@(?P<revision>[^@]+)")
ROOT = Path(bench.__file__).parents[1]
"""The folder from which this copy of the project is imported."""


def find(text: str) -> Row:
    """Return the row for ``text``, which may end in ``@REVISION``.

    Raises:
        UnknownNameError, ImplementationError: see :func:`impls.registry.find`; or there is no such
            revision, no git, or no such file in it.
    """
    match = _REVISION.fullmatch(text)
    if match is None or text in registry.known():
        return registry.find(text)
    what, revision = match["what"], match["revision"]
    if ".py:" not in what:
        row = registry.find(what)
        commit = _commit(ROOT, revision)
        _project_at(commit)
        summary = f"{row.summary}, at {revision} ({commit[:12]})"
    else:
        path, _, name = what.rpartition(":")
        file = Path(path).expanduser().resolve()
        top = Path(_git(file.parent, "rev-parse", "--show-toplevel").decode().strip())
        commit = _commit(top, revision)
        folder = file.parent.relative_to(top)
        extracted = _extracted(top, commit, folder.as_posix()) / folder / file.name
        row = registry.find(f"{extracted}:{name}")
        summary = f"from {file.name} at {revision} ({commit[:12]})"
    return dataclasses.replace(
        row, name=f"{row.name}@{revision}", summary=summary, revision=commit, rung=None
    )


def root_of(row: Row) -> Path:
    """Return the folder that the worker of ``row`` puts first on its path."""
    is_file = row.target.rpartition(":")[0].endswith(".py")
    return _project_at(row.revision) if row.revision and not is_file else ROOT


def search_path(environment: Mapping[str, str], root: Path | str = ROOT) -> str:
    """Return a ``PYTHONPATH`` on which the project in ``root`` is found before any other."""
    return ":".join(filter(None, [str(root), environment.get("PYTHONPATH")]))


def _project_at(commit: str) -> Path:
    """Return a folder with ``impls`` of that commit and everything else of now."""
    folder = _extracted(ROOT, commit, "impls")
    for name in ("bench", "reports"):
        link = folder / name
        if not link.exists():
            link.symlink_to(ROOT / name, target_is_directory=True)
    return folder


def _commit(top: Path, revision: str) -> str:
    if revision.startswith("-"):
        raise ImplementationError(
            f"{revision!r} is not a git revision: give a commit, branch or tag"
        )
    return _git(top, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}").decode().strip()


def _extracted(top: Path, commit: str, folder: str) -> Path:
    """Return where ``folder`` of ``commit`` is extracted, once, below the cache."""
    name = re.sub(r"\W+", "-", folder).strip("-") or "top"
    target = Path(pooch.os_cache("mlpbench")) / "revisions" / f"{commit}-{name}"
    if target.exists():
        return target
    content = _git(top, "archive", "--format=tar", commit, "--", folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=".partial-"))
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(partial, filter="data")
        os.replace(partial, target)  # noqa: PTH105  # a folder that is there by now is no error
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        if not target.exists():
            raise ImplementationError(
                f"cannot extract revision {commit[:12]} into {target}: {error.strerror}. Make the "
                "folder writable, or set XDG_CACHE_HOME to one that is."
            ) from error
    return target


def run_git(
    folder: Path, *arguments: str, timeout: float | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run git in ``folder``, without what a hook exports of another repository or index.

    Raises:
        OSError: git is missing, or ``folder`` is.
        subprocess.TimeoutExpired: it took longer than ``timeout`` seconds.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(  # noqa: S603  # arguments are ours or checked
        ["git", "-C", str(folder), *arguments],  # noqa: S607  # the user's own git
        env=kept | {"GIT_OPTIONAL_LOCKS": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        check=False,
    )


def _git(folder: Path, *arguments: str) -> bytes:
    """Return what git says in ``folder``.

    Raises:
        ImplementationError: git is missing, or refuses.
    """
    try:
        done = run_git(folder, *arguments)
    except OSError as error:
        raise ImplementationError(
            f"cannot run git in {folder}: {error.strerror}. A revision needs git and a checkout."
        ) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or "no such revision"
        raise ImplementationError(
            f"git {' '.join(arguments)} failed in {folder}: {said}. Give a commit, branch or tag "
            "that this checkout has."
        )
    return done.stdout
