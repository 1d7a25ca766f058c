"""Finding MNIST: a folder the user named, two caches, and the network, in this order."""

from __future__ import annotations

import dataclasses
import os
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


class MnistNotFoundError(DatasetError):
    """No place has MNIST; the message says why of each."""


def find(*, allow_download: bool, timeout: float, progress: bool) -> RawData:
    """Return MNIST from the first place that has it.

    A broken file in a cache is passed over; the note of what is found elsewhere says so.  The
    folder in ``MLPBENCH_DATA_DIR`` was named by the user, so nothing replaces it.  ``timeout`` (in
    seconds) and ``progress`` are the download's.

    Raises:
        DatasetError: ``MLPBENCH_DATA_DIR`` is set, but holds no MNIST.
        MnistNotFoundError: no place has it.
    """
    named = os.environ.get(DATA_DIR)
    if named:
        return _in_data_dir(Path(named))
    places = [("Keras cache", _keras_cache), ("download", _own_cache)]
    if allow_download:
        places.append(("download", partial(_download, timeout=timeout, progress=progress)))
    reasons, broken = list[str](), list[str]()
    for source, locate in places:
        try:
            path = locate()
            if not _is_file(path):
                reasons.append(f"there is no {shown(path)}")
                continue
            raw = _require_mnist(dataclasses.replace(read_npz(path), source=source))
        except DatasetError as error:
            reasons.append(str(error).rstrip("."))
            broken.append(str(error))
        else:
            note = f"Passed over: {' '.join(broken)}" if broken else ""
            return dataclasses.replace(raw, note=note)
    if not allow_download:
        reasons.append("a download was not allowed")
    raise MnistNotFoundError("; ".join(reasons))


def _in_data_dir(folder: Path) -> RawData:
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
    return (Path(folder) if folder else home() / ".keras") / "datasets" / MNIST_FILE


def _own_cache() -> Path:
    from .download import cache_file  # noqa: PLC0415 - imports for longer than reading takes

    return cache_file()


def _download(*, timeout: float, progress: bool) -> Path:
    from .download import download  # noqa: PLC0415 - see _own_cache

    return download(timeout=timeout, progress=progress)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError as error:
        raise DatasetError(f"cannot read {shown(path)}: {error.strerror}.") from error
