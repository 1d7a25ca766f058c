"""Data sets, as commands read them and say what must be known of them."""

from __future__ import annotations

from rich.console import Console

from bench.cli.output import note
from bench.cli.progress import waiting
from impls.data import TrainingData
from impls.data.loading import read_dataset
from impls.data.normalise import Normaliser
from impls.data.raw import RawData
from impls.data.training_data import from_raw
from impls.errors import UsageError


def read_raw(console: Console, source: str, label: str | None = None) -> RawData:
    """Return the data set called ``source``; print that it is read, and its note.

    ``label`` says which column of a table is the label.

    Raises:
        DatasetError: see :func:`impls.data.load_dataset`.
    """
    with waiting(console, "reading the data"):
        raw = read_dataset(source, progress=console.is_terminal, label=label)
    if raw.note:
        note(console, raw.note)
    return raw


def read_data(
    console: Console, source: str, normalisation: str | Normaliser, label: str | None = None
) -> TrainingData:
    """Return the same, normalised.

    Raises:
        DatasetError: see :func:`impls.data.load_dataset`.
    """
    return from_raw(read_raw(console, source, label), normalisation)


def require_class(digit: int | None, data: TrainingData) -> None:
    """Refuse a class that the data do not have.

    Raises:
        UsageError: see above.
    """
    if digit is not None and digit >= data.classes:
        raise UsageError(
            f"--digit {digit} is no class of {data.name}, which has {data.classes}: use 0 to "
            f"{data.classes - 1}"
        )
