"""Paths as messages show them, and plain files: nothing else is opened, and no half is written."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_NOT_A_FILE = "it is a pipe, a device or a socket, not a file"


def home() -> Path:
    """Return the user's home folder, or ``~`` where it is unknown."""
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() raises without a home


def shown(path: Path) -> str:
    """Return ``path`` for a message, with ``~`` for the home folder: messages end up in reports."""
    folder = home()
    return str(Path("~") / path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file; opening a pipe or device could block.

    Raises:
        OSError: it cannot be opened, or is no plain file.
    """
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    kind = os.fstat(number).st_mode
    if not stat.S_ISREG(kind):
        os.close(number)
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
        raise OSError(errno.EINVAL, _NOT_A_FILE, str(path))
    return os.fdopen(number, "rb")


def require_plain(path: Path) -> None:
    """Refuse to put a file in the place of a link, a device or anything else but a file.

    Raises:
        OSError: there is such a thing at ``path``, or it cannot be looked at.
    """
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if stat.S_ISLNK(kind):
        raise OSError(errno.EINVAL, f"it is a link to {path.readlink()}", str(path))
    if not stat.S_ISREG(kind):
        raise OSError(errno.EINVAL, _NOT_A_FILE, str(path))


def write_whole(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path`` in one atomic step: a reader sees the old file or the new one.

    Raises:
        OSError: it cannot be written, or what is there is no plain file.
    """
    require_plain(path)
    # In a folder for all, somebody else may have put a link where the next part is written to.
    part = path.with_name(f"{path.name}.{os.getpid()}.partial")
    with contextlib.suppress(FileNotFoundError):
        part.unlink()
    try:
        with part.open("xb") as file:
            file.write(data)
        part.replace(path)
    except OSError:
        # What cannot be written cannot always be removed: the first error is the one to report.
        with contextlib.suppress(OSError):
            part.unlink()
        raise
