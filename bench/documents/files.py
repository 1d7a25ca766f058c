"""Results documents on disk: encoded, decoded, brought up to date, written in one step."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from bench.documents.results import SCHEMA_VERSION, Results
from bench.documents.soundness import require_durations
from bench.errors import ResultsError, UsageError


def upgrade_1_to_2(document: dict[str, Any]) -> None:
    """All that version 2 added is optional."""
    document["schema_version"] = 2


def upgrade_2_to_3(document: dict[str, Any]) -> None:
    """All that version 3 added is optional."""
    document["schema_version"] = 3


def upgrade_3_to_4(document: dict[str, Any]) -> None:
    """Rounds of step and epoch became sweeps; all else that version 4 added is optional."""
    effort = document["plan"]["effort"]
    effort["sweeps"] = max(effort.pop("rounds"), effort.pop("epoch_rounds"))
    document["schema_version"] = 4


UPGRADES: dict[int, Callable[[dict[str, Any]], None]] = {
    1: upgrade_1_to_2,
    2: upgrade_2_to_3,
    3: upgrade_3_to_4,
}
"""What makes a document of each older version one of the next."""


_GZIP = b"\x1f\x8b"
"""How every file that gzip wrote begins."""


class _Versioned(msgspec.Struct):
    schema_version: int


def encode(results: Results) -> bytes:
    """The document as indented JSON; an unknown type raises instead of turning into text."""
    return msgspec.json.format(msgspec.json.encode(results), indent=1)


def decode(data: bytes, *, origin: str) -> Results:
    """Read a document; ``origin`` names it in messages.

    Raises:
        ResultsError: not JSON, not a results document, written by a newer version, or with a
            duration that cannot be.
    """
    try:
        version = msgspec.json.decode(data, type=_Versioned).schema_version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ResultsError(
            f"{origin} is not a results document: {error}. Give a results.json written by "
            "'mlpbench run' or a file written by 'pytest --benchmark-json'."
        ) from error
    if version > SCHEMA_VERSION:
        raise ResultsError(
            f"{origin} has schema version {version}; this mlpbench reads up to {SCHEMA_VERSION}. "
            "Update mlpbench to read it."
        )
    try:
        document = msgspec.json.decode(data)
        for old in range(version, SCHEMA_VERSION):
            UPGRADES[old](document)
        found = msgspec.convert(document, Results)
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        UsageError,
        KeyError,
    ) as error:
        raise ResultsError(f"{origin} is damaged: {error}. Run the measurement again.") from error
    require_durations(found.outcomes, origin=origin)
    return found


def load(path: Path) -> Results:
    """Read the document at ``path``.

    Raises:
        ResultsError: it cannot be read, or see :func:`decode`.
    """
    return decode(read_bytes(path), origin=str(path))


def save(results: Results, path: Path) -> None:
    """Write the document in one atomic step: a reader sees the old file or the new one.

    Raises:
        ResultsError: the folder cannot be written.
    """
    write_bytes(path, encode(results))


def read_bytes(path: Path) -> bytes:
    """The content of ``path``, unpacked where gzip has packed it.

    Raises:
        ResultsError: it cannot be read.
    """
    if path.is_dir():
        raise ResultsError(f"cannot read {path}: it is a folder. Name a file in it.")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror}. Check the path.") from error
    if not data.startswith(_GZIP):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise ResultsError(f"cannot unpack {path}: {error}. Pack the file again.") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` atomically.

    Raises:
        ResultsError: the folder cannot be written.
    """
    if path.is_dir():
        raise ResultsError(f"cannot write {path}: it is a folder. Name a file in it.")
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        # What cannot be written cannot always be removed: the first error is the one to report.
        with contextlib.suppress(OSError):
            partial.unlink()
        raise ResultsError(
            f"cannot write {path}: {error.strerror}. Choose a folder you may write to."
        ) from error
