"""The folder that a run shares with its workers: arrays, assignments and the gate's reference.

A run that is killed cannot remove its folder, so the next run does.  Who uses a folder holds a lock
in it; the system drops the lock with the process, in whatever container it ran.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "mlpbench-run-"
_LOCK = "in-use"


@contextmanager
def workplace() -> Iterator[Path]:
    """A fresh folder that is gone afterwards; folders of killed runs are removed first."""
    _remove_abandoned(Path(tempfile.gettempdir()))
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX) as name,
        (Path(name) / _LOCK).open("w") as lock,
    ):
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(name)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            # Somebody else's folder cannot be opened; one without a lock has just been made.
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            # Another run may be removing it as well.
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
