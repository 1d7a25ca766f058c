"""Reading folders of IDX files, the format in which MNIST was first published."""

from __future__ import annotations

import math
import re
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from impls.data.content import pointer_or_page, read_content
from impls.data.raw import RawData
from impls.errors import DatasetError
from impls.files import shown

FILE_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

# Something before it, such as "emnist-letters-", and the ends that unpackers leave.
_NAME = re.compile(
    r"(?P<set>.*?)(?P<part>(train|t10k|test)-(images|labels))[-.]idx(?P<dimensions>[13])[-.]ubyte(\.gz)?",
    re.IGNORECASE,
)

_UNSIGNED_BYTE = 0x08

EMNIST = "emnist"
"""What the names of the files hold whose pictures are stored lying on their side."""

UPRIGHT = "EMNIST stores its pictures lying on their side: they have been turned upright."


def idx_folder(folder: Path) -> Path | None:
    """Return where below ``folder`` the IDX files are: there, in ``raw``, or in ``*/raw``.

    Raises:
        DatasetError: several folders below it hold some.
        OSError: it cannot be read.
    """
    for places in ([folder], [folder / "raw"], sorted(folder.glob("*/raw"))):
        holding = [place for place in places if place.is_dir() and _sets(place)]
        if len(holding) > 1:
            names = ", ".join(map(shown, holding))
            raise DatasetError(f"{shown(folder)} holds several data sets: {names}. Name one.")
        if holding:
            return holding[0]
    return None


def read_idx(folder: Path, *, name: str, which: str | None = None) -> RawData:
    """Return the four arrays of the IDX files in ``folder``, gzipped or not.

    ``which`` is what the names of the files begin with, where the folder holds several sets.

    Raises:
        DatasetError: one of the files is missing, damaged or of another kind, or there are
            several sets.
    """
    sets = _sets(folder)
    chosen = sorted(sets) if which is None else [which]
    if len(chosen) > 1:
        example = f"{chosen[0]}{FILE_NAMES[0]}"
        raise DatasetError(
            f"{shown(folder)} holds several data sets, whose names begin with "
            f"{', '.join(map(repr, chosen))}. Name a file of one, such as "
            f"{shown(folder / example)}."
        )
    beginning = chosen[0] if chosen else ""
    files = sets.get(beginning, {})
    arrays = []
    for usual in FILE_NAMES:
        if usual not in files:
            usual_name = beginning + usual
            raise DatasetError(
                f"{shown(folder)} has no {usual_name} (nor {usual_name}.gz); all of "
                f"{', '.join(beginning + name for name in FILE_NAMES)} are needed. Add it."
            )
        arrays.append(_read_file(files[usual], dimensions=3 if "images" in usual else 1))
    images, labels, images_test, labels_test = arrays
    note = ""
    if EMNIST in beginning.lower():
        # Contiguous, so that the hash and the features are those of upright pictures.
        images, images_test = (
            np.ascontiguousarray(part.transpose(0, 2, 1)) for part in (images, images_test)
        )
        note = UPRIGHT
    source = f"IDX files in {name}"
    return RawData(name, source, images, labels, images_test, labels_test, note)


def set_of(path: Path) -> str | None:
    """Return what the name of an IDX file begins with before the part that all sets have.

    None where the file is not called as IDX files are.
    """
    name = _NAME.fullmatch(path.name)
    return name["set"] if name else None


def _sets(folder: Path) -> dict[str, dict[str, Path]]:
    """Return the IDX files in ``folder`` by their usual names, for each beginning of their names.

    Where a file is there packed and unpacked, the unpacked one is taken.
    """
    sets: dict[str, dict[str, Path]] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.suffix == ".gz", path.name)):
        name = _NAME.fullmatch(path.name)
        if name and path.is_file():
            part = re.sub("^test", "t10k", name["part"].lower())
            usual = f"{part}-idx{name['dimensions']}-ubyte"
            sets.setdefault(name["set"], {}).setdefault(usual, path)
    return sets


def _read_file(path: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """Return the array of a file, unpacked as its bytes ask for and not as its name does."""
    content = read_content(path)
    expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if not content.startswith(expected):
        instead = pointer_or_page(content)
        if instead:
            raise DatasetError(f"{shown(path)} is no IDX file: {instead}")
        raise DatasetError(
            f"{shown(path)} begins with {content[:4].hex(' ') or 'nothing'}, but an IDX file of "
            f"unsigned bytes in {dimensions} dimension(s) begins with {expected.hex(' ')}. Check "
            "that this is the right file."
        )
    header = 4 * (1 + dimensions)
    if len(content) < header:
        raise DatasetError(f"{shown(path)} is cut short in its header. Fetch it again.")
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    size, held = math.prod(shape), len(content) - header
    if held != size:
        raise DatasetError(
            f"{shown(path)} announces {' x '.join(map(str, shape))} = {size} bytes but holds "
            f"{'more' if held > size else held}. Fetch it again."
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)
