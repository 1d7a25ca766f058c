"""The machine's limits, found where the numbers are: in a worker, with its library and threads.

Data sheets promise about twice what a library reaches, so nothing here is looked up: a rate is the
best of many repetitions of work that is as easy as such work can be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bench.documents.timings import Peaks
from bench.measuring.clock import Clock, time_round
from bench.provenance import machine
from bench.roofline import Product, largest_cache
from impls.parameters import Floats

WORKLOAD_SECONDS = 0.05
"""Each piece of work is repeated until its repetitions take this long together."""
PASSES = 3
"""Pieces take turns in this many passes: a disturbance then hits a part of each, not all of one."""
MOST_CALLS = 100
"""Bound of the repetitions in one pass."""

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
_LINE_BYTES = 64
_NUMBER_BYTES = 8
_WINDOWS, _REPETITIONS = 256, 16


@dataclass(frozen=True)
class Workload:
    """A piece of work, and how many operations or bytes it is."""

    work: Callable[[], object]
    amount: int


def measure(clock: Clock, dtype: str, threads: int) -> Peaks:
    """Return the limits of this process, in about half a second.

    ``gemm`` is NumPy's best rate over :data:`PRODUCTS` with the threads that its BLAS has.  The
    rates of copies are those of ``threads`` Python threads that run :func:`numpy.copyto` at the
    same time, each on separate arrays, bytes read and bytes written added up: for ``copy`` with
    arrays of four times the largest cache together (256 MiB at most, so that a cache above 64 MiB
    makes the rate too high), for ``cached_copy`` with two arrays of 64 KiB in each thread.
    """
    products = [product_workload(product, dtype) for product in PRODUCTS]
    with ThreadPoolExecutor(threads) as pool:
        copies = [copy_workload(pool, threads), cached_copy_workload(pool, threads)]
        *gemm, copy, cached_copy = best_rates(clock, [*products, *copies])
    return Peaks(gemm=max(gemm), copy=copy, cached_copy=cached_copy)


def best_rates(clock: Clock, workloads: Sequence[Workload]) -> list[float]:
    """Return the best amount per second of each workload, after one untimed call of each."""
    for workload in workloads:
        workload.work()
    best = [float("inf")] * len(workloads)
    for _ in range(PASSES):
        for index, workload in enumerate(workloads):
            spent, calls = 0.0, 0
            while calls == 0 or (spent < WORKLOAD_SECONDS / PASSES and calls < MOST_CALLS):
                seconds = time_round(clock, workload.work, 1).wall
                best[index] = min(best[index], seconds)
                spent, calls = spent + seconds, calls + 1
    return [workload.amount / seconds for workload, seconds in zip(workloads, best, strict=True)]


def product_workload(product: Product, dtype: str) -> Workload:
    """Return one product into a buffer, in operations."""
    # Ordinary numbers, neither all equal nor denormal.
    numbers = np.linspace(-1, 1, 1009).astype(dtype)
    A = np.resize(numbers, (product.rows, product.inner))
    B = np.resize(numbers, (product.inner, product.columns))
    C = np.empty((product.rows, product.columns), dtype)
    return Workload(lambda: np.matmul(A, B, out=C), product.operations)


def copy_workload(pool: ThreadPoolExecutor, threads: int) -> Workload:
    """Return copies from memory to memory, in bytes."""
    size = array_bytes(largest_cache(machine.caches()), threads)

    def pair() -> tuple[Floats, Floats]:
        return np.empty(size // _NUMBER_BYTES), np.ones(size // _NUMBER_BYTES)

    return _in_threads(pool, threads, pair, lambda arrays: np.copyto(*arrays), 2 * size)


def array_bytes(cache: int | None, threads: int) -> int:
    """Return the bytes of each of the two arrays of a thread; the most where no cache is known."""
    wanted = _MOST_BYTES if cache is None else _TIMES_CACHE * cache
    together = min(max(wanted, _LEAST_BYTES), _MOST_BYTES)
    return together // (2 * threads) // _NUMBER_BYTES * _NUMBER_BYTES


def cached_copy_workload(pool: ThreadPoolExecutor, threads: int) -> Workload:
    """Return copies between arrays that stay in a core's own cache, in bytes.

    One call copies many windows, each a cache line further on, so that the cost of a call and the
    wait of several threads for the interpreter weigh nothing.
    """
    numbers, line = _CACHED_BYTES // _NUMBER_BYTES, _LINE_BYTES // _NUMBER_BYTES
    length = numbers + line * (_WINDOWS - 1)

    def pair() -> tuple[Floats, Floats]:
        target, source = np.empty(length), np.ones(length)
        return (
            sliding_window_view(target, numbers, writeable=True)[::line],
            sliding_window_view(source, numbers)[::line],
        )

    def copy(windows: tuple[Floats, Floats]) -> None:
        for _ in range(_REPETITIONS):
            np.copyto(*windows)

    return _in_threads(pool, threads, pair, copy, _REPETITIONS * _WINDOWS * 2 * _CACHED_BYTES)


def _in_threads(
    pool: ThreadPoolExecutor,
    threads: int,
    pair: Callable[[], tuple[Floats, Floats]],
    copy: Callable[[tuple[Floats, Floats]], None],
    amount: int,
) -> Workload:
    """Return work of ``threads`` threads that copy ``amount`` bytes each at the same time."""
    if threads == 1:
        arrays = pair()
        return Workload(lambda: copy(arrays), amount)
    # A thread touches its arrays first: that is where their memory will lie.
    pairs = list(pool.map(lambda _: pair(), range(threads)))
    return Workload(lambda: list(pool.map(copy, pairs)), threads * amount)
