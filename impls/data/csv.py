"""Reading tables: one example per line, one column with its label."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from impls.data.idx import EMNIST, UPRIGHT
from impls.data.raw import CLASSES_LIMIT, RawData, held_out
from impls.data.tables import SPLIT_COLUMN, TextTable, read_table
from impls.errors import DatasetError
from impls.files import shown

from . import columns

TRAIN, TEST = "train", "test"

# How the names of files for training and for testing differ.
_PARTNERS = (
    ("train", "test"), ("Train", "Test"), ("TRAIN", "TEST"), ("training", "test"),
    (".tra", ".tes"), (".trn", ".tst"), (".data", ".test"),
)  # fmt: skip
_SMALLEST_PICTURE = 16
_BRIGHTEST = 255
_LISTED_CLASSES = 3


def read_csv(path: Path, *, name: str, label: str | None = None) -> RawData:
    """Return the examples in the file at ``path``, one per line, with numbers as features.

    ``label`` names the column with the label or gives its number; without it, the rules of
    :mod:`.columns` decide.  A label is a class number or text.  Columns that only number the
    examples are left out.  Test examples are those of a column ``split`` with ``train`` and
    ``test``; else those of a second file, such as ``..._test.csv`` beside
    ``..._train.csv``, that has the label; else every fifth example of each class.

    Raises:
        DatasetError: it cannot be read, is no table, lacks a value, has features that are no
            numbers, or has several columns that may hold the label.
    """
    table = columns.without_identifiers(columns.without_empty(read_table(path)), label)
    columns.require_values(table)
    place, reason = columns.label_column(table, label)
    different = table.frame[place].drop_duplicates()
    classes = ", ".join(map(str, different.head(_LISTED_CLASSES)))
    more = ", ..." if len(different) > _LISTED_CLASSES else ""
    label_note = f"The label of {path.name} is {table.title(place)}, {reason} ({classes}{more})."
    training = len(table.frame)
    other = None if table.places(SPLIT_COLUMN) else test_file(path)
    if other is not None:
        table = _joined(table, place, other)
    labels = _labels(table, place)
    split = [at for at in table.places(SPLIT_COLUMN) if at != place]
    if len(table.frame) > training:
        test = np.arange(len(labels)) >= training
    elif split:
        test = _is_test(table, split[0])
    else:
        remedy = f"Add examples, or a column {SPLIT_COLUMN!r} with {TRAIN!r} and {TEST!r}."
        test = held_out(labels, shown(path), remedy)
    notes = [label_note, *table.notes]
    if other is None and not split:
        notes.append(
            f"{path.name} does not say which examples are for testing: every fifth of each class "
            "is."
        )
    table = table.without(split)
    notes.append(columns.equivalence_note(table, place))
    table = table.without([place])
    if table.frame.shape[1] == 0:
        raise DatasetError(
            f"{shown(path)} has no feature: it holds only the label, {table.title(place)}, and "
            "columns that are no features. Add columns with numbers."
        )
    columns.require_numbers(table)
    whole = all(dtype.kind in "iu" for dtype in table.frame.dtypes)
    features = _as_pictures(table.frame.to_numpy(dtype=None if whole else np.float64))
    if EMNIST in path.name.lower() and features.ndim == 3:
        features = np.ascontiguousarray(features.transpose(0, 2, 1))
        notes.append(UPRIGHT)
    return RawData(
        name=name,
        source=path.name,
        images=features[~test],
        labels=labels[~test],
        images_test=features[test],
        labels_test=labels[test],
        note=" ".join(filter(None, notes)),
    )


def test_file(path: Path) -> Path | None:
    """Return the file of test examples beside one of training examples, where there is one."""
    for ours, theirs in _PARTNERS:
        stem, found, rest = path.name.rpartition(ours)
        other = path.with_name(stem + theirs + rest)
        if found and other.is_file():
            return other
    return None


def _joined(table: TextTable, place: int, other: Path) -> TextTable:
    """Return the rows of ``table``, then the test examples in the file ``other``.

    Only those of ``table``, with a note, where the others have no label.
    """
    import pandas as pd  # noqa: PLC0415 - only tables need it

    unused = (
        f"{other.name} is not used, because it has no labels in {table.title(place)}. Instead, "
        f"every fifth example of each class in {table.path.name} is for testing."
    )
    second = read_table(other)
    ours, theirs = ([name.lower() for name in part.names] for part in (table, second))
    wanted = {table.called(at): at for at in table.frame}
    if ours == theirs and table.width == second.width:
        chosen = {at: at for at in table.frame}
    else:
        places = {name: at for at, name in enumerate(theirs)}
        lacking = [at for name, at in wanted.items() if name not in places]
        if table.names and lacking == [place]:
            return table.without([], [unused])
        if lacking or not (table.names and second.names) or len(wanted) < table.frame.shape[1]:
            lacks = f" (it lacks {table.title(lacking[0])})" if table.names and lacking else ""
            raise DatasetError(
                f"{shown(table.path)} has {table.width} columns, {shown(other)} {second.width}, or "
                f"their names differ{lacks}. Give both the same, or move one of them elsewhere."
            )
        chosen = {places[name]: at for name, at in wanted.items()}
    frame: Any = second.frame[[*chosen]].rename(columns=chosen)
    if frame[place].isna().all():
        return table.without([], [unused])
    columns.require_values(dataclasses.replace(second, names=table.names, frame=frame))
    rows: Any = pd.concat([table.frame, frame], ignore_index=True)
    left = [] if ours == theirs else [name for name in theirs if name not in wanted]
    note = f"{other.name} has more columns, which are not used: {', '.join(left[:5])}."
    notes = (*table.notes, note) if left else table.notes
    return dataclasses.replace(table, frame=rows, notes=notes)


def _labels(table: TextTable, place: int) -> npt.NDArray[Any]:
    """Return the labels as they stand in the file: numbers, or text without blanks around it."""
    column = table.frame[place]
    labels: npt.NDArray[Any]
    if column.dtype.kind not in "iuf":
        labels = np.array([str(value).strip() for value in column], dtype=np.str_)
    else:
        labels = column.to_numpy()
        wrong = labels[labels != np.floor(labels)]
        if len(wrong):
            raise DatasetError(
                f"{shown(table.path)}: label {wrong[0]} in {table.title(place)} is no class: "
                f"classes are whole numbers or text. {columns.REMEDY}."
            )
    different = len(np.unique(labels))
    if different > CLASSES_LIMIT:
        raise DatasetError(
            f"{shown(table.path)}: {table.title(place)} has {different} different values, too many "
            f"for classes (at most {CLASSES_LIMIT}). {columns.REMEDY}."
        )
    return labels


def _is_test(table: TextTable, place: int) -> npt.NDArray[np.bool_]:
    """Return which rows are for testing, as the column at ``place`` says."""
    parts = table.frame[place].astype(str).str.strip().str.lower()
    unknown = set(parts.unique()) - {TRAIN, TEST}
    if unknown:
        raise DatasetError(
            f"{shown(table.path)}: {SPLIT_COLUMN} is {min(unknown)!r}; it must be {TRAIN!r} or "
            f"{TEST!r}."
        )
    is_test: npt.NDArray[np.bool_] = (parts == TEST).to_numpy()
    return is_test


def _as_pictures(features: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return pixels where whole numbers of a byte fill a square; other features stay a line."""
    side = math.isqrt(features.shape[1])
    bytes_only = features.dtype.kind in "iu" and 0 <= features.min() <= features.max() <= _BRIGHTEST
    if not bytes_only or features.max() <= 1:
        return features
    pixels = features.astype(np.uint8)
    square = side * side == features.shape[1] and features.shape[1] >= _SMALLEST_PICTURE
    return pixels.reshape(-1, side, side) if square else pixels
