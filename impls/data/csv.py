"""Reading tables: one example per line, one column with its label."""

from __future__ import annotations

import csv
import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import DatasetError

from .paths import shown
from .raw import RawData

LABEL_COLUMNS = ("label", "class", "target", "digit", "y")
"""Names of the label's column, the likeliest first; without one of them it is the first column."""

SPLIT_COLUMN = "split"
TRAIN, TEST = "train", "test"

_DELIMITERS = ",;\t"
_TEST_EVERY = 5
_SMALLEST_PICTURE = 16
_BRIGHTEST = 255


def read_csv(path: Path, *, name: str, source: str) -> RawData:
    """The examples in the file at ``path``, one per line, fields separated by , ; or tabs.

    The label stands in the column called as the first name of :data:`LABEL_COLUMNS` that the header
    has, or in the first column; it is a class number, or text, which is numbered in alphabetical
    order.  All other columns are features.  Which examples are for testing is said by a column
    ``split`` with ``train`` and ``test``; else by a second file, called ``..._test.csv`` beside
    ``..._train.csv``; else every fifth example of each class is.

    Raises:
        DatasetError: it cannot be read, is no table, lacks a value, has features that are no
            numbers, or has several columns that may hold the label.
    """
    table = _read(path)
    training, other = len(table), _test_file(path)
    if SPLIT_COLUMN not in table and other is not None:
        table = _joined(table, _read(other), path, other)
    labels, names = _labels(table.pop(_label_column(table, path)), path)
    if len(table) > training:
        test, note = np.arange(len(table)) >= training, ""
    else:
        test, note = _split(table, labels, path)
    features = _as_pictures(_features(table, path))
    return RawData(
        name=name,
        source=source,
        images=features[~test],
        labels=labels[~test],
        images_test=features[test],
        labels_test=labels[test],
        note=note,
        class_names=names,
    )


def _read(path: Path) -> Any:
    """The table of a file as a data frame."""
    import pandas as pd  # noqa: PLC0415 - only tables need it

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = max(_DELIMITERS, key=first.count)
            fields = next(csv.reader([first], delimiter=delimiter), [])
            file.seek(0)
            with warnings.catch_warnings():
                # Longer lines than the first are cut with no more than a warning.
                warnings.simplefilter("error", pd.errors.ParserWarning)
                table = pd.read_csv(
                    file,
                    sep=delimiter,
                    header=None if all(map(_is_number, fields)) else 0,
                    index_col=False,
                    skipinitialspace=True,
                )
    except OSError as error:
        raise DatasetError(
            f"cannot read {shown(path)}: {error.strerror}. Check the path and its permissions."
        ) from error
    except (ValueError, csv.Error, pd.errors.ParserWarning) as error:
        # What pandas and the decoder raise are kinds of ValueError.
        raise DatasetError(
            f"{shown(path)} is no table: {error}. Give lines of fields separated by commas."
        ) from error
    if table.empty or table.shape[1] < 2:
        raise DatasetError(
            f"{shown(path)} has {table.shape[0]} lines of {table.shape[1]} fields; at least one "
            "line with a label and a feature is needed, separated by a comma."
        )
    missing = np.argwhere(table.isna().to_numpy())
    if len(missing):
        line, column = missing[0]
        raise DatasetError(
            f"{shown(path)} has no value in example {line + 1}, column {table.columns[column]!r}: "
            "fill it, or leave the example out."
        )
    return table


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _test_file(path: Path) -> Path | None:
    """The file of test examples beside one of training examples, where there is one."""
    stem, found, rest = path.stem.rpartition(TRAIN)
    other = path.with_name(stem + TEST + rest + path.suffix)
    return other if found and other.is_file() else None


def _joined(table: Any, second: Any, path: Path, other: Path) -> Any:
    """The lines of both tables, those of ``other`` last."""
    import pandas as pd  # noqa: PLC0415 - see _read

    if list(table.columns) != list(second.columns):
        raise DatasetError(
            f"{shown(path)} has {table.shape[1]} columns, {shown(other)} {second.shape[1]}, or "
            "their names differ: give both the same."
        )
    return pd.concat([table, second], ignore_index=True)


def _label_column(table: Any, path: Path) -> Any:
    """The name of the column that holds the label."""
    for name in LABEL_COLUMNS:
        called = [column for column in table if str(column).lower() == name]
        # pandas gives a name that stands twice this number.
        called += [f"{column}.1" for column in called if f"{column}.1" in table]
        if len(called) > 1:
            raise DatasetError(
                f"{shown(path)} has the columns {' and '.join(map(repr, called))}, each of which "
                "may hold the label: give one of them another name."
            )
        if called:
            return called[0]
    return next(column for column in table if column != SPLIT_COLUMN)


def _labels(column: Any, path: Path) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Class numbers, and the names of the classes where they were given as text."""
    if column.dtype.kind in "iu":
        return column.to_numpy(), ()
    if column.dtype.kind == "f":
        values = column.to_numpy()
        wrong = values[values != np.floor(values)]
        if len(wrong):
            raise DatasetError(
                f"{shown(path)}: label {wrong[0]} is no class. Labels stand in the first column, "
                f"or in one called {', '.join(LABEL_COLUMNS)}; they are 0, 1, 2 and so on, or text."
            )
        return values.astype(np.int64), ()
    names, numbers = np.unique(column.astype(str).to_numpy(dtype=object), return_inverse=True)
    return numbers, tuple(map(str, names))


def _split(table: Any, labels: npt.NDArray[Any], path: Path) -> tuple[npt.NDArray[np.bool_], str]:
    """Which examples are for testing, and what a reader must know of it."""
    if SPLIT_COLUMN in table:
        parts = table.pop(SPLIT_COLUMN)
        unknown = set(parts.unique()) - {TRAIN, TEST}
        if unknown:
            raise DatasetError(
                f"{shown(path)}: {SPLIT_COLUMN} is {min(map(str, unknown))!r}; it must be "
                f"{TRAIN!r} or {TEST!r}."
            )
        return (parts == TEST).to_numpy(), ""
    test = np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        test[np.flatnonzero(labels == label)[_TEST_EVERY - 1 :: _TEST_EVERY]] = True
    if not test.any():
        raise DatasetError(
            f"{shown(path)} has fewer than {_TEST_EVERY} examples of every class, too few to keep "
            f"one in {_TEST_EVERY} for testing. Add examples, or a column {SPLIT_COLUMN!r} with "
            f"{TRAIN!r} and {TEST!r}."
        )
    return test, (
        f"{path.name} does not say which examples are for testing: every fifth of each class is."
    )


def _features(table: Any, path: Path) -> npt.NDArray[Any]:
    for column in table:
        if table[column].dtype.kind not in "iufb":
            raise DatasetError(
                f"{shown(path)}: column {column!r} holds {table[column].iloc[0]!r}, which is no "
                "number. Leave the column out, or write it as numbers."
            )
    whole = all(table[column].dtype.kind in "iu" for column in table)
    values: npt.NDArray[Any] = table.to_numpy(dtype=None if whole else np.float64)
    return values


def _as_pictures(features: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Whole numbers of a byte that fill a square are pixels; other features stay a line."""
    side = math.isqrt(features.shape[1])
    bytes_only = features.dtype.kind in "iu" and 0 <= features.min() <= features.max() <= _BRIGHTEST
    if not bytes_only or features.max() <= 1:
        return features
    pixels = features.astype(np.uint8)
    square = side * side == features.shape[1] and features.shape[1] >= _SMALLEST_PICTURE
    return pixels.reshape(-1, side, side) if square else pixels
