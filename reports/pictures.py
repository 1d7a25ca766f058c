"""Examples as pictures inside the page."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR = 0, 2


def are_pictures(pixels: npt.NDArray[Any]) -> bool:
    """Whether examples of this shape can be shown: grey, or with three colours last."""
    return pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[3] == 3)


def uri(pixels: Pixels) -> str:
    """One picture as a PNG for the ``src`` of an image; grey ones dark on white.

    ``pixels`` has shape ``(height, width)`` or ``(height, width, 3)``.
    """
    return f"data:image/png;base64,{base64.b64encode(png(pixels)).decode()}"


def png(pixels: Pixels) -> bytes:
    """The bytes of a PNG file, see :func:`uri`.  Source of the format: W3C, PNG, 2003."""
    grey = pixels.ndim == 2
    values = 255 - pixels if grey else pixels
    height, width = pixels.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, _GREY if grey else _COLOUR, 0, 0, 0)
    # Each line of pixels begins with the number of its filter; 0 is none.
    lines = np.zeros((height, 1 + values[0].size), np.uint8)
    lines[:, 1:] = values.reshape(height, -1)
    chunks = {b"IHDR": header, b"IDAT": zlib.compress(lines.tobytes(), 9), b"IEND": b""}
    return _SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks.items())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
