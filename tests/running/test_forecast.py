"""The expected length of a run: typical costs first, then what its own workers needed."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import msgspec
import pytest

from bench.planning.plan import Plan
from bench.running import forecast
from bench.running.forecast import Forecast
from bench.running.turns import Progress
from impls import registry
from impls.networks import Training
from tests.stand_ins import fakes
from tests.stand_ins.fake_trainer import FakeClock
from tests.stand_ins.simulated import Costs, Simulated

EFFORT = msgspec.structs.replace(fakes.EFFORT, warmup_seconds=0.2)
PLAN = fakes.plan(effort=EFFORT)
FLOORS = {8: 0.01, 20: 0.008, 50: 0.005}
NOISE = 0.02


pytestmark = pytest.mark.usefixtures("simulated_machine")


def forecast_of(plan: Plan, clock: FakeClock) -> Forecast:
    rows = [registry.find(name) for name in plan.implementations]
    return Forecast(plan, rows, FLOORS, clock.clock)


def test_typical_costs_hold_until_something_is_seen() -> None:
    clock = FakeClock()
    one = forecast_of(
        fakes.plan(trainings=(Training(batch_size=8),), threads=(1,), effort=EFFORT), clock
    )
    before = one.total()
    job = one.jobs[0]
    one.note(Progress(0, 0, job))
    assert one.total() == before
    clock.advance(31.0)
    one.note(Progress(0, 0, one.jobs[1]))
    # The start of one implementation, in each of two blocks.
    typical = forecast.TYPICAL[""].start
    assert one.total() == pytest.approx(before + 2 * (31.0 - typical))


def test_a_library_that_starts_slowly_is_expected_to() -> None:
    rows = [registry.find(name) for name in ("numpy-naive", "keras-tf")]
    clock = FakeClock()
    plan = fakes.plan(implementations=("numpy-naive", "keras-tf"), effort=EFFORT)
    slow = Forecast(plan, rows, FLOORS, clock.clock)
    assert slow.total() > forecast_of(PLAN, clock).total() + 10


@pytest.mark.parametrize(
    "costs",
    [
        Costs(start=1.0, prepare=0.5, epoch=0.05, noise=NOISE),
        Costs(start=4.0, prepare=3.0, epoch=0.2, noise=NOISE),
        Costs(start=0.2, prepare=0.1, epochs={"numpy-naive": 2.0, "numpy-optimized": 0.1}),
    ],
)
def test_the_total_is_near_once_the_first_block_runs_and_what_is_left_falls(
    tmp_path: Path, costs: Costs
) -> None:
    simulated = Simulated(tmp_path / "out", costs)
    one = forecast_of(PLAN, simulated.clock)
    totals: list[float] = []
    left: list[float] = []
    ends: list[float] = []

    def note(progress: Progress) -> None:
        one.note(progress)
        if progress.repetition == 0 and progress.is_done and not totals:
            totals.append(one.total())
        if totals:
            left.append(one.left())
            ends.append(simulated.clock.now + left[-1])

    simulated.run(PLAN, note)
    needed = simulated.clock.now
    assert totals[0] == pytest.approx(needed, rel=0.3)
    assert left[-1] <= 0.05 * needed
    rises = [after - before for before, after in itertools.pairwise(left)]
    assert max(rises) <= 0.1 * needed
    assert all(abs(end - needed) <= 0.3 * needed for end in ends)


def test_the_floor_is_timed_for_every_batch_size() -> None:
    clock = FakeClock()
    ticks = iter(range(10**9))
    clock_that_ticks = dataclasses.replace(clock.clock, wall=lambda: next(ticks) / 100)
    found = forecast.floor_epochs(PLAN, fakes.examples(), clock_that_ticks)
    assert found.keys() == {8, 20, 50}
    assert all(seconds > 0 for seconds in found.values())
