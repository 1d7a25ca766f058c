"""What a worker is given before it starts: one assignment, and the data as files that all map."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from bench.planning.plan import Cell, Job, Plan, cell_of
from impls.errors import ResultsError
from impls.parameters import Floats, read_only
from impls.row import Row

_PAGE_BYTES = 4096


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
        job, row = self.job, self.row
        return cell_of(self.plan, row.name, row.device, batch_size, job.threads, job.setting)


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
    paths = {name: folder / f"{name}.npy" for name in Arrays._fields}
    return Arrays(**{name: _mapped(path) for name, path in paths.items() if path.exists()})


def _mapped(path: Path) -> Any:
    array: npt.NDArray[np.generic] = np.asarray(np.load(path, mmap_mode="c"))
    array.reshape(-1).view(np.uint8)[::_PAGE_BYTES].sum()
    return read_only(array)
