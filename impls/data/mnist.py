"""Finding MNIST: a folder the user named, two caches, and the network, in this order."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from impls.data.files import MNIST_FILE, read_path
from impls.data.npz import read_npz
from impls.data.raw import RawData, check
from impls.errors import DatasetError
from impls.files import home, shown

DATA_DIR = "MLPBENCH_DATA_DIR"

# Fashion-MNIST has MNIST's file names and shapes, but 6000 training examples of each class.
SHAPES = ((60000, 28, 28), (10000, 28, 28))
CLASS_COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)


@dataclass(frozen=True)
class Search:
    """MNIST, or None and why each place did not have it."""

    raw: RawData | None
    problems: tuple[str, ...] = ()


class _AbsentError(DatasetError):
    """A place has no MNIST: normal, unlike a place that has a broken one."""


def search(*, allow_download: bool, timeout: float, progress: bool) -> Search:
    """Look for MNIST in every place until one has it.

    A broken file in a cache is passed over; the note of what is found elsewhere says so.  The
    folder in ``MLPBENCH_DATA_DIR`` was named by the user, so nothing replaces it.  ``timeout`` (in
    seconds) and ``progress`` are the download's.

    Raises:
        DatasetError: ``MLPBENCH_DATA_DIR`` is set, but holds no MNIST.
    """
    named = os.environ.get(DATA_DIR)
    if named:
        return Search(_from_data_dir(Path(named)))
    locate_download = partial(_download, timeout=timeout, progress=progress)
    places: tuple[tuple[str, Callable[[], Path]], ...] = (
        ("Keras cache", _keras_cache),
        ("download", _own_cache),
        ("download", locate_download if allow_download else _no_download),
    )
    problems, broken = [], []
    for source, locate in places:
        try:
            raw = _require_mnist(read_npz(locate(), name="mnist", source=source))
        except _AbsentError as error:
            problems.append(str(error))
        except DatasetError as error:
            problems.append(str(error).rstrip("."))
            broken.append(str(error))
        else:
            note = f"Passed over: {' '.join(broken)}" if broken else ""
            return Search(dataclasses.replace(raw, note=note))
    return Search(None, tuple(problems))


def _from_data_dir(folder: Path) -> RawData:
    try:
        raw = read_path(folder)
        return _require_mnist(
            dataclasses.replace(raw, name="mnist", source=f"{raw.source} in {DATA_DIR}")
        )
    except DatasetError as error:
        raise DatasetError(
            f"{DATA_DIR} is {shown(folder)}, which does not hold MNIST: {error} Set {DATA_DIR} to "
            "a folder with MNIST, unset it, or give other data with --dataset PATH."
        ) from error


def _require_mnist(raw: RawData) -> RawData:
    check(raw)
    shapes = (raw.images.shape, raw.images_test.shape)
    counts = tuple(np.bincount(raw.labels.astype(np.int32)).tolist())
    if shapes != SHAPES or counts != CLASS_COUNTS:
        raise DatasetError(
            f"{raw.source}: not MNIST, which has images {SHAPES[0]} and {SHAPES[1]} and training "
            f"examples per class {CLASS_COUNTS}; found {shapes[0]}, {shapes[1]} and {counts}."
        )
    return raw


def _keras_cache() -> Path:
    folder = os.environ.get("KERAS_HOME")
    return _existing((Path(folder) if folder else home() / ".keras") / "datasets" / MNIST_FILE)


def _own_cache() -> Path:
    from .download import cache_file  # noqa: PLC0415 - imports for longer than reading takes

    return _existing(cache_file())


def _download(*, timeout: float, progress: bool) -> Path:
    from .download import download  # noqa: PLC0415 - see _own_cache

    return download(timeout=timeout, progress=progress)


def _no_download() -> Path:
    raise _AbsentError("a download was not allowed")


def _existing(path: Path) -> Path:
    try:
        exists = path.is_file()
    except OSError as error:
        raise DatasetError(f"cannot read {shown(path)}: {error.strerror}.") from error
    if not exists:
        raise _AbsentError(f"there is no {shown(path)}")
    return path
