"""Reading data from a path that the user named: a file, or a folder."""

from __future__ import annotations

from pathlib import Path

from impls.data.csv import read_csv, test_file
from impls.data.idx import FILE_NAMES, idx_folder, read_idx, set_of
from impls.data.npz import KEYS, read_npz
from impls.data.raw import RawData
from impls.errors import DatasetError
from impls.files import shown

MNIST_FILE = "mnist.npz"

TABLES = (".csv", ".tsv", ".tab", ".data", ".txt", ".dat", ".tra", ".trn", ".train")
"""How the names of tables end; each may end in .gz as well."""

ARCHIVES = (".zip", ".tar", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")

ACCEPTED = (
    f"an .npz file with the arrays {', '.join(KEYS)}; a table ({', '.join(TABLES)}) with a label "
    f"and features in each line; a folder with {MNIST_FILE}, with train.csv and test.csv, or with "
    f"the IDX files {', '.join(FILE_NAMES)}, or one of these (each may end in .gz)"
)


def read_path(path: Path, label: str | None = None) -> RawData:
    """Return the data in the file or folder ``path``; it is named after it.

    ``label`` says which column of a table holds the label.

    Raises:
        DatasetError: nothing is there, nothing of a kind that can be read, or ``label`` is given
            for what is no table.
    """
    try:
        if path.is_dir():
            return read_folder(path, label)
        exists = path.is_file()
    except OSError as error:
        raise DatasetError(f"cannot read {shown(path)}: {error.strerror}.") from error
    if not exists:
        raise DatasetError(f"there is no file or folder {shown(path)}. Accepted: {ACCEPTED}.")
    if is_table(path):
        return read_csv(path, name=_unpacked(path).stem, label=label)
    require_table(label, shown(path))
    which = set_of(path)
    if which is not None:
        name = which.strip("-_. ") or path.resolve().parent.name
        return read_idx(path.parent, name=name, which=which)
    if path.suffix.lower() == ".npz":
        return read_npz(path)
    if path.suffix.lower() in ARCHIVES:
        raise DatasetError(
            f"{shown(path)} is an archive. Unpack it, and give a file or folder in it."
        )
    problem = (
        f"ends in {path.suffix}, which is not a supported format"
        if path.suffix
        else "has no suffix, so its format is unknown"
    )
    raise DatasetError(f"{shown(path)} {problem}. Accepted: {ACCEPTED}.")


def read_folder(folder: Path, label: str | None = None) -> RawData:
    """Return the data in ``folder``: of its ``mnist.npz``, else of its IDX files or tables.

    Raises:
        DatasetError: it holds none of these, or what it holds cannot be read.
    """
    file = folder / MNIST_FILE
    if file.is_file():
        require_table(label, shown(file))
        return read_npz(file)
    try:
        idx = idx_folder(folder)
        tables = sorted(file for file in folder.iterdir() if is_table(file) and file.is_file())
    except OSError as error:
        raise DatasetError(f"cannot read {shown(folder)}: {error.strerror}.") from error
    if idx is not None:
        require_table(label, shown(idx))
        named = idx.resolve()
        return read_idx(idx, name=named.parent.name if named.name == "raw" else named.name)
    training = [table for table in tables if test_file(table)] or tables
    if len(training) == 1:
        return read_csv(training[0], name=folder.resolve().name, label=label)
    if training:
        names = ", ".join(table.name for table in training[:8])
        raise DatasetError(
            f"the folder {shown(folder)} holds several tables: {names}. Name the one with the "
            "training examples."
        )
    raise DatasetError(f"the folder {shown(folder)} holds no data set. Accepted: {ACCEPTED}.")


def is_table(path: Path) -> bool:
    """Return whether a file is called as tables are."""
    return _unpacked(path).suffix.lower() in TABLES


def require_table(label: str | None, what: str) -> None:
    """Refuse a column for the label where there are no columns.

    Raises:
        DatasetError: see above.
    """
    if label is not None:
        raise DatasetError(
            f"--label {label} is for tables, and {what} is not a table: its labels are stored "
            "apart. Leave the option out."
        )


def _unpacked(path: Path) -> Path:
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path
