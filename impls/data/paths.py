"""Where data lies: the user's home folder, a path without it, and what lies there instead."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the user's home folder, or the plain name ``~`` where there is none."""
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises without a home


def shown(path: Path) -> str:
    """Return ``path`` for a message, with ``~`` for the home folder: messages end up in reports."""
    folder = home()
    return str(Path("~") / path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def impostor(beginning: bytes) -> str:
    """Return what stands in the place of a data file that begins so, and what to do about it.

    Empty where it may be the file itself.
    """
    start = beginning.lstrip()[:40].lower()
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the file itself. Fetch that with 'git lfs pull'."
    if start.startswith((b"<!doctype html", b"<html")):
        return "it is a web page, such as a download leaves that failed. Download it again."
    return ""
