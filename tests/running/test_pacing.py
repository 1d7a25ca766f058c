"""When it is enough, on a clock that is wound by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.documents.journal import Block, Ending, Journal, Stage, Sweep
from bench.planning.plan import Plan
from bench.running import pacing
from bench.running.pacing import Pacer
from impls.networks import Training
from tests.stand_ins import fakes
from tests.stand_ins.fake_trainer import FakeClock
from tests.stand_ins.simulated import Costs, Simulated

NAIVE, OPTIMIZED = "numpy-naive", "numpy-optimized"
ONE_SIZE = {"threads": (1,), "trainings": (Training(batch_size=8),)}


pytestmark = pytest.mark.usefixtures("simulated_machine")


def pacer(tmp_path: Path, plan: Plan, clock: FakeClock | None = None) -> Pacer:
    record = Journal(tmp_path / "out", fakes.document(plan=plan, complete=False))
    record.close()
    return Pacer(plan, NAIVE, record, (clock or FakeClock()).clock)


def effort(**changes: object) -> object:
    return msgspec.structs.replace(fakes.EFFORT, **changes)


def epochs(logs: Mapping[int, float]) -> dict[int, dict[int, float]]:
    """Epochs of the baseline, job 0, and of another, job 1, whose log ratios are ``logs``."""
    return {
        0: dict.fromkeys(logs, 1.0),
        1: {sweep: float(np.exp(-log)) for sweep, log in logs.items()},
    }


def test_sweeps_end_with_their_number_or_with_the_time_of_the_cells(tmp_path: Path) -> None:
    plan = fakes.plan(**ONE_SIZE, effort=effort(sweeps=6, cell_seconds=5.0))
    one = pacer(tmp_path, plan)
    two = epochs({0: 0.0})
    assert not one.is_enough(two, 5, 9.9, 0.0)
    assert one.is_enough(two, 6, 0.1, 0.0)
    assert one.is_enough(two, 5, 10.0, 0.0), "two cells have 5 s each"
    assert not one.is_enough(two, pacing.FEWEST_SWEEPS - 1, 1e9, 0.0)


def test_a_budget_leaves_a_sweep_out_that_would_exceed_it(tmp_path: Path) -> None:
    clock = FakeClock()
    plan = fakes.plan(**ONE_SIZE, budget_seconds=20.0, effort=effort(blocks=1))
    one = pacer(tmp_path, plan, clock)
    clock.advance(10.0)
    # 6 s of 20 went before the turns of 4 s: 14 s are left for turns.
    assert not one.is_enough({}, 4, 4.0, 0.0)
    clock.advance(9.0)
    assert not one.is_enough({}, 13, 13.0, 0.0)
    clock.advance(0.5)
    assert one.is_enough({}, 13, 13.5, 0.0)


@pytest.mark.parametrize("budget", [30.0, 120.0])
@pytest.mark.parametrize(
    "costs",
    [
        Costs(start=1.0, prepare=0.3, epoch=0.05, noise=0.1),
        Costs(start=0.2, prepare=0.05, epoch=0.3, noise=0.3),
        Costs(start=0.5, prepare=0.4, epochs={NAIVE: 0.5, OPTIMIZED: 0.02}),
    ],
)
def test_a_budget_holds_within_a_tenth(tmp_path: Path, costs: Costs, budget: float) -> None:
    plan = fakes.plan(budget_seconds=budget, effort=effort(blocks=pacing.MOST_BLOCKS))
    simulated = Simulated(tmp_path / "out", costs)
    record = simulated.run(plan)
    (ending,) = record.of(Ending)
    assert abs(simulated.clock.now - budget) <= 0.1 * budget, ending.reason
    assert ending.reason.startswith(f"the budget of {budget:.0f} s")
    sweeps = Counter((one.block, one.batch_size) for one in record.of(Sweep))
    assert min(sweeps.values()) >= pacing.FEWEST_SWEEPS


def test_precise_sweeps_are_enough_and_others_are_not(tmp_path: Path) -> None:
    plan = fakes.plan(**ONE_SIZE, precision=0.02)
    one = pacer(tmp_path, plan)
    close = {sweep: 0.5 + 0.001 * (-1) ** sweep for sweep in range(pacing.PRECISE_SWEEPS)}
    wide = {sweep: 0.5 + 0.1 * (-1) ** sweep for sweep in range(pacing.PRECISE_SWEEPS)}
    few = dict(list(close.items())[1:])
    assert one.is_enough(epochs(close), len(close), 1.0, 0.0)
    assert not one.is_enough(epochs(wide), len(wide), 1.0, 0.0)
    assert not one.is_enough(epochs(few), len(close), 1.0, 0.0)
    assert one.is_enough(epochs(wide), pacing.MOST_SWEEPS, 1.0, 0.0)


def test_precision_is_blind_to_the_direction(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    one = pacer(tmp_path, fakes.plan(**ONE_SIZE, precision=0.02))
    decided = set()
    for scatter in (0.005, 0.01, 0.02, 0.05):
        logs = dict(enumerate(0.3 + scatter * rng.standard_normal(12)))
        turned = {sweep: -log for sweep, log in logs.items()}
        found = one.is_enough(epochs(logs), 12, 1.0, 0.0)
        assert one.is_enough(epochs(turned), 12, 1.0, 0.0) == found
        decided.add(found)
    assert decided == {True, False}


def test_blocks_end_as_soon_as_every_ratio_is_precise(tmp_path: Path) -> None:
    plan = fakes.plan(**ONE_SIZE, precision=0.03, effort=effort(blocks=30))
    quiet = Simulated(tmp_path / "quiet", Costs(noise=0.01)).run(plan)
    noisy = Simulated(tmp_path / "noisy", Costs(noise=3.0)).run(plan)
    assert len(quiet.of(Block)) == pacing.FEWEST_BLOCKS
    assert quiet.of(Ending)[0].reason.startswith("every ratio within ")
    assert len(noisy.of(Block)) > pacing.FEWEST_BLOCKS


def test_a_training_has_as_many_sweeps_as_it_needs(tmp_path: Path) -> None:
    one = pacer(tmp_path, fakes.plan(**ONE_SIZE, target=0.9, budget_seconds=1.0))
    assert not one.is_enough(epochs({0: 0.0}), 10_000, 1e9, 0.0)


def test_one_block_is_named_so(tmp_path: Path) -> None:
    assert pacer(tmp_path, fakes.plan(effort=effort(blocks=1))).reason_to_end(1) == "the one block"


def test_all_blocks_are_counted(tmp_path: Path) -> None:
    two = pacer(tmp_path, fakes.plan())
    assert two.reason_to_end(1) is None
    assert two.reason_to_end(2) == "all 2 blocks"


def test_starting_workers_may_take_half_of_a_budget(tmp_path: Path) -> None:
    plan = fakes.plan(**ONE_SIZE, budget_seconds=100.0, effort=effort(blocks=pacing.MOST_BLOCKS))
    one = pacer(tmp_path, plan)
    turns = ((0, fakes.turn(fakes.assignment(plan), "epoch")),)
    one.journal.lines += [
        Block(block=0, repetition=0, jobs=(0, 1), seconds=10.0),
        *(Sweep(block=0, batch_size=8, sweep=sweep, turns=turns) for sweep in range(10)),
        Stage(block=0, repetition=0, batch_size=8, jobs=(0, 1), seconds=1.0, prepared=0.0),
    ]
    assert one.reason_to_end(4) is None
    assert str(one.reason_to_end(5)).startswith("the budget of 100 s: 5 blocks took")
