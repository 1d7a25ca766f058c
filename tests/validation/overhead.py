"""What the harness itself adds, inside the clock and beside it.

An implementation that does nothing is timed as any other: all that the clock shows is the harness.
It is set against the shortest step that the default profile times, and the shortest round.  The
monitor's readings lie outside of every round; they only make the run longer.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.documents.timings import EPOCH, STEP, Disturbance
from bench.measuring.disturbance import Monitor, Reading
from bench.planning.plan import Effort
from bench.selfcheck import CheckResult, Options, Report
from impls import contract
from impls.contract import Loss
from impls.parameters import Floats, Indices, Parameters
from tests.validation.in_process import (
    DEFAULT,
    Work,
    default_work,
    median_seconds,
)

REPEATS = 5
MOST_INSIDE = 0.01
MOST_MONITOR = 0.002


@dataclass(frozen=True)
class AddedTime:
    """One measurement of each: nothing, and the implementation ``name`` with the shortest step.

    In seconds: ``per_step`` and ``per_round`` are what the harness adds inside the clock,
    ``monitor`` is what all readings of a cell took and ``whole`` the time of the cell.
    """

    name: str
    step: float
    per_step: float
    per_round: float
    monitor: float
    whole: float


def check(options: Options) -> Report:
    """``trials`` is how often everything is measured."""
    repeats = options.trials or REPEATS
    work = default_work(options.seed)
    names = work.fast_implementations()
    costs = []
    for number in range(repeats):
        costs.append(cost(work, names, DEFAULT.effort))
        options.say(f"measurement {number + 1} of {repeats}")
    batch = work.training.batch_size
    note = f"the shortest step of the default profile is that of {costs[0].name} at batch {batch}"
    return Report("What the harness adds", judge(costs, DEFAULT.effort.round_seconds), [note])


class Empty(contract.Trainer):
    """Does nothing at all."""

    def load(self, parameters: Parameters) -> None:
        """Nothing, as everywhere."""

    def bind(self, X: Floats, Y: Floats) -> None:
        """Nothing."""

    def prepare(self, rows: Indices) -> None:
        """Nothing."""

    def forward(self) -> None:
        """Nothing."""

    def loss(self) -> Loss:
        """Return no loss."""
        return _NO_LOSS

    def backward(self) -> None:
        """Nothing."""

    def update(self) -> None:
        """Nothing."""

    def step(self, rows: Indices) -> Loss:
        """Not even its phases."""
        return _NO_LOSS

    def epoch(self, order: Indices) -> npt.NDArray[np.float64]:
        """Return no losses."""
        return _NO_LOSSES

    def predict(self, X: Floats) -> Floats:
        """Return no examples."""
        return _NO_LOSSES

    def parameters(self) -> Parameters:
        """Return no layers."""
        return Parameters((), ())

    def gradients(self) -> Parameters:
        """Return no layers."""
        return Parameters((), ())


_NO_LOSS = Loss(0.0, 0.0, 0.0)
_NO_LOSSES = np.zeros((0, 3))


class TimedMonitor(Monitor):
    """Adds up the ``seconds`` that its own work takes."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def read(self) -> Reading:
        """See :class:`Monitor`."""
        begun = time.perf_counter()
        reading = super().read()
        self.seconds += time.perf_counter() - begun
        return reading

    def between(self, before: Reading, after: Reading) -> Disturbance:
        """See :class:`Monitor`."""
        begun = time.perf_counter()
        disturbance = super().between(before, after)
        self.seconds += time.perf_counter() - begun
        return disturbance


def cost(work: Work, names: Sequence[str], effort: Effort) -> AddedTime:
    """Measure nothing and each of ``names``, and keep the one with the shortest step."""
    nothing = work.measure(Empty(work.plan.network, work.training, work.start), effort)
    costs = []
    for name in names:
        trainer = work.trainer(name)
        # What is compiled at the first call is no part of what is compared here.
        trainer.epoch(np.arange(work.training.batch_size))
        monitor = TimedMonitor()
        begun = time.perf_counter()
        measured = work.measure(trainer, effort, monitor=monitor)
        whole = time.perf_counter() - begun
        monitor.close()
        costs.append(
            AddedTime(
                name=name,
                step=median_seconds(measured, STEP),
                per_step=median_seconds(nothing, STEP),
                per_round=median_seconds(nothing, EPOCH),
                monitor=monitor.seconds,
                whole=whole,
            )
        )
    return min(costs, key=lambda cost: cost.step)


def judge(costs: Sequence[AddedTime], round_seconds: float) -> list[CheckResult]:
    """Return medians over all measurements, beside what rounds of ``round_seconds`` allow."""
    steps = statistics.median(cost.per_step / cost.step for cost in costs)
    rounds = statistics.median(cost.per_round / round_seconds for cost in costs)
    monitor = statistics.median(cost.monitor / cost.whole for cost in costs)
    per_step = statistics.median(cost.per_step for cost in costs)
    step = statistics.median(cost.step for cost in costs)
    per_round = statistics.median(cost.per_round for cost in costs)
    return [
        CheckResult(
            "inside the clock, per step",
            f"{steps:.2%}: {per_step * 1e9:.0f} ns of {step * 1e6:.0f} us",
            f"below {MOST_INSIDE:.0%}",
            steps < MOST_INSIDE,
        ),
        CheckResult(
            "inside the clock, per round",
            f"{rounds:.4%}: {per_round * 1e9:.0f} ns of {round_seconds * 1e3:g} ms",
            f"below {MOST_INSIDE:.0%} with that of its steps",
            steps + rounds < MOST_INSIDE,
        ),
        CheckResult(
            "the monitor, outside the clock",
            f"{monitor:.3%} of the time of a cell",
            f"below {MOST_MONITOR:.1%}",
            monitor < MOST_MONITOR,
        ),
    ]
