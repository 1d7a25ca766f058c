"""How long a plan will take, before it starts: a promise to keep roughly, not a measurement.

The floor is timed here for a moment, and the work of an implementation is taken as a multiple of
it.  While a run goes on, the times of finished jobs replace this guess (``bench.cli.progress``).
"""

from __future__ import annotations

from bench.plan import Plan, jobs
from bench.timing import Clock, calibrate, time_round
from impls.floor import Trainer as Floor
from impls.parameters import Floats, batches, epoch_order, start_parameters

TYPICAL_MULTIPLE = 3.0
"""An implementation takes about so many floors: the best take 1.2, the baseline 8."""
START_SECONDS = 3.0
"""Importing libraries, loading data and compiling, on average."""
GATE_EPOCHS = 0.5
"""The gate's work, in epochs of the implementation."""


def run_seconds(plan: Plan, data: tuple[Floats, Floats], clock: Clock) -> float:
    """About how many seconds the plan will take."""
    per_job = START_SECONDS
    for training in plan.trainings:
        epoch = TYPICAL_MULTIPLE * floor_epoch_seconds(plan, training.batch_size, data, clock)
        step = epoch * training.batch_size / plan.examples
        effort = plan.effort
        epochs = min(effort.epoch_rounds, max(1, effort.cell_seconds / epoch))
        # Every round of the step is followed by one of the phases.
        rounds = 2 * max(effort.round_seconds, step)
        steps = min(effort.rounds, max(1, effort.cell_seconds / rounds)) * rounds
        per_job += steps + (epochs + GATE_EPOCHS) * epoch
    return per_job * len(jobs(plan))


def floor_epoch_seconds(
    plan: Plan, batch_size: int, data: tuple[Floats, Floats], clock: Clock
) -> float:
    """Seconds that an epoch's matrix products take in this process, from a few steps."""
    training = next(t for t in plan.trainings if t.batch_size == batch_size)
    floor = Floor(plan.network, training, start_parameters(plan.network, training, plan.seed))
    floor.bind(*data)
    rows = next(batches(epoch_order(plan.examples, plan.seed, 0), batch_size))

    def step() -> None:
        floor.step(rows)

    iterations = calibrate(clock, step, 0.01)
    return time_round(clock, step, iterations).wall * plan.examples / batch_size
