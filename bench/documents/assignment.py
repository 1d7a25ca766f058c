"""What a worker is given before it starts: one assignment, and the data as files that all map.

A run shares one folder with its workers: arrays, assignments and the gate's reference.  A run that
is killed cannot remove it, so the next run does.  Who uses a folder holds a lock in it; the system
drops the lock with the process, in whatever container it ran.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from bench.planning.plan import Cell, Job, Plan
from impls.errors import ResultsError
from impls.parameters import Floats, read_only
from impls.row import Row

_PAGE_BYTES = 4096
_PREFIX = "mlpbench-run-"
_LOCK = "in-use"


class Assignment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One job with everything needed to do it.

    ``block`` numbers the set of workers that this one lives in and ``repetition`` the pass over the
    plan, from which time to accuracy takes its seed.  ``root`` is the folder from which the parent
    runs this project; a worker that finds another copy first refuses to measure that one.
    ``arrays`` is a folder written by :func:`save_arrays`.
    """

    job: Job
    block: int
    repetition: int
    plan: Plan
    row: Row
    root: str
    arrays: str

    def cell(self, batch_size: int) -> Cell:
        """Return the cell that the job has at a batch size."""
        return Cell(
            implementation=self.row.name,
            device=self.row.device,
            network=self.plan.network.name,
            batch_size=batch_size,
            threads=self.job.threads,
            setting=self.job.setting,
        )


class Arrays(NamedTuple):
    """Normalised examples and one-hot targets; test examples and labels where accuracy counts."""

    X: Floats
    Y: Floats
    X_test: Floats | None = None
    labels_test: npt.NDArray[np.integer] | None = None

    @property
    def bytes(self) -> int:
        """The size of all arrays together."""
        return sum(array.nbytes for array in self if array is not None)


@contextmanager
def shared_folder() -> Iterator[Path]:
    """Yield a fresh folder that is gone afterwards; folders of killed runs are removed first."""
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


def save_arrays(folder: Path, arrays: Arrays) -> None:
    """Store the arrays for the workers.

    Raises:
        ResultsError: they do not fit.
    """
    try:
        for name, array in arrays._asdict().items():
            if array is not None:
                np.save(folder / f"{name}.npy", array)
    except OSError as error:
        raise ResultsError(
            f"cannot write the data for the workers into {folder}: {error.strerror}. Set TMPDIR to "
            f"a folder with {arrays.bytes / 1e6:.0f} MB to spare."
        ) from error


def load_arrays(folder: Path) -> Arrays:
    """Map what :func:`save_arrays` stored: all workers share one copy in memory.

    The arrays cannot be written to; native code that writes all the same gets private copies of the
    pages.  Every page is touched once, so that none is mapped under the clock.
    """
    arrays: dict[str, Any] = {}
    for name in Arrays._fields:
        path = folder / f"{name}.npy"
        if path.exists():
            array: npt.NDArray[np.generic] = np.asarray(np.load(path, mmap_mode="c"))
            array.reshape(-1).view(np.uint8)[::_PAGE_BYTES].sum()
            arrays[name] = read_only(array)
    return Arrays(**arrays)
