"""Reading the ``.npz`` layout that Keras uses for its image data sets."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from numpy.lib.npyio import NpzFile

from impls.data.content import pointer_or_page
from impls.data.raw import RawData, held_out
from impls.errors import DatasetError
from impls.files import shown

KEYS = ("x_train", "y_train", "x_test", "y_test")

# What other publishers call them, in lower case: MedMNIST, emnist, and private files.
_LAYOUTS = (
    KEYS,
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("training_images", "training_labels", "test_images", "test_labels"),
    ("train_x", "train_y", "test_x", "test_y"),
    ("x_train", "t_train", "x_test", "t_test"),
    ("train_data", "train_labels", "test_data", "test_labels"),
)
# Without a test set.
_PAIRS = (("x", "y"), ("images", "labels"), ("data", "target"), ("data", "labels"))

# A zip archive begins with its first file or, where it is empty, with its directory.
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")

# Names that are listed in a message; a file may hold any number of arrays.
_LISTED = 8

# What NumPy and zipfile let through when the bytes they read are not what they should be.
DAMAGE = (
    EOFError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npz(path: Path) -> RawData:
    """Return the arrays ``x_train``, ``y_train``, ``x_test`` and ``y_test`` of the file ``path``.

    Other usual names, such as those of MedMNIST, are read as well; where there is one pair of
    arrays and no test set, every fifth example of each class is for testing.  Pickled content is
    never loaded, as unpickling runs code that the file brings.

    Raises:
        DatasetError: the file cannot be read, is damaged, lacks an array or holds objects.
    """
    try:
        # NumPy leaves a file open that it opened itself and then found to be damaged.
        with path.open("rb") as file:
            arrays, note = _read(file, shown(path))
    except OSError as error:
        raise DatasetError(
            f"cannot read {shown(path)}: {error.strerror}. Check the path and its permissions."
        ) from error
    images, labels, images_test, labels_test = arrays
    return RawData(path.stem, path.name, images, labels, images_test, labels_test, note)


def _read(file: BinaryIO, label: str) -> tuple[list[npt.NDArray[Any]], str]:
    """Return the four arrays, and which ones were read where that is a question."""
    beginning = file.read(64)
    if not beginning.startswith(ZIP_MAGICS):
        instead = pointer_or_page(beginning) or (
            "it does not begin like a zip archive. Write it with numpy.savez_compressed."
        )
        raise DatasetError(f"{label} is not an .npz file: {instead}")
    file.seek(0)
    try:
        with np.load(file, allow_pickle=False) as archive:
            keys = _keys(archive, label)
            arrays = [np.asarray(archive[key]) for key in keys]
            left = [key for key in archive.files if key not in keys]
    except DAMAGE as error:
        if "allow_pickle" in str(error):
            raise DatasetError(
                f"{label} holds Python objects; only arrays of numbers are read, because objects "
                "can run code. Store plain numeric arrays."
            ) from error
        raise DatasetError(
            f"{label} is damaged: {str(error) or type(error).__name__}. Fetch it again."
        ) from error
    note = ""
    if left or keys != KEYS:
        unused = f"; not used: {', '.join(map(repr, left[:_LISTED]))}" if left else ""
        note = f"Read: {', '.join(map(repr, keys))}{unused}."
    if len(arrays) == 2:
        arrays = _held_out(arrays[0], arrays[1], label)
        note += " Every fifth example of each class is for testing."
    return arrays, note


def _keys(archive: NpzFile, label: str) -> tuple[str, ...]:
    """Return the names of the four arrays, or of two where the file has no test set."""
    stored = {key.lower(): key for key in archive.files}
    if all(key in archive.files for key in KEYS):
        return KEYS
    if len(stored) == len(archive.files):
        for layout in (*_LAYOUTS, *_PAIRS):
            if all(key in stored for key in layout):
                return tuple(stored[key] for key in layout)
    missing = [key for key in KEYS if key not in archive.files]
    # Quoted, because a name in a file may hold control characters.
    stored_names = ", ".join(map(repr, archive.files[:_LISTED])) or "nothing"
    raise DatasetError(
        f"{label} has no {', '.join(missing)}; it holds {stored_names}. Store the arrays "
        f"{', '.join(KEYS)}."
    )


def _held_out(
    images: npt.NDArray[Any], labels: npt.NDArray[Any], label: str
) -> list[npt.NDArray[Any]]:
    """Return training and test examples of a file that holds them together."""
    if (
        min(images.ndim - 1, labels.ndim, images.size, labels.size) < 1
        or len(images) != len(labels)
        or labels.dtype.kind not in "biufUS"
    ):
        raise DatasetError(
            f"{label}: images have shape {images.shape}, labels {labels.shape} of {labels.dtype}; "
            "there must be one label for each example. Check how the file was written."
        )
    rows = labels.reshape(len(labels), -1)
    classes = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1)
    remedy = f"Store the arrays {', '.join(KEYS)}."
    test = held_out(classes, label, remedy)
    return [images[~test], labels[~test], images[test], labels[test]]
