from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.documents.timings import Peaks
from bench.roofline import Bound, Work, bound, largest_cache

PEAKS = Peaks(gemm=1024.0, copy=16.0, cached_copy=128.0)


@pytest.mark.parametrize(
    ("products", "count", "expected"),
    [
        (4096, 128, Bound(4.0, "products")),
        (1024, 256, Bound(2.0, "cache")),
        (1024, 512, Bound(4.0, "cache")),
        # 512 bytes in the cache take 4 s, 160 more from memory 10 s.
        (1024, 672, Bound(14.0, "memory")),
        (0, 528, Bound(5.0, "cache")),
        # Where both take as long, it is products, and the cache.
        (1024, 128, Bound(1.0, "products")),
        (0, 576, Bound(8.0, "cache")),
    ],
)
def test_the_longer_of_computing_and_moving_is_the_bound(
    products: int, count: int, expected: Bound
) -> None:
    assert bound(Work(products, 0, count), PEAKS, 512) == expected


def test_elementwise_operations_have_no_roof() -> None:
    assert bound(Work(0, 10**9, 128), PEAKS, 512) == bound(Work(0, 0, 128), PEAKS, 512)


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.floats(0, 1e6), st.floats(0, 1e6))
def test_a_larger_cache_never_raises_the_bound(
    products: int, count: int, one: float, other: float
) -> None:
    small, large = sorted((one, other))
    work = Work(products, 0, count)
    low, high = (bound(work, PEAKS, size).seconds for size in (large, small))
    assert bound(work, PEAKS, math.inf).seconds <= low <= high * (1 + 1e-12)


@pytest.mark.parametrize(
    ("caches", "expected"),
    [
        ({"L1 Data": "48K", "L2 Unified": "1024K", "L3 Unified": "32768K"}, 32 * 2**20),
        ({"L2": "2 MiB", "L1d": "48 KiB"}, 2 * 2**20),
        ({"L2": "1.5M"}, 3 * 2**19),
        ({"L1": "512"}, 512),
        ({"L2": "1 MiB", "L3": "plenty"}, 2**20),
        ({"L3": "32 MB (2 instances)"}, None),
        ({}, None),
    ],
)
def test_the_largest_cache_is_read_from_sizes_in_words(
    caches: dict[str, str], expected: int | None
) -> None:
    assert largest_cache(caches) == expected
