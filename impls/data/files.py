"""Reading data from a path that the user named: a file, or a folder."""

from __future__ import annotations

from pathlib import Path

from bench.errors import DatasetError

from .csv import read_csv
from .idx import FILE_NAMES, has_idx, read_idx
from .npz import KEYS, read_npz
from .paths import shown
from .raw import RawData

MNIST_FILE = "mnist.npz"

ACCEPTED = (
    f"an .npz file with the arrays {', '.join(KEYS)}, a .csv file with a label and features in "
    f"each line, a folder with {MNIST_FILE}, or a folder "
    f"with the IDX files {', '.join(FILE_NAMES)} (each may end in .gz)"
)


def read_path(path: Path) -> RawData:
    """The data in the file or folder ``path``; it is named after it.

    Raises:
        DatasetError: nothing is there, or nothing of a kind that can be read.
    """
    try:
        if path.is_dir():
            return read_folder(path)
        exists = path.is_file()
    except OSError as error:
        raise DatasetError(f"cannot read {shown(path)}: {error.strerror}.") from error
    if not exists:
        raise DatasetError(f"there is no file or folder {shown(path)}. Accepted: {ACCEPTED}.")
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return read_csv(path, name=path.stem, source=path.name)
    if suffix != ".npz":
        ending = f"ends in {path.suffix}" if path.suffix else "has no suffix"
        raise DatasetError(
            f"{shown(path)} {ending}, so it is no file that can be read. Accepted: {ACCEPTED}."
        )
    return read_npz(path, name=path.stem, source=path.name)


def read_folder(folder: Path) -> RawData:
    """The data in ``folder``: its ``mnist.npz`` where there is one, else its IDX files.

    Raises:
        DatasetError: it holds neither, or what it holds cannot be read.
    """
    file = folder / MNIST_FILE
    if file.is_file():
        return read_npz(file, name=file.stem, source=file.name)
    if has_idx(folder):
        name = folder.resolve().name
        return read_idx(folder, name=name, source=f"IDX files in {name}")
    raise DatasetError(f"the folder {shown(folder)} holds no data set. Accepted: {ACCEPTED}.")
