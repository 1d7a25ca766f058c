"""Whether the first line of a table holds the names of its columns or an example."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from impls.data.text import is_missing, is_number
from impls.errors import DatasetError
from impls.files import shown

LABEL_NAMES = (
    "label", "class", "target", "digit", "y", "species", "outcome", "variety", "diagnosis",
    "category", "labels", "classes",
)  # fmt: skip
"""Names of the label's column, the likeliest first."""

SPLIT_COLUMN = "split"

_KNOWN_NAMES = {*LABEL_NAMES, SPLIT_COLUMN, "id", "index"}
_COUNTED_NAMES = 5
"""From this many numbers 0, 1, 2, ... on, the first line holds names of columns."""


def holds_names(first: Sequence[str], rest: Sequence[Sequence[str]], path: Path) -> bool:
    """Whether the fields of the ``first`` line are names: they are not like those of the ``rest``.

    Raises:
        DatasetError: they may be both; ``path`` says of which file.
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
        return _counts(given, path, is_index=first[0] == "")
    if any(first[at] in known[at] for at in words):
        return False
    called = any(field.lower() in _KNOWN_NAMES for field in first)
    if called or _is_scale(first) or not any(map(is_number, first)):
        return True
    if any(2 * len({*known[at]}) <= len(known[at]) for at in words):
        raise _undecided(first, path)
    return False


def _counts(given: Sequence[str], path: Path, *, is_index: bool) -> bool:
    """Return whether numbers count columns from 0; where they are few, nobody can know."""
    if not given or list(given) != [str(number) for number in range(len(given))]:
        return False
    if is_index or len(given) >= _COUNTED_NAMES:
        return True
    raise _undecided(given, path)


def _is_scale(first: Sequence[str]) -> bool:
    """Return whether the numbers in a line are a scale, such as wavelengths, or count columns."""
    numbers = [float(field.replace(",", ".")) for field in first if is_number(field)]
    steps = np.diff(numbers)
    if len(numbers) == 2:
        return numbers in ([0, 1], [1, 2])
    return len(numbers) > 2 and bool(steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-6))


def _undecided(first: Sequence[str], path: Path) -> DatasetError:
    listed = ", ".join(first[:8]) + (", ..." if len(first) > 8 else "")
    return DatasetError(
        f"{shown(path)} begins with {listed}, which may be names of columns or an example. Write "
        "a line of names above it, such as 'a', 'b' and 'label', or take it away."
    )
