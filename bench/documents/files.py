"""Results documents on disk: encoded, checked, brought up to date, written in one step.

A document and every line of a journal carry a checksum in their field ``sha256``.
"""

from __future__ import annotations

import codecs
import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bench.documents.results import SCHEMA_VERSION, Results
from bench.documents.soundness import require_sound
from impls.errors import ResultsError, UsageError
from impls.files import open_plain, require_plain, write_whole


def upgrade_3_to_4(document: dict[str, Any]) -> None:
    """Rounds of step and epoch became sweeps; all else that version 4 added is optional."""
    effort = document["plan"]["effort"]
    effort["sweeps"] = max(effort.pop("rounds"), effort.pop("epoch_rounds"))


def upgrade_4_to_5(document: dict[str, Any]) -> None:
    """Rename the role ``limit``, which is ``floor`` since then."""
    for row in document.get("rows", ()):
        if row.get("role") == "limit":
            row["role"] = "floor"


UPGRADES: dict[int, Callable[[dict[str, Any]], None]] = {3: upgrade_3_to_4, 4: upgrade_4_to_5}
"""What makes a document of a version one of the next; 2 and 3 only added optional fields."""

_GZIP = b"\x1f\x8b"
"""How every file that gzip wrote begins."""
_DATA = (_GZIP, b"{", b"[", b"PK", b"\x93NUMPY", b"\x89HDF")
"""How results, models and data sets begin: JSON, gzip, ``.npz`` and ``.keras``, NumPy, HDF5."""


Sealable = TypeVar("Sealable", bound=msgspec.Struct)


class _Versioned(msgspec.Struct):
    schema_version: int


def encode(results: Results) -> bytes:
    """Return the document as indented JSON with its checksum.

    An unknown type raises instead of turning into text.
    """
    return msgspec.json.format(msgspec.json.encode(sealed(results)), indent=1)


def decode(data: bytes, *, origin: str) -> Results:
    """Read a document; ``origin`` names it in messages.

    Raises:
        ResultsError: not JSON, not a results document, written by a newer version, changed since,
            or with a number that cannot be.
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
        require_whole(document, origin=origin)
        for old in range(version, SCHEMA_VERSION):
            if old in UPGRADES:
                UPGRADES[old](document)
        document["schema_version"] = SCHEMA_VERSION
        results = msgspec.convert(document, Results)
    except (
        msgspec.DecodeError,
        UnicodeDecodeError,
        RecursionError,
        UsageError,
        KeyError,
        TypeError,
        AttributeError,
    ) as error:
        raise ResultsError(f"{origin} is damaged: {error}. Run the measurement again.") from error
    require_sound(results, origin=origin)
    # The checksum belongs to the file; a document that is written again gets a new one.
    return msgspec.structs.replace(results, sha256="")


def sealed(document: Sealable) -> Sealable:
    """Return ``document``, a struct with the field ``sha256``, with its checksum in it."""
    blank = msgspec.structs.replace(document, sha256="")
    return msgspec.structs.replace(document, sha256=_digest(blank))


def require_whole(content: dict[str, Any], *, origin: str) -> None:
    """Refuse decoded JSON that is not what its checksum was made of; one without any passes.

    Raises:
        ResultsError: something in it has changed; ``origin`` names it.
    """
    recorded = content.get("sha256")
    if recorded and recorded != _digest(content | {"sha256": ""}):
        raise ResultsError(
            f"{origin} is damaged: its content and its checksum (sha256) differ. Run the "
            "measurement again or take the file from where it was written; one that was changed on "
            "purpose is read without the field sha256."
        )


def _digest(blank: object) -> str:
    return hashlib.sha256(msgspec.json.encode(blank, order="sorted")).hexdigest()


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
    """Return the content of ``path`` without the mark of UTF-8, unpacked where gzip has packed it.

    Raises:
        ResultsError: it cannot be read, or is no plain file.
    """
    if path.is_dir():
        inside = path / "results.json"
        remedy = f"Name {inside}" if inside.is_file() else "Name a file in it"
        raise ResultsError(f"cannot read {path}: it is a folder. {remedy}.")
    try:
        with open_plain(path) as file:
            data = file.read()
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror}. Check the path.") from error
    if not data.startswith(_GZIP):
        return data.removeprefix(codecs.BOM_UTF8)
    try:
        return gzip.decompress(data).removeprefix(codecs.BOM_UTF8)
    except (OSError, EOFError, zlib.error) as error:
        raise ResultsError(f"cannot unpack {path}: {error}. Pack the file again.") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` atomically.

    Raises:
        ResultsError: it cannot be written, or what is there is no plain file.
    """
    try:
        write_whole(path, data)
    except OSError as error:
        raise _unwritable(path, error) from error


def require_free(path: Path, sources: Iterable[Path] = ()) -> None:
    """Refuse to replace anything but a page with a page.

    Commands ask this before they work for long, so that nobody waits for a refusal.

    Raises:
        ResultsError: at ``path`` is a source of the command, somebody's data, or no plain file.
    """
    try:
        require_plain(path)
        if not path.exists():
            return
        with open_plain(path) as file:
            beginning = file.read(64).removeprefix(codecs.BOM_UTF8).lstrip()
    except OSError as error:
        raise _unwritable(path, error) from error
    require_no_source(path, sources)
    if beginning.startswith(_DATA):
        raise ResultsError(
            f"cannot write {path}: it holds data, and a page would replace them. Name another "
            "file, or remove it."
        )


def require_no_source(path: Path, sources: Iterable[Path]) -> None:
    """Refuse to replace what a command reads.

    Raises:
        ResultsError: ``path`` is one of ``sources``.
    """
    source = next((source for source in sources if path.exists() and path.samefile(source)), None)
    if source is not None:
        raise ResultsError(
            f"cannot write {path}: it is {source}, which this command reads. Name another file."
        )


def unwritable_folder(folder: Path, error: OSError, option: str = "--out") -> ResultsError:
    """Return the error for a ``folder`` that cannot be written; ``option`` chooses another one."""
    return ResultsError(
        f"cannot write into {folder}: {error.strerror}. Choose a folder you may write to with "
        f"{option}."
    )


def _unwritable(path: Path, error: OSError) -> ResultsError:
    return ResultsError(
        f"cannot write {path}: {error.strerror}. Name a file in a folder you may write to."
    )
