"""What the parent tells a worker: one document in, JSON lines out, an exit code.

No conversation and no parsing of printed text; standard output belongs to chatty libraries.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from bench.documents.results import Outcome
from bench.errors import ResultsError
from bench.planning.plan import Job, Plan
from impls.parameters import Floats
from impls.row import Row


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One job with everything needed to do it.

    ``root`` is the folder from which the parent runs this project; a worker that finds another
    copy first refuses to measure that one.  ``arrays`` is a folder written by :func:`save_arrays`.
    """

    job: Job
    plan: Plan
    row: Row
    root: str
    arrays: str
    output: str


class Arrays(NamedTuple):
    """Normalised examples and one-hot targets; test examples and labels where accuracy counts."""

    X: Floats
    Y: Floats
    X_test: Floats | None = None
    labels_test: npt.NDArray[np.integer] | None = None


def save_arrays(folder: Path, arrays: Arrays) -> None:
    """Store the arrays for the workers."""
    for name, array in arrays._asdict().items():
        if array is not None:
            np.save(folder / f"{name}.npy", array)


def load_arrays(folder: Path) -> Arrays:
    """Read what :func:`save_arrays` stored into memory: no page is read under the clock."""
    paths = {name: folder / f"{name}.npy" for name in Arrays._fields}
    return Arrays(**{name: np.load(path) for name, path in paths.items() if path.exists()})


def append(path: Path, outcome: Outcome) -> None:
    """Add one outcome to a worker's output."""
    with path.open("ab") as file:
        file.write(msgspec.json.encode(outcome) + b"\n")


def read_outcomes(path: Path) -> list[Outcome]:
    """All outcomes a worker wrote; a line cut short by its death is left out.

    Raises:
        ResultsError: a complete line is not an outcome.
    """
    if not path.exists():
        return []
    complete, _, _ = path.read_bytes().rpartition(b"\n")
    try:
        return [msgspec.json.decode(line, type=Outcome) for line in complete.splitlines()]
    except msgspec.DecodeError as error:
        raise ResultsError(f"a worker wrote something else than outcomes: {error}") from error
