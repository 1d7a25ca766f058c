"""Where data lies: the user's home folder, and how a path is shown without it."""

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
