"""The checksum that a document and every line of a journal carry in their field ``sha256``."""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

import msgspec

from impls.errors import ResultsError

FIELD = "sha256"
Sealable = TypeVar("Sealable", bound=msgspec.Struct)


def sealed(document: Sealable) -> Sealable:
    """Return ``document``, a struct with the field ``sha256``, with its checksum in it."""
    return msgspec.structs.replace(document, **{FIELD: _digest(_blank(document))})


def require_whole(content: dict[str, Any], *, origin: str) -> None:
    """Refuse decoded JSON that is not what its checksum was made of; one without any passes.

    Raises:
        ResultsError: something in it has changed; ``origin`` names it.
    """
    recorded = content.get(FIELD)
    if recorded and recorded != _digest(content | {FIELD: ""}):
        raise ResultsError(
            f"{origin} is damaged: its content and its checksum ({FIELD}) differ. Run the "
            "measurement again or take the file from where it was written; one that was changed on "
            f"purpose is read without the field {FIELD}."
        )


def _blank(document: Sealable) -> Sealable:
    return msgspec.structs.replace(document, **{FIELD: ""})


def _digest(blank: object) -> str:
    return hashlib.sha256(msgspec.json.encode(blank, order="sorted")).hexdigest()
