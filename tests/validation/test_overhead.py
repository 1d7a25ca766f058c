"""The check of overhead: exact shares, and harnesses that are slow on purpose."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import pytest

from bench.measuring.cell_timer import CellTimer
from bench.measuring.disturbance import Monitor
from bench.planning.plan import Effort
from tests.validation import overhead
from tests.validation.in_process import DEFAULT, Work, work_of
from tests.validation.overhead import AddedTime, cost, judge
from tests.validation.phases import busy_wait

LEAN = AddedTime(name="fast", step=1e-4, per_step=5e-7, per_round=2e-5, monitor=0.0015, whole=1.0)


@pytest.fixture(scope="module")
def work() -> Work:
    return work_of(32, 320, 1)


@pytest.fixture(scope="module")
def effort() -> Effort:
    return msgspec.structs.replace(
        DEFAULT.effort, round_seconds=0.002, cell_seconds=0.01, warmup_seconds=0.001
    )


def test_shares_are_those_of_the_step_the_round_and_the_cell() -> None:
    step, round_, monitor = judge([LEAN, dataclasses.replace(LEAN, per_step=1.0), LEAN], 0.02)
    assert step.found == "0.50%: 500 ns of 100 us"
    assert round_.found == "0.1000%: 20000 ns of 20 ms"
    assert monitor.found == "0.150% of the time of a cell"
    assert step.passed
    assert round_.passed
    assert monitor.passed


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"per_step": 2e-6}, [True, True, False]),
        ({"per_round": 2e-4}, [False, True, False]),
        ({"monitor": 0.004}, [False, False, True]),
    ],
)
def test_more_than_is_allowed_is_missed(change: dict[str, Any], missed: list[bool]) -> None:
    findings = judge([dataclasses.replace(LEAN, **change)], 0.02)
    assert [not finding.passed for finding in findings] == missed


def test_a_slow_step_around_the_implementation_is_found_out(
    monkeypatch: pytest.MonkeyPatch, work: Work, effort: Effort
) -> None:
    step = CellTimer._step  # noqa: SLF001  # planting trouble

    def slow(timer: CellTimer) -> None:
        busy_wait(1e-3)
        step(timer)

    monkeypatch.setattr(CellTimer, "_step", slow)
    found = cost(work, ["numpy-optimized"], effort)
    assert found.per_step >= 1e-3
    assert not judge([found], effort.round_seconds)[0].passed


def test_a_slow_monitor_is_found_out(
    monkeypatch: pytest.MonkeyPatch, work: Work, effort: Effort
) -> None:
    read = Monitor.read
    readings = []

    def slow(monitor: Monitor) -> Any:
        readings.append(monitor)
        busy_wait(5e-3)
        return read(monitor)

    monkeypatch.setattr(Monitor, "read", slow)
    found = cost(work, ["numpy-optimized"], effort)
    timed = [one for one in readings if isinstance(one, overhead.TimedMonitor)]
    assert found.monitor >= len(timed) * 5e-3 > 0
    assert not judge([found], effort.round_seconds)[2].passed


def test_the_shortest_step_is_the_one_that_counts(
    monkeypatch: pytest.MonkeyPatch, work: Work, effort: Effort
) -> None:
    seconds = iter([3.0, 0.25, 0.5, 2.0, 0.25, 0.5])
    monkeypatch.setattr(overhead, "median_seconds", lambda _found, _phase: next(seconds))
    found = cost(work, ["numpy-naive", "floor"], effort)
    assert (found.name, found.step, found.per_step, found.per_round) == ("floor", 2.0, 0.25, 0.5)
    assert 0 < found.monitor < found.whole
