"""Arrays as pictures inside the page: examples as they are, other numbers on a scale."""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR = 0, 2


def are_pictures(pixels: npt.NDArray[Any]) -> bool:
    """Return whether examples of this shape can be shown: grey, or with three colours last."""
    return pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[3] == 3)


def uri(pixels: Pixels) -> str:
    """Return one picture as a PNG for the ``src`` of an image; grey ones dark on white.

    ``pixels`` has shape ``(height, width)`` or ``(height, width, 3)``.
    """
    return f"data:image/png;base64,{base64.b64encode(png(pixels)).decode()}"


def png(pixels: Pixels) -> bytes:
    """Return the bytes of a PNG file, see :func:`uri`.  Source of the format: W3C, PNG, 2003."""
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


_BELOW, _ZERO, _ABOVE = (
    np.array(colour, np.float64) for colour in ((11, 79, 158), (255, 255, 255), (179, 71, 0))
)
_STEPS = 33


@dataclass(frozen=True)
class Scale:
    """A scale from ``start`` to ``limit``: from ``-limit``, or from 0 where nothing is below it."""

    start: float
    limit: float

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Scale:
        """Return the scale that holds all ``values``; those that are not finite do not count."""
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        limit = max(abs(low), abs(high))
        return cls(-limit if low < 0 else 0.0, limit)

    def uri(self, values: npt.NDArray[Any]) -> str:
        """Return ``values``, shape ``(height, width)``, as a picture for an image's ``src``."""
        return uri(self.colours(values))

    def colours(self, values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return the colour of each value, shape ``(..., 3)``; what is not finite is white."""
        shares = np.nan_to_num(values.astype(np.float64) / (self.limit or 1.0), posinf=0, neginf=0)
        strength = np.abs(shares)[..., None]
        ends = np.where(shares[..., None] < 0, _BELOW, _ABOVE)
        return np.rint(_ZERO + strength * (ends - _ZERO)).astype(np.uint8)

    def bar(self) -> str:
        """Return the whole scale from left to right as a picture."""
        return self.uri(np.linspace(self.start, self.limit, _STEPS)[None])
