"""The last runs in a results folder, for ``mlpbench compare --last``."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click
import msgspec

from bench.documents.files import read_bytes
from impls.errors import ResultsError, UsageError

RESULTS = Path("results")
"""Where ``mlpbench run`` writes to when it is not told where."""
DOCUMENT = "results.json"
FEWEST = 2


class _Created(msgspec.Struct):
    created_at: str


class Last(click.ParamType["int | Path"]):
    """How many runs, at least two; anything else is the folder that they are in."""

    name = "n"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | Path:
        """Return a number, or the path that stands in its place."""
        text = str(value)
        if not text.removeprefix("-").isdecimal():
            return Path(text)
        if int(text) < FEWEST:
            self.fail(f"{text} runs cannot be compared: use 2 or more", param, ctx)
        return int(text)


def choose(last: int | Path, sources: tuple[Path, ...]) -> tuple[Path, ...]:
    """Return the documents that ``--last`` means, oldest first; ``sources`` may name the folder.

    Raises:
        UsageError: there is more than one folder, or it does not hold as many runs.
        ResultsError: a results.json in it cannot be read.
    """
    folders = (last, *sources) if isinstance(last, Path) else sources
    if len(folders) > 1:
        named = ", ".join(map(str, folders))
        raise UsageError(f"--last looks into one folder of results, not into {named}: name one")
    folder = folders[0] if folders else RESULTS
    count = FEWEST if isinstance(last, Path) else last
    found = in_order(folder)
    if len(found) < count:
        raise UsageError(
            f"--last {count} needs {count} runs, but {folder} holds {len(found)} "
            f"({folder}/*/{DOCUMENT}): measure again, or name the folder of results"
        )
    return tuple(found[-count:])


def in_order(folder: Path) -> list[Path]:
    """The results documents of the runs in ``folder``, in the order in which they were begun.

    Raises:
        UsageError: it is no folder.
        ResultsError: a document in it cannot be read.
    """
    if not folder.is_dir():
        raise UsageError(f"--last: {folder} is no folder: name the folder that holds the runs")
    dated = [(_created(path), path) for path in folder.glob(f"*/{DOCUMENT}")]
    return [path for _, path in sorted(dated)]


def _created(path: Path) -> dt.datetime:
    """When the run began that wrote the document at ``path``."""
    try:
        text = msgspec.json.decode(read_bytes(path), type=_Created).created_at
        found = dt.datetime.fromisoformat(text)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise ResultsError(
            f"{path} is no results document: {error}. Move it out of this folder, or name the "
            "documents to compare."
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)
