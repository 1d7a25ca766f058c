"""The machine's limits, found where the numbers are: in a worker, with its library and threads.

Data sheets promise about twice what a library reaches, so nothing here is looked up: a rate is the
best of many repetitions of work that is as easy as such work can be.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bench import machine
from bench.results import Peaks
from bench.roofline import largest_cache
from bench.timing import Clock, time_round
from bench.work import Product
from impls.parameters import Floats

PROBE_SECONDS = 0.05
"""Each piece of work is repeated until its repetitions add up to so much."""
FEWEST, MOST = 3, 200
"""Bounds of the number of repetitions."""

PRODUCTS = (
    Product(512, 512, 512),
    Product(1024, 1024, 1024),
    Product(1000, 784, 300),
    Product(1000, 784, 70),
    Product(784, 1000, 70),
)
"""Large squares, and the shapes of a first layer: forward, and of its gradients."""

_MOST_BYTES = 256 * 2**20
_LEAST_BYTES = 64 * 2**20
_TIMES_CACHE = 4
_CACHED_BYTES = 64 * 2**10
"""Size of a cached array: two of them exceed every first-level cache and fit the second."""
_WINDOWS, _PASSES = 256, 16


def measure(clock: Clock, dtype: str, threads: int) -> Peaks:
    """The limits of this process, in about half a second.

    ``gemm`` is NumPy's best rate over :data:`PRODUCTS` with the threads that its BLAS has.  The
    rates of copies are those of ``threads`` Python threads that run :func:`numpy.copyto` at the
    same time, each on arrays of its own, bytes read and bytes written added up: for ``copy`` with
    arrays of four times the largest cache together (256 MiB at most, so that a cache above 64 MiB
    makes the rate too high), for ``cached_copy`` with two arrays of 64 KiB in each thread.
    """
    return Peaks(
        gemm=max(product_rate(clock, product, dtype) for product in PRODUCTS),
        copy=copy_rate(clock, threads),
        cached_copy=cached_copy_rate(clock, threads),
    )


def best_rate(clock: Clock, work: Callable[[], object], amount: float) -> float:
    """The best ``amount`` per second of ``work``, after one call that is not timed."""
    work()
    seconds: list[float] = []
    while len(seconds) < FEWEST or (sum(seconds) < PROBE_SECONDS and len(seconds) < MOST):
        seconds.append(time_round(clock, work, 1).wall)
    return amount / min(seconds)


def product_rate(clock: Clock, product: Product, dtype: str) -> float:
    """Operations per second of one product into a buffer."""
    A = _filled(product.rows, product.inner, dtype)
    B = _filled(product.inner, product.columns, dtype)
    C = np.empty((product.rows, product.columns), dtype)
    return best_rate(clock, lambda: np.matmul(A, B, out=C), product.operations)


def _filled(rows: int, columns: int, dtype: str) -> Floats:
    """A matrix of ordinary numbers, neither all equal nor denormal."""
    return np.resize(np.linspace(-1, 1, 1009).astype(dtype), (rows, columns))


def copy_rate(clock: Clock, threads: int) -> float:
    """Bytes per second to and from memory."""
    size = array_bytes(largest_cache(machine.caches()), threads)

    def pair() -> tuple[Floats, Floats]:
        return np.empty(size // 8), np.ones(size // 8)

    def copy(arrays: tuple[Floats, Floats]) -> None:
        np.copyto(*arrays)

    return _rate_in_threads(clock, threads, pair, copy, 2 * size)


def array_bytes(cache: int | None, threads: int) -> int:
    """Bytes of each of the two arrays of a thread; with no cache known, as large as allowed."""
    wanted = _MOST_BYTES if cache is None else _TIMES_CACHE * cache
    return min(max(wanted, _LEAST_BYTES), _MOST_BYTES) // (2 * threads) // 8 * 8


def cached_copy_rate(clock: Clock, threads: int) -> float:
    """Bytes per second between arrays that stay in a core's own cache.

    One call copies many windows, each a cache line further on, so that the cost of a call and the
    wait of several threads for the interpreter weigh nothing.
    """
    numbers, line = _CACHED_BYTES // 8, 64 // 8
    length = numbers + line * (_WINDOWS - 1)

    def pair() -> tuple[Floats, Floats]:
        target, source = np.empty(length), np.ones(length)
        return (
            sliding_window_view(target, numbers, writeable=True)[::line],
            sliding_window_view(source, numbers)[::line],
        )

    def copy(windows: tuple[Floats, Floats]) -> None:
        for _ in range(_PASSES):
            np.copyto(*windows)

    return _rate_in_threads(clock, threads, pair, copy, _PASSES * _WINDOWS * 2 * _CACHED_BYTES)


def _rate_in_threads(
    clock: Clock,
    threads: int,
    pair: Callable[[], tuple[Floats, Floats]],
    copy: Callable[[tuple[Floats, Floats]], None],
    amount: int,
) -> float:
    """Bytes per second of ``threads`` threads that copy ``amount`` bytes each at the same time."""
    if threads == 1:
        arrays = pair()
        return best_rate(clock, lambda: copy(arrays), amount)
    with ThreadPoolExecutor(threads) as pool:
        # Each thread touches its arrays first: that is where their memory will lie.
        pairs = list(pool.map(lambda _: pair(), range(threads)))
        return best_rate(clock, lambda: list(pool.map(copy, pairs)), threads * amount)
