"""Which columns of a table are features, and which one holds the label.

The label is the column that the user names.  Else it is, in this order:

1. the column whose name is one of :data:`.tables.LABEL_NAMES`, the likeliest name first, where its
   values can be classes;
2. the only column of text, or the last one where the last column is text;
3. the last or the first column, whichever holds whole numbers that count classes without a gap:
   from 0 or from 1, or -1 and 1, each of them at least twice, at most 100 of them;
4. the last column, where it holds other whole numbers of which there are few, and the first column
   does not.

Where the last and the first column both pass a rule, or neither does, the file is refused.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np

from impls.data.tables import LABEL_NAMES, SPLIT_COLUMN, TextTable
from impls.data.text import is_missing, is_number
from impls.errors import DatasetError
from impls.files import shown

Column = Any  # a pandas series
Kind = Literal["text", "counting", "whole", "other"]

REMEDY = "Say which column it is with --label NAME, --label NUMBER (the first is 0) or --label last"
LAST = "last"

_FEW = 100
_IDENTIFIES_FROM = 100
_ID_NAMES = {
    "id", "ids", "idx", "index", "no.", "nr", "rownames", "row.names", "rowid", "rownum", "uid",
    "uuid", "guid", "#", "sample code number", "filename",
}  # fmt: skip
# ImageId, PassengerID, row_id, "record id", but not grid or acid.
_ID_ENDING = re.compile(r".*([a-z]I[dD]|[ _.-]id)$|.*[ _.-]I[dD]$")
_ONE_HOT_FROM = 3
_SHORTEST_INDEX = 3
_SHORTEST_COUNT = 5


def without_empty(table: TextTable) -> TextTable:
    """Return the table without the columns that hold no value; it notes those that have a name.

    A comma at the end of each line makes one without a name.  One called as a label stays, so that
    it is refused.
    """
    empty = [
        place
        for place in table.frame
        if table.called(place) not in LABEL_NAMES and table.frame[place].isna().all()
    ]
    named = [table.title(place) for place in empty if table.called(place)]
    return table.without(empty, [f"Left out: {title}, which is empty." for title in named])


def without_identifiers(table: TextTable, label: str | None) -> TextTable:
    """Return the table without the columns that count or name the examples; it notes each.

    With examples in the order of their labels, a network would learn the label from them.  The
    column that the user names as the ``label`` is never among them.

    Raises:
        DatasetError: a column without a name, or one called as an identifier, holds values twice.
    """
    kept = None if label is None else _asked(table, label)
    reasons = {
        place: _why_identifier(table, place)
        for place in table.frame
        if place != kept and table.called(place) not in (*LABEL_NAMES, SPLIT_COLUMN)
    }
    dropped = [place for place, reason in reasons.items() if reason]
    notes = [f"Left out: {table.title(place)}, which {reasons[place]}." for place in dropped]
    return table.without(dropped, notes)


def _why_identifier(table: TextTable, place: int) -> str:
    """Return why the column at ``place`` is no feature; nothing where it may be one."""
    column = table.frame[place]
    name = table.names[place] if table.names else ""
    is_index = bool(table.names) and (not name or name.lower().startswith("unnamed:"))
    if _counts_rows(column, anywhere=is_index):
        return "counts the examples"
    is_id = name.lower() in _ID_NAMES or _ID_ENDING.fullmatch(name) is not None
    if is_index or is_id:
        is_discrete = _whole(column) is not None or _is_text(column)
        if column.is_unique and is_discrete:
            return "has another value for each example"
        if is_index or is_discrete:
            what = "has no name" if is_index else "has the name of an identifier"
            raise DatasetError(
                f"{shown(table.path)}: {table.title(place)} {what}, but holds values twice. Leave "
                "it out of the file, or give it the name of a feature."
            )
    is_first = not table.names and place == table.frame.columns[0]
    is_number = column.dtype.kind in "iu"
    if is_first and is_number and len(column) >= _IDENTIFIES_FROM and column.is_unique:
        return "has another whole number for each example"
    return ""


def _counts_rows(column: Column, *, anywhere: bool) -> bool:
    """Return whether the values are one more in each line; from 0 or 1, or from ``anywhere``."""
    values = _whole(column)
    if values is None or len(values) < (_SHORTEST_INDEX if anywhere else _SHORTEST_COUNT):
        return False
    starts = anywhere or values[0] in (0, 1)
    return bool(starts and (np.diff(values) == 1).all())


def label_column(table: TextTable, asked: str | None) -> tuple[int, str]:
    """Return the column of the label, and why it is that one.

    Raises:
        DatasetError: there is no such column as was ``asked`` for, or several may hold the label.
    """
    if asked is not None:
        return _asked(table, asked), "as --label says"
    named = _named(table)
    if named is not None:
        return named, "by its name"
    places = [place for place in table.frame if table.called(place) != SPLIT_COLUMN]
    if not places:
        raise DatasetError(f"{shown(table.path)} has no column for a label. Add one.")
    first, last = places[0], places[-1]
    texts = [place for place in places if _is_text(table.frame[place])]
    if not texts:
        return _numeric(table, first, last)
    able = [place for place in texts if _kind(table.frame[place]) == "text"]
    if able == texts and len(texts) == 1:
        return able[0], "the only one with text"
    if last in able:
        return last, "the last one, and text"
    example = str(table.frame[texts[0]].iloc[0])
    if _libsvm_hint(example):
        raise DatasetError(
            f"{shown(table.path)} holds {example!r}, which is no number{_libsvm_hint(example)}. "
            "Write all features of each example as columns."
        )
    raise _undecided(table, f"{_listed(table, texts)} hold text, but the last column does not")


def _numeric(table: TextTable, first: int, last: int) -> tuple[int, str]:
    """Return the last or the first column of a table of numbers."""
    block = _one_hot_width(table)
    if block:
        raise _undecided(
            table,
            f"one of the last {block} columns is 1 in each example and the others 0, as in one-hot "
            "labels. Write one column with the class numbers",
        )
    kinds = {place: _kind(table.frame[place]) for place in (first, last)}
    counting = [place for place, kind in kinds.items() if kind == "counting"]
    if len(counting) == 1:
        where = "the last one" if counting[0] == last else "the first one"
        return counting[0], f"{where}, and its whole numbers count classes"
    if counting:
        raise _undecided(table, "the first and the last column both hold class numbers")
    if kinds[last] == kinds[first] == "whole":
        raise _undecided(table, "the first and the last column both hold few whole numbers")
    if kinds[last] == "whole":
        few = len(np.unique(table.frame[last].to_numpy()))
        return last, f"the last one, and has {few} whole numbers"
    raise _undecided(table, "neither the last nor the first column holds class numbers or text")


def _undecided(table: TextTable, reason: str) -> DatasetError:
    return DatasetError(
        f"{shown(table.path)} does not say which column is the label: {reason}. {REMEDY}."
    )


def _asked(table: TextTable, asked: str) -> int:
    """Return the column that ``asked`` names; a name comes before a number."""
    exact = [p for p in table.frame if table.names and table.names[p] == asked.strip()]
    matches = exact or (table.places(asked) if asked.strip() and table.names else [])
    if len(matches) > 1:
        raise DatasetError(
            f"{shown(table.path)} has {len(matches)} columns called {asked!r}. Give the number of "
            f"one of them, such as --label {matches[0]} (the first is 0)."
        )
    if matches:
        return matches[0]
    places = list(table.frame)
    if asked.strip().lower() == LAST:
        return int(places[-1])
    if asked.strip().isdecimal() and int(asked) in places:
        return int(asked)
    names = ", ".join(map(repr, table.names[:8])) + (", ..." if len(table.names) > 8 else "")
    has = f"called {names}" if table.names else f"0 to {len(places) - 1}, without names"
    raise DatasetError(
        f"{shown(table.path)} has no column {asked!r}; its columns are {has}. {REMEDY}."
    )


def _named(table: TextTable) -> int | None:
    """Return the column that is called as a label is; ``y`` beside ``x`` may be a coordinate."""
    for name in LABEL_NAMES:
        called = table.places(name)
        if len(called) > 1:
            titles = " and ".join(repr(table.names[place]) for place in called)
            raise DatasetError(
                f"{shown(table.path)} has the columns {titles}, each of which may hold the label: "
                "give one of them another name."
            )
        if not called:
            continue
        column = table.frame[called[0]]
        is_coordinate = name == "y" and table.places("x")
        if not is_coordinate or _is_text(column) or _whole(column) is not None:
            return called[0]
    return None


def _kind(column: Column) -> Kind:
    """Return what kind of classes the values may be."""
    different = column.nunique()
    if _is_text(column):
        return "text" if 2 <= different < len(column) else "other"
    values = _whole(column)
    if values is None or not 2 <= different <= _FEW:
        return "other"
    classes, counts = np.unique(values, return_counts=True)
    if counts.min() < 2:
        return "whole" if 2 * different <= len(values) else "other"
    counting = np.array_equal(classes, [-1, 1]) or (
        classes[0] in (0, 1) and classes[-1] - classes[0] + 1 == len(classes)
    )
    return "counting" if counting else "whole"


def _is_text(column: Column) -> bool:
    """Return whether it holds text; numbers with some faults between them are not text."""
    if column.dtype.kind in "iufb":
        return False
    values = column.dropna().astype(str)
    known = values[~values.map(is_missing)]
    numbers = sum(map(is_number, known))
    return 2 * numbers < len(known) or not len(known)


def _whole(column: Column) -> np.ndarray[Any, Any] | None:
    """Return the values as whole numbers, truth as 0 and 1; None where some are not."""
    if column.dtype.kind in "iu":
        return np.asarray(column.to_numpy())
    if column.dtype.kind == "b":
        return np.asarray(column.to_numpy(), dtype=np.int64)
    if column.dtype.kind != "f":
        return None
    values: np.ndarray[Any, Any] = column.to_numpy()
    if not np.isfinite(values).all() or (values != np.floor(values)).any():
        return None
    return values if np.abs(values).max(initial=0) >= 2**53 else values.astype(np.int64)


def _one_hot_width(table: TextTable) -> int:
    """Return how many columns at the end hold one 1 in each example; 0 where none do."""
    total = np.zeros(len(table.frame))
    for width, place in enumerate(reversed(list(table.frame)), start=1):
        column = table.frame[place]
        if column.dtype.kind not in "iufb" or column.nunique() != 2 or width > _FEW:
            return 0
        values = column.to_numpy()
        if not np.isin(values, (0, 1)).all():
            return 0
        total += values
        if total.max() > 1:
            return 0
        if width >= _ONE_HOT_FROM and total.min() == 1:
            return width
    return 0


def equivalence_note(table: TextTable, label: int) -> str:
    """Return which features have one value for each class and another for every other class."""
    classes = table.frame[label].nunique()
    places = [
        place
        for place in table.frame
        if place != label
        and table.frame[place].nunique() == classes
        and len(table.frame[[place, label]].drop_duplicates()) == classes
    ]
    if not places:
        return ""
    return (
        f"Each class has a different value in {_listed(table, places)}: leave it out of the file "
        "if it is another form of the label."
    )


def _listed(table: TextTable, places: list[int]) -> str:
    """Return the columns at ``places`` as messages call them, not all of many."""
    titles: list[str] = [table.title(place) for place in places[:5]]
    return ", ".join(titles) + (f" and {len(places) - 5} more" if len(places) > 5 else "")


def require_values(table: TextTable) -> None:
    """Refuse empty fields.

    Raises:
        DatasetError: see above.
    """
    missing = table.frame.isna().to_numpy()
    if missing.any():
        row, at = np.argwhere(missing)[0]
        raise _no_value(table, int(row), int(table.frame.columns[at]), "")


def require_numbers(table: TextTable) -> None:
    """Refuse features that are not numbers.

    Raises:
        DatasetError: see above.
    """
    broken = [place for place in table.frame if table.frame[place].dtype.kind not in "iufb"]
    for place in broken:
        fields = table.frame[place].astype(str).tolist()
        wrong = [row for row, field in enumerate(fields) if not is_number(field)]
        if wrong and 2 * len(wrong) < len(fields) and is_missing(fields[wrong[0]]):
            raise _no_value(table, wrong[0], place, f" but {fields[wrong[0]]!r}")
    if broken:
        column = table.frame[broken[0]].astype(str)
        wrong_field = next((field for field in column if not is_number(field)), column.iloc[0])
        verb = "holds" if len(broken) == 1 else "hold text, such as"
        raise DatasetError(
            f"{shown(table.path)}: {_listed(table, broken)} {verb} {wrong_field!r}, which is no "
            f"number{_libsvm_hint(wrong_field)}. Leave such columns out, or write them as numbers."
        )


def _libsvm_hint(field: str) -> str:
    """Return what reads a field in the sparse format of LIBSVM; nothing of any other field."""
    if re.fullmatch(r"\d+:[-+.\deE]+", field) is None:
        return ""
    return " but a pair of the LIBSVM format, which sklearn.datasets.load_svmlight_file reads"


def _no_value(table: TextTable, row: int, place: int, written: str) -> DatasetError:
    return DatasetError(
        f"{shown(table.path)} has no value{written} in example {row + 1}, {table.title(place)}: "
        "fill it, or leave the example out."
    )
