"""What ``--impl`` and ``--dataset`` stand for: rows of the registry, and data."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from rich.console import Console

from bench.cli.output import note
from bench.cli.progress import waiting
from bench.planning import revisions
from bench.planning.plan import require_distinct
from impls import environment, registry
from impls.data import TrainingData
from impls.data.loading import read_dataset
from impls.data.normalise import Normaliser
from impls.data.raw import RawData
from impls.data.training_data import from_raw
from impls.errors import ImplementationError, UnknownNameError, UsageError
from impls.row import Row

ALL = "all"
"""Every row of the registry, those that are measured by name only included."""


def choose_implementations(names: Sequence[str], device: str | None) -> tuple[Row, ...]:
    """Return the implementations to measure: those asked for, else the registry's on ``device``.

    Those that are measured by name only are left out of the latter.  One that was named in full
    must be importable; of the others, those that are not become outcomes with reasons.

    Raises:
        UnknownNameError: a name is neither in the registry nor a file, or a pattern matches none.
        ImplementationError: a named implementation's package is missing, or its file is.
        UsageError: something is given twice, or nothing is left for the device.
    """
    if not names:
        return tuple(
            row
            for row in registry.known().values()
            if device in (None, row.device) and not row.by_name_only
        )
    named = _named(names)
    rows: dict[str, Row] = {}
    for name in names:
        matched = [named[name]] if name in named else _matching(name, device)
        rows |= {row.name: row for row in matched}
    for name, row in named.items():
        reason = registry.missing(row)
        if reason is not None:
            raise ImplementationError(f"--impl {name}: {reason}")
        if device not in (None, row.device):
            raise UsageError(f"--impl {name} runs on {row.device}, but --device is {device}")
    return tuple(rows.values())


def choose_trainers(console: Console, names: Sequence[str]) -> tuple[tuple[Row, ...], set[str]]:
    """Return the implementations to train with, and which of them were named in full.

    What a pattern matches and cannot be run here is left out, with a note.

    Raises:
        UnknownNameError, ImplementationError: see :func:`choose_implementations`.
        UsageError: something is given twice, a named one trains nothing, two of them want
            different environments, or none is left.
    """
    named = named_in_full(names)
    able = []
    for row in choose_implementations(names, None):
        if row.name in named:
            _require_trainer(row)
            able.append(row)
            continue
        reason = registry.absent(row)
        if row.is_floor:
            reason = f"it trains nothing: {row.summary}"
        if reason is None:
            able.append(row)
        else:
            note(console, f"{row.name} is left out: {reason}")
    if not able:
        raise UsageError(
            f"--impl {','.join(names)} includes no implementation that can train here: name another"
        )
    environment.require_agreement([row for row in able if row.name in named])
    return tuple(able), named


def choose_trainer(name: str) -> Row:
    """Return the one implementation that ``name``, which may be a pattern, stands for.

    Raises:
        UnknownNameError, ImplementationError: see :func:`choose_implementations`.
        UsageError: it stands for several, or for one that trains nothing.
    """
    row, *others = choose_implementations((name,), None)
    if others:
        several = ", ".join(other.name for other in (row, *others))
        raise UsageError(f"--impl {name} matches {several}: name one")
    _require_trainer(row)
    return row


def named_in_full(names: Sequence[str]) -> set[str]:
    """Return the names of the rows that were not merely matched by a pattern."""
    return {row.name for row in _named(names).values()}


def _require_trainer(row: Row) -> None:
    if row.is_floor:
        raise UsageError(f"--impl {row.name} trains nothing: {row.summary}")


def _named(names: Sequence[str]) -> dict[str, Row]:
    """Return those of ``names`` that stand for one row each, in full.

    Raises:
        UsageError: something is given twice.
    """
    # The path of a file never is a pattern.
    patterns = [
        name
        for name in names
        if name == ALL or (".py:" not in name and any(mark in name for mark in "*?["))
    ]
    require_distinct("--impl", patterns)
    in_full = [name for name in names if name not in patterns]
    rows = [revisions.find(name) for name in in_full]
    # By the row's name: two files of one name would share their cells in the report.
    require_distinct("--impl", [row.name for row in rows])
    return dict(zip(in_full, rows, strict=True))


def _matching(pattern: str, device: str | None) -> list[Row]:
    """Return the rows of the registry that match, on ``device``.

    Raises:
        UnknownNameError: none matches.
        UsageError: none of them is on the device.
    """
    known = registry.known()
    matching = [row for row in known.values() if pattern == ALL or fnmatchcase(row.name, pattern)]
    if not matching:
        hint = "Give a pattern that one of these matches, such as 'numpy-*'."
        raise UnknownNameError("implementation", pattern, known, hint=hint)
    on_device = [row for row in matching if device in (None, row.device)]
    if not on_device:
        names = ", ".join(row.name for row in matching)
        raise UsageError(f"--impl {pattern} matches {names}: none runs on --device {device}")
    return on_device


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
