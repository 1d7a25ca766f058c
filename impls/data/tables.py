"""Tables as data frames: with the names of their columns, where the first line holds names."""

from __future__ import annotations

import dataclasses
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from impls.data.text import BLANKS, Layout, is_missing, is_number, layout_of, read_text
from impls.errors import DatasetError
from impls.files import shown

Frame = Any  # pandas' own types are not known where it is not imported

LABEL_NAMES = (
    "label", "class", "target", "digit", "y", "species", "outcome", "variety", "diagnosis",
    "category", "labels", "classes",
)  # fmt: skip
"""Names of the label's column, the likeliest first."""

SPLIT_COLUMN = "split"

_KNOWN_NAMES = {*LABEL_NAMES, SPLIT_COLUMN, "id", "index"}
_COUNTED_NAMES = 5
"""From this many numbers 0, 1, 2, ... on, the first line holds names of columns."""


@dataclass(frozen=True, eq=False)
class TextTable:
    """The rows of a file.

    The columns of ``frame`` are called 0, 1, 2, ... as they stand in the file.  ``names`` are those
    of the first line, empty where that holds an example.  ``width`` is how many columns the
    file has, also where ``frame`` lacks some of them.  ``notes`` are for the reader of results.
    """

    path: Path
    names: tuple[str, ...]
    frame: Frame
    width: int
    notes: tuple[str, ...] = ()

    def title(self, place: int) -> str:
        """Return how messages call the column at ``place``."""
        if self.names and self.names[place]:
            return f"column {self.names[place]!r}"
        return f"column {place} (the first is 0)"

    def places(self, name: str) -> list[int]:
        """Return the columns of that name, blanks and case left aside."""
        return [place for place in self.frame if self.called(place) == name.strip().lower()]

    def called(self, place: int) -> str:
        """Return the name of the column at ``place`` in lower case; nothing where it has none."""
        return self.names[place].lower() if self.names else ""

    def without(self, places: Sequence[int], notes: Sequence[str] = ()) -> TextTable:
        """Return the table without the columns at ``places``, and with more notes."""
        return dataclasses.replace(
            self, frame=self.frame.drop(columns=list(places)), notes=(*self.notes, *notes)
        )


def read_table(path: Path) -> TextTable:
    """Return the table in the file at ``path``, gzipped or not.

    Fields are separated by commas, semicolons, tabs, bars or blanks.  Lines of comment before the
    first row, which begin with # or %, are left out.

    Raises:
        DatasetError: it cannot be read, is no table, or can be read in two ways.
    """
    text = read_text(path)
    layout = layout_of(text, path)
    names, has_header, notes = _names(text, layout, path)
    frame = _frame(text, layout, path, skipped=1 if has_header else 0)
    if frame.empty or frame.shape[1] < 2:
        raise DatasetError(
            f"{shown(path)} has {frame.shape[0]} lines of {frame.shape[1]} fields; at least one "
            "line with a label and a feature is needed, separated by a comma."
        )
    if names and len(names) != frame.shape[1]:
        raise DatasetError(
            f"{shown(path)} is no table: the first line has {len(names)} fields, the next "
            f"{frame.shape[1]}. Give all lines as many fields."
        )
    return TextTable(path, names, frame, frame.shape[1], (*layout.notes, *notes))


def _frame(text: str, layout: Layout, path: Path, *, skipped: int) -> Frame:
    import pandas as pd  # noqa: PLC0415 - only tables need it

    # Later releases read every number exactly, and no longer take the option.
    exact = tuple(map(int, pd.__version__.split(".")[:2])) >= (3, 1)
    options: dict[str, Any] = {} if exact else {"float_precision": "round_trip"}
    try:
        with warnings.catch_warnings():
            # Longer lines than the first are cut with no more than a warning.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                io.StringIO(text[layout.start :]),
                sep=r"\s+" if layout.delimiter == BLANKS else layout.delimiter,
                header=None,
                skiprows=skipped,
                index_col=False,
                skipinitialspace=True,
                # A class may be called NA or None; only an empty field has no value.
                keep_default_na=False,
                na_values=[""],
                decimal=layout.decimal,
                low_memory=False,
                **options,
            )
    except pd.errors.EmptyDataError:
        return pd.DataFrame(columns=range(layout.width))
    except (ValueError, OverflowError, pd.errors.ParserWarning) as error:
        # What pandas raises are kinds of ValueError.
        reason = " ".join(str(error).split())
        raise DatasetError(
            f"{shown(path)} is no table: {reason}. Give lines of fields separated by commas."
        ) from error


def _names(text: str, layout: Layout, path: Path) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    """Return the names of the columns, whether the first line holds them, and notes."""
    first, rest = layout.rows[0], layout.rows[1:]
    width = layout.width
    if len(first) > width and not any(first[width:]):
        first = first[:width]
    if len(first) > 2 and first[1] == str(width - 1) and not any(map(is_number, first[2:])):
        # scikit-learn's: how many examples and features there are, then the names of the classes.
        lines = sum(1 for line in text[layout.start :].splitlines() if line.strip())
        if first[0] == str(lines - 1):
            return (), True, (f"The first line of {path.name} counts, and is no example.",)
    if len(first) == width - 1 and not any(map(is_number, first)):
        # R writes no name above the names of rows.
        return ("", *first), True, ()
    if rest and len(first) != width:
        raise DatasetError(
            f"{shown(path)} is no table: the first line has {len(first)} fields, the others "
            f"{width}. Give it a name for each column, or remove it."
        )
    if _holds_names(first, rest, path):
        counted = all(map(is_number, first[1:]))
        note = f"The first line of {path.name}, which counts the columns, is taken for their names."
        return first, True, (note,) if counted and len(first) > 1 else ()
    if len(layout.comment) == width and not any(map(is_number, layout.comment)):
        return layout.comment, False, (f"The columns of {path.name} are named in a comment.",)
    return (), False, (f"{path.name} has no names of columns: its first line is an example.",)


def _holds_names(first: Sequence[str], rest: Sequence[Sequence[str]], path: Path) -> bool:
    """Return whether the ``first`` line holds names: fields unlike those of the ``rest``.

    Raises:
        DatasetError: they may be both; ``path`` is the file.
    """
    if not rest:
        return not all(map(is_number, first))
    columns = [[row[at] for row in rest if len(row) > at] for at in range(len(first))]
    known = [[field for field in column if not is_missing(field)] for column in columns]
    words = [at for at, field in enumerate(first) if not is_number(field) and not is_missing(field)]
    if any(known[at] and all(map(is_number, known[at])) for at in words):
        return True
    given = [field for field in first if field]
    if all(map(is_number, given)):
        # They may count the columns from 0; a few numbers may also be an example.
        counts = bool(given) and given == [str(number) for number in range(len(given))]
        if counts and first[0] and len(given) < _COUNTED_NAMES:
            raise _names_or_example(given, path)
        return counts
    if any(first[at] in known[at] for at in words):
        return False
    called = any(field.lower() in _KNOWN_NAMES for field in first)
    if called or _is_scale(first) or not any(map(is_number, first)):
        return True
    if any(2 * len({*known[at]}) <= len(known[at]) for at in words):
        raise _names_or_example(first, path)
    return False


def _is_scale(first: Sequence[str]) -> bool:
    """Return whether the numbers in a line are a scale, such as wavelengths, or count columns."""
    numbers = [float(field.replace(",", ".")) for field in first if is_number(field)]
    steps = np.diff(numbers)
    if len(numbers) == 2:
        return numbers in ([0, 1], [1, 2])
    return len(numbers) > 2 and bool(steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-6))


def _names_or_example(first: Sequence[str], path: Path) -> DatasetError:
    listed = ", ".join(first[:8]) + (", ..." if len(first) > 8 else "")
    return DatasetError(
        f"{shown(path)} begins with {listed}, which may be names of columns or an example. Write "
        "a line of names above it, such as 'a', 'b' and 'label', or take it away."
    )
