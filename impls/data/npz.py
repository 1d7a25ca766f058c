"""Reading the ``.npz`` layout that Keras uses for its image data sets."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib.npyio import NpzFile

from bench.errors import DatasetError

from .paths import shown
from .raw import RawData

KEYS = ("x_train", "y_train", "x_test", "y_test")

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


def read_npz(path: Path, *, name: str, source: str) -> RawData:
    """The arrays ``x_train``, ``y_train``, ``x_test`` and ``y_test`` of the file at ``path``.

    Pickled content is never loaded, as unpickling runs code that the file brings.

    Raises:
        DatasetError: the file cannot be read, is damaged, lacks an array or holds objects.
    """
    try:
        # NumPy leaves a file open that it opened itself and then found to be damaged.
        with path.open("rb") as file:
            return _read(file, shown(path), name, source)
    except OSError as error:
        raise DatasetError(
            f"cannot read {shown(path)}: {error.strerror}. Check the path and its permissions."
        ) from error


def _read(file: BinaryIO, label: str, name: str, source: str) -> RawData:
    if file.read(4) not in ZIP_MAGICS:
        raise DatasetError(
            f"{label} is not an .npz file: it does not begin like a zip archive. Write it with "
            "numpy.savez_compressed."
        )
    file.seek(0)
    try:
        with np.load(file, allow_pickle=False) as archive:
            _require_keys(archive, label)
            images, labels, images_test, labels_test = (np.asarray(archive[key]) for key in KEYS)
    except DAMAGE as error:
        if "allow_pickle" in str(error):
            raise DatasetError(
                f"{label} holds Python objects; only arrays of numbers are read, because objects "
                "can run code. Store plain numeric arrays."
            ) from error
        raise DatasetError(
            f"{label} is damaged: {str(error) or type(error).__name__}. Fetch it again."
        ) from error
    return RawData(name, source, images, labels, images_test, labels_test)


def _require_keys(archive: NpzFile, label: str) -> None:
    missing = [key for key in KEYS if key not in archive]
    if missing:
        # Quoted, because a name in a file may hold control characters.
        found = ", ".join(map(repr, archive.files[:_LISTED])) or "nothing"
        raise DatasetError(
            f"{label} has no {', '.join(missing)}; it holds {found}. Store the arrays "
            f"{', '.join(KEYS)}."
        )
