"""Reading folders of IDX files, the format in which MNIST was first published."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from bench.errors import DatasetError

from .paths import shown
from .raw import RawData

# Each row: how a file's name begins and ends, and how many dimensions its array has.
_PARTS = (
    ("train-images", "idx3-ubyte", 3),
    ("train-labels", "idx1-ubyte", 1),
    ("t10k-images", "idx3-ubyte", 3),
    ("t10k-labels", "idx1-ubyte", 1),
)
FILE_NAMES = tuple(f"{stem}-{ending}" for stem, ending, _ in _PARTS)

_UNSIGNED_BYTE = 0x08
_PIECE_BYTES = 1 << 20


def has_idx(folder: Path) -> bool:
    """Whether ``folder`` holds at least one of the four files, under any of their names."""
    return any(_find(folder, stem, ending) for stem, ending, _ in _PARTS)


def read_idx(folder: Path, *, name: str, source: str) -> RawData:
    """The four arrays of the IDX files in ``folder``, gzipped or not.

    Raises:
        DatasetError: one of the files is missing, damaged or of another kind.
    """
    arrays = []
    for (stem, ending, dimensions), usual in zip(_PARTS, FILE_NAMES, strict=True):
        path = _find(folder, stem, ending)
        if path is None:
            raise DatasetError(
                f"{shown(folder)} has no {usual} (nor {usual}.gz); all of "
                f"{', '.join(FILE_NAMES)} are needed. Add it."
            )
        arrays.append(_read_file(path, dimensions))
    images, labels, images_test, labels_test = arrays
    return RawData(name, source, images, labels, images_test, labels_test)


def _find(folder: Path, stem: str, ending: str) -> Path | None:
    for file_name in (f"{stem}-{ending}", f"{stem}.{ending}"):
        for path in (folder / file_name, folder / f"{file_name}.gz"):
            if path.is_file():
                return path
    return None


def _read_file(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as file:
                return _read_array(cast(BinaryIO, file), path, dimensions)
        with path.open("rb") as file:
            return _read_array(file, path, dimensions)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"{shown(path)} is damaged: {error}. Fetch it again.") from error
    except OSError as error:
        raise DatasetError(
            f"cannot read {shown(path)}: {error.strerror}. Check its permissions."
        ) from error


def _read_array(file: BinaryIO, path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    magic = file.read(4)
    expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if magic != expected:
        raise DatasetError(
            f"{shown(path)} begins with {magic.hex(' ') or 'nothing'}, but an IDX file of unsigned "
            f"bytes in {dimensions} dimension(s) begins with {expected.hex(' ')}. Check that the "
            "right file bears this name."
        )
    header = file.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise DatasetError(f"{shown(path)} is cut short in its header. Fetch it again.")
    shape = struct.unpack(f">{dimensions}I", header)
    size = math.prod(shape)
    content = _read_up_to(file, size + 1)
    if len(content) != size:
        found = "more" if len(content) > size else str(len(content))
        raise DatasetError(
            f"{shown(path)} announces {' x '.join(map(str, shape))} = {size} bytes but holds "
            f"{found}. Fetch it again."
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(shape)


def _read_up_to(file: BinaryIO, limit: int) -> bytearray:
    """At most ``limit`` bytes, in pieces: a header that lies costs no memory."""
    content = bytearray()
    while piece := file.read(min(_PIECE_BYTES, limit - len(content))):
        content += piece
    return content
