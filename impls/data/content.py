"""What a file holds, unpacked, and what may lie in the place of a data file."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from impls.errors import DatasetError
from impls.files import shown

_GZIP_MAGIC = b"\x1f\x8b"
_MOST_BYTES = 1 << 33
_PIECE = 1 << 24


def read_content(path: Path) -> bytearray:
    """Return the content of the file at ``path``, unpacked where its first bytes are gzip's.

    Raises:
        DatasetError: it cannot be read, is damaged, or is larger than any data set should be.
    """
    content = bytearray()
    try:
        with path.open("rb") as plain:
            is_packed = plain.read(2) == _GZIP_MAGIC
            plain.seek(0)
            with gzip.open(plain) if is_packed else plain as file:
                while piece := file.read(_PIECE):
                    content += piece
                    if is_packed and len(content) > _MOST_BYTES:
                        raise DatasetError(
                            f"{shown(path)} unpacks to more than {_MOST_BYTES >> 30} GiB. Unpack "
                            "it and use a part of it."
                        )
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"{shown(path)} is damaged: {error}. Fetch it again.") from error
    except OSError as error:
        raise DatasetError(
            f"cannot read {shown(path)}: {error.strerror}. Check the path and its permissions."
        ) from error
    return content


def pointer_or_page(content: bytes | bytearray) -> str:
    """Return what lies in the place of a data file, and what to do about it.

    Empty where ``content`` may be that of the file itself.
    """
    start = bytes(content[:64]).lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the file itself. Fetch that with 'git lfs pull'."
    if start.startswith((b"<!doctype html", b"<html")):
        return "it is a web page, such as a download leaves that failed. Download it again."
    return ""
