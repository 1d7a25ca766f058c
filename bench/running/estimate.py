"""How long a plan will take, before it starts: a promise to keep roughly, not a measurement.

The floor is timed here for a moment, and the work of an implementation is taken as a multiple of
it.  What a library compiles at its first call is not in it: that takes from nothing to minutes, and
nothing tells before it was seen once.  While a run goes on, the times of finished jobs replace
this guess (``bench.cli.progress``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from bench.measuring.timing import Clock, calibrate, time_round
from bench.planning.plan import Effort, Plan, jobs
from impls.networks import Training
from impls.numpy.floor import Trainer as Floor
from impls.parameters import Floats, batches, epoch_order, start_parameters
from impls.row import Row

TYPICAL_MULTIPLE = 3.0
"""An implementation takes about so many floors: the best take 1.2, the baseline 8."""
START_SECONDS = 3.0
"""Importing libraries and loading data, on average."""
GATE_EPOCHS = 0.5
"""The gate's work, in epochs of the implementation."""
_SLICES = 8


@dataclass(frozen=True)
class Pace:
    """How fast this machine is now.

    ``floor_epochs`` maps batch sizes to the seconds that an epoch's matrix products take;
    ``scatter`` is the standard deviation of the logarithms of such times within this process.
    """

    floor_epochs: Mapping[int, float]
    scatter: float


def pace(plan: Plan, data: tuple[Floats, Floats], clock: Clock) -> Pace:
    """Time a few steps of the floor for each batch size of ``plan``."""
    slices = {t.batch_size: _floor_slices(plan, t, data, clock) for t in plan.trainings}
    return Pace(
        {size: float(np.median(times)) for size, times in slices.items()},
        float(np.median([np.std(np.log(times), ddof=1) for times in slices.values()])),
    )


def may_compile(rows: Iterable[Row]) -> frozenset[str]:
    """The names of those of ``rows`` that bring a library of their own, which may compile."""
    return frozenset(row.name for row in rows if row.requires)


def run_seconds(plan: Plan, at: Pace) -> float:
    """About how many seconds all blocks of the plan will take."""
    return plan.effort.blocks * block_seconds(plan, at, plan.effort)


def block_seconds(plan: Plan, at: Pace, effort: Effort) -> float:
    """About how many seconds one block takes with ``effort`` in place of the plan's own."""
    per_job = START_SECONDS
    for size, floor_epoch in at.floor_epochs.items():
        epoch = TYPICAL_MULTIPLE * floor_epoch
        step = epoch * size / plan.examples
        if plan.target is not None:
            # At worst no accuracy is held before the last epoch.
            per_job += epoch * max(training.epochs for training in plan.trainings)
            continue
        epochs = min(effort.epoch_rounds, max(1, effort.cell_seconds / epoch))
        # Every round of the step is followed by one of the phases.
        rounds = 2 * max(effort.round_seconds, step)
        steps = min(effort.rounds, max(1, effort.cell_seconds / rounds)) * rounds
        per_job += steps + (epochs + GATE_EPOCHS) * epoch
    return per_job * len(jobs(plan)) / plan.effort.blocks


def _floor_slices(
    plan: Plan, training: Training, data: tuple[Floats, Floats], clock: Clock
) -> list[float]:
    """Seconds that an epoch's matrix products would take, from several groups of a few steps."""
    floor = Floor(plan.network, training, start_parameters(plan.network, training, plan.seed))
    floor.bind(*data)
    rows = next(batches(epoch_order(plan.examples, plan.seed, 0), training.batch_size))

    def step() -> None:
        floor.step(rows)

    iterations = calibrate(clock, step, 0.01)
    steps = plan.examples / training.batch_size
    return [time_round(clock, step, iterations).wall * steps for _ in range(_SLICES)]
