"""The text of a table, unpacked and decoded, and its layout as the first lines show it."""

from __future__ import annotations

import codecs
import csv
import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from impls.data.content import pointer_or_page, read_content
from impls.errors import DatasetError
from impls.files import shown

BLANKS = "blanks"
"""Stands for a delimiter that is any run of blanks."""

_MISSING = {"", "?", "-", "na", "n/a", "nan", "nil", "none", "null", "#n/a"}
"""What stands for a missing number, in lower case."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_COMMA_NUMBER = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
_SEPARATOR = re.compile(r"sep=(.)", re.IGNORECASE)
_COMMENTS = ("#", "%")
# The first column may be called #.
_HASH_NAME = re.compile(r"[#%]\s*[,;\t|]")
_DELIMITERS = ("\t", ";", ",", "|", BLANKS)
_SAMPLE = 200


@dataclass(frozen=True)
class Layout:
    """How the fields of a table are written, and its first rows.

    ``start`` is where the first row begins in the text.  ``decimal`` is the decimal sign.
    ``comment`` holds the fields of the last comment line before the first row.
    """

    start: int
    delimiter: str
    decimal: str
    rows: tuple[tuple[str, ...], ...]
    comment: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def width(self) -> int:
        """Return how many fields most rows after the first have."""
        return _usual_width(self.rows[1:] or self.rows)


def read_text(path: Path) -> str:
    """Return the text in the file at ``path``, gzipped or not.

    Raises:
        DatasetError: it cannot be read, is damaged, or is not text in UTF-8 or marked UTF-16.
    """
    content = read_content(path)
    instead = pointer_or_page(content)
    if instead:
        raise DatasetError(f"{shown(path)} is no table: {instead}")
    # Excel's "Unicode text" is marked by its first bytes.
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{shown(path)} is no table: it is not text in UTF-8 ({error.reason} at byte "
            f"{error.start}). Save it as CSV in UTF-8."
        ) from error
    if "\0" in text:
        raise DatasetError(
            f"{shown(path)} is no table: it holds a zero byte, which text does not. Check that it "
            "is the right file."
        )
    return text


def layout_of(text: str, path: Path) -> Layout:
    """Return how the table in ``text`` is written.

    Raises:
        DatasetError: it has no rows, or its numbers can be read in two ways.
    """
    start, comments, separator = _leading_lines(text)
    filled = (line[1] for line in _LINE.finditer(text, start) if line[1].strip())
    lines = list(itertools.islice(filled, _SAMPLE))
    if not lines:
        raise DatasetError(
            f"{shown(path)} is no table: it has no lines. Give lines of fields separated by commas."
        )
    delimiter = separator or _delimiter(lines)
    rows = split(lines, delimiter)
    notes = []
    if comments:
        count = "1 comment line" if len(comments) == 1 else f"{len(comments)} comment lines"
        notes.append(f"{path.name} begins with {count}, which is no part of the data.")
    decimal = _decimal(rows, path)
    if decimal == ",":
        notes.append(f"The numbers of {path.name} are read with decimal commas.")
    last = split([comments[-1]], delimiter)[0] if comments else ()
    return Layout(start, delimiter, decimal, tuple(rows), last, tuple(notes))


def split(lines: Sequence[str], delimiter: str) -> list[tuple[str, ...]]:
    """Return the fields of each line, without the blanks around them."""
    sign = " " if delimiter == BLANKS else delimiter
    if delimiter == BLANKS:
        lines = [line.replace("\t", " ").strip() for line in lines]
    read = csv.reader(lines, delimiter=sign, skipinitialspace=True)
    try:
        return [tuple(field.strip() for field in row) for row in read]
    except csv.Error:
        # A field beyond csv's limit, or a lone carriage return in quotes: pandas explains it.
        return [tuple(field.strip() for field in line.split(sign)) for line in lines]


def is_number(field: str) -> bool:
    """Return whether ``field`` is a number with a decimal point or comma, and nothing else."""
    return bool(_NUMBER.fullmatch(field) or _COMMA_NUMBER.fullmatch(field))


def is_missing(field: str) -> bool:
    """Return whether ``field`` stands for a missing value."""
    return field.lower() in _MISSING


def _leading_lines(text: str) -> tuple[int, list[str], str]:
    """Return where the table begins, the comments before it, and the delimiter of a sep= line."""
    comments, separator = list[str](), ""
    for line in _LINE.finditer(text):
        content = line[1].strip()
        excel = _SEPARATOR.fullmatch(content)
        if excel and not separator:
            separator = excel[1]
        elif content.startswith(_COMMENTS) and not _HASH_NAME.match(content):
            comments.append(content.lstrip("#% "))
        elif content:
            return line.start(), comments, separator
    return len(text), comments, separator


def _delimiter(lines: Sequence[str]) -> str:
    """Return the one that leaves most numbers; of several the first of the list."""

    def numbers(delimiter: str) -> int:
        rows = split(lines, delimiter)
        width = _usual_width(rows[1:] or rows)
        even = [row for row in rows if len(row) == width]
        return sum(is_number(field) for row in even for field in row) if width > 1 else -1

    scores = {delimiter: numbers(delimiter) for delimiter in _DELIMITERS}
    best = max(_DELIMITERS, key=scores.__getitem__)
    return best if scores[best] > 0 else max(",;\t|", key=lines[0].count)


def _usual_width(rows: Sequence[Sequence[str]]) -> int:
    return Counter(map(len, rows)).most_common(1)[0][0]


def _decimal(rows: Sequence[Sequence[str]], path: Path) -> str:
    """Return the decimal sign: a comma where some numbers have one and none has a point."""
    fields = [field for row in rows for field in row]
    commas = [field for field in fields if _COMMA_NUMBER.fullmatch(field)]
    points = any("." in field and _NUMBER.fullmatch(field) for field in fields)
    if not commas or points:
        return "."
    if all(_THOUSANDS.fullmatch(field) for field in commas):
        raise DatasetError(
            f"{shown(path)} holds {commas[0]!r}, which may be {commas[0].replace(',', '.')} or "
            f"{commas[0].replace(',', '')}. Write numbers with decimal points and without "
            "separators of thousands."
        )
    return ","
