"""The roofline: the least time that work can take on a machine whose limits were measured.

Products can come no faster than the best matrix product, bytes no faster than the best copy; a
phase overlaps the two at best, so the longer one is its bound.  Source: Williams, Waterman and
Patterson, "Roofline: an insightful visual performance model", 2009.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bench.documents.timings import Peaks
from bench.roofline.work import Work

MOST_SHARE = 1.05
"""A bound above this share of the time measured is an error of the model or of a timing."""

Limit = Literal["products", "memory", "cache"]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?)(?:iB|B)?")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True)
class Bound:
    """The least time in seconds, and what sets it."""

    seconds: float
    limit: Limit


def bound(work: Work, peaks: Peaks, cache_bytes: float) -> Bound:
    """Return the least time for ``work``.

    As many bytes as the caches hold, ``cache_bytes``, may lie in them and move at the rate of a
    cached copy; only the rest must come from memory.  Without a known cache size, infinity is the
    safe value: the bound is lower then, never wrong.
    """
    computing = work.products / peaks.gemm
    cached = min(work.bytes, cache_bytes)
    near, far = cached / peaks.cached_copy, (work.bytes - cached) / peaks.copy
    if computing >= near + far:
        return Bound(computing, "products")
    return Bound(near + far, "memory" if far > near else "cache")


def largest_cache(caches: Mapping[str, str]) -> int | None:
    """Return the bytes of the largest cache of sizes such as ``32768K`` or ``32 MiB``.

    None where none is told in such words, which is how the system writes them.
    """
    matches = [_SIZE.fullmatch(size.strip()) for size in caches.values()]
    sizes = [round(float(one[1]) * _UNITS[one[2]]) for one in matches if one]
    return max(sizes, default=None)
