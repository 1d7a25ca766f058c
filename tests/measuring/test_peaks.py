from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from bench.measuring import peaks
from bench.measuring.clock import Clock
from bench.measuring.peaks import (
    MOST_CALLS,
    PASSES,
    PRODUCTS,
    WORKLOAD_SECONDS,
    Workload,
    array_bytes,
    best_rates,
    cached_copy_workload,
    copy_workload,
    measure,
    product_workload,
)
from bench.provenance import machine
from bench.roofline import Product
from tests.stand_ins.fake_trainer import TICK, FakeClock


def work(clock: FakeClock, *durations: float) -> tuple[Callable[[], None], list[float]]:
    """Work that takes each of ``durations`` in turn, the last one for ever, and what it took."""
    taken: list[float] = []

    def run() -> None:
        taken.append(durations[min(len(taken), len(durations) - 1)])
        clock.advance(taken[-1])

    return run, taken


def test_the_best_repetition_counts_and_the_first_call_does_not(fake_clock: FakeClock) -> None:
    run, taken = work(fake_clock, TICK / 64, 64 * TICK, 16 * TICK, 32 * TICK)
    assert best_rates(fake_clock.clock, [Workload(run, 3)]) == [3 / (16 * TICK)]
    assert len(taken) == 1 + PASSES + 1, "one pass has two calls, as the first was too short"


def test_short_work_is_repeated_until_the_time_is_spent(fake_clock: FakeClock) -> None:
    run, taken = work(fake_clock, TICK)
    best_rates(fake_clock.clock, [Workload(run, 1)])
    assert len(taken) == 1 + PASSES * math.ceil(WORKLOAD_SECONDS / PASSES / TICK)


def test_work_too_short_for_the_clock_to_add_up_ends_all_the_same(fake_clock: FakeClock) -> None:
    run, taken = work(fake_clock, TICK / 2**20)
    best_rates(fake_clock.clock, [Workload(run, 1)])
    assert len(taken) == 1 + PASSES * MOST_CALLS


def test_probes_take_turns_so_that_one_spell_spoils_none(fake_clock: FakeClock) -> None:
    spell = 10.0

    def slow_in_a_spell(seconds: float) -> Callable[[], None]:
        return lambda: fake_clock.advance(seconds * (8 if fake_clock.now < spell else 1))

    workloads = [Workload(slow_in_a_spell(1.0), 4), Workload(slow_in_a_spell(0.5), 6)]
    assert best_rates(fake_clock.clock, workloads) == [4.0, 12.0]


class Stepping:
    """A clock that a call of one function moves on, whatever thread it runs in."""

    def __init__(self, patch: pytest.MonkeyPatch, name: str, seconds: float) -> None:
        self.now, self.calls = 0.0, 0
        original, lock = getattr(np, name), threading.Lock()

        def stepping(*arguments: Any, **options: Any) -> Any:
            with lock:
                self.now += seconds
                self.calls += 1
            return original(*arguments, **options)

        patch.setattr(np, name, stepping)

    @property
    def clock(self) -> Clock:
        return Clock(wall=lambda: self.now, cpu=lambda: self.now)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_rate_of_a_product_is_operations_over_time(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    stepping = Stepping(monkeypatch, "matmul", 1.0)
    rates = best_rates(stepping.clock, [product_workload(product, "float32")])
    assert rates == [2 * product.rows * product.inner * product.columns]
    assert stepping.calls == 1 + PASSES


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_copies_count_what_all_threads_read_and_write(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "caches", lambda: {"L2": "16M"})
    stepping = Stepping(monkeypatch, "copyto", 1.0)
    with ThreadPoolExecutor(threads) as pool:
        workloads = [copy_workload(pool, threads), cached_copy_workload(pool, threads)]
        copy, cached_copy = best_rates(stepping.clock, workloads)
    # Each thread moves the clock on once per copy, 16 times for copies in the cache.
    assert copy == 64 * 2**20 / threads
    assert cached_copy == 256 * 2 * 64 * 2**10
    assert stepping.calls == threads * 17 * (1 + PASSES)


@pytest.mark.parametrize(
    ("cache", "expected"),
    [(2**20, 64), (32 * 2**20, 128), (512 * 2**20, 256), (None, 256)],
)
def test_copied_arrays_exceed_the_cache_and_stay_below_the_cap(
    cache: int | None, expected: int
) -> None:
    for threads in (1, 2, 3, 64):
        size = array_bytes(cache, threads)
        together = 2 * threads * size
        assert expected * 2**20 - 16 * threads < together <= expected * 2**20
        assert size % 8 == 0


def test_windows_cover_every_number_and_lie_on_cache_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    copyto = np.copyto

    def copy(target: np.ndarray, source: np.ndarray) -> None:
        copyto(target, source)
        seen.append((target, source))

    monkeypatch.setattr(np, "copyto", copy)
    with ThreadPoolExecutor(1) as pool:
        cached_copy_workload(pool, 1).work()
    target, source = seen[0]
    assert target.shape == source.shape == (256, 64 * 2**10 // 8)
    assert target.strides == source.strides == (64, 8)
    assert np.all(target == 1.0)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_limits_of_this_machine_are_found_and_are_positive(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peaks, "WORKLOAD_SECONDS", 0.005)
    found = measure(Clock(), "float32", threads)
    assert all(math.isfinite(rate) and rate > 0 for rate in (found.gemm, found.copy))
    assert found.cached_copy > found.copy / 2, "a cache is no slower than memory"
