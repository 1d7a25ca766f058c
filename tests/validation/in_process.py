"""Cells timed in this very process, by the same timer as in workers: for looking inside."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.documents.rounds import Turn, timings_of
from bench.measuring.cell_timer import CellTimer
from bench.measuring.clock import SYSTEM_CLOCK, Clock
from bench.measuring.disturbance import Monitor
from bench.planning.plan import Effort, Plan
from bench.planning.profiles import PROFILES
from bench.running.pacing import FEWEST_SWEEPS
from bench.running.turns import times_parts
from bench.selfcheck.small_run import plan_for, random_examples
from impls import registry
from impls.contract import Trainer
from impls.networks import Training
from impls.parameters import Floats, Parameters, start_parameters

DEFAULT = PROFILES["default"]
TOP = registry.top_of_ladder()
SMALLEST_BATCH = min(DEFAULT.batch_sizes)


@dataclass(frozen=True)
class Work:
    """The articles' network, and made-up examples ``X`` with one-hot targets ``Y``."""

    plan: Plan
    training: Training
    start: Parameters
    X: Floats
    Y: Floats

    def trainer(self, name: str) -> Trainer:
        """Return the implementation called ``name``, with the data bound."""
        trainer = registry.load(registry.find(name))(self.plan.network, self.training, self.start)
        trainer.bind(self.X, self.Y)
        return trainer

    def fast_implementations(self) -> list[str]:
        """Return those of which one has the shortest step at small batches, as far as installed.

        The top of the ladder and what is no rung of it; frameworks, which an extra installs, start
        slowly.
        """
        return [
            row.name
            for row in registry.ROWS
            if row.role == "trainer"
            and row.extra is None
            and row.rung in {None, TOP.rung}
            and registry.missing(row) is None
            and registry.load(row).supports(self.plan.network, self.training) is None
        ]

    def measure(
        self,
        trainer: Trainer,
        effort: Effort,
        *,
        clock: Clock = SYSTEM_CLOCK,
        monitor: Monitor | None = None,
    ) -> tuple[Turn, ...]:
        """Turns of ``trainer`` as a worker takes them after its gate, with nobody beside it."""
        own = Monitor() if monitor is None else None
        timer = CellTimer(
            trainer,
            self.start,
            examples=self.plan.examples,
            seed=self.plan.seed,
            effort=effort,
            clock=clock,
            monitor=monitor or own or Monitor(),
        )
        try:
            timer.first_call()
            timer.warm_up()
            return tuple(turns(timer, effort, clock))
        finally:
            if own is not None:
                own.close()


def work_of(batch_size: int, examples: int, seed: int) -> Work:
    """Return batches of ``batch_size`` from ``examples`` examples."""
    plan = plan_for([], seed=seed, batch_sizes=(batch_size,), examples=examples)
    training = plan.trainings[0]
    start = start_parameters(plan.network, training, seed)
    return Work(plan, training, start, *random_examples(plan))


def default_work(seed: int) -> Work:
    """Return the smallest batch of the default profile, with as many examples as it has."""
    examples = DEFAULT.examples
    assert examples is not None  # so it is declared
    return work_of(SMALLEST_BATCH, examples, seed)


def turns(timer: CellTimer, effort: Effort, clock: Clock) -> Iterator[Turn]:
    """As many turns as the effort grants, the step and its phases every third time."""
    begun = clock.wall()
    for number in range(effort.sweeps):
        if number >= FEWEST_SWEEPS and clock.wall() - begun >= effort.cell_seconds:
            return
        yield timer.take_turn("parts" if times_parts(number) else "epoch", number)


def median_seconds(turns: Sequence[Turn], phase: str) -> float:
    """Median over the rounds of ``phase``, per iteration."""
    timing = next(timing for timing in timings_of(dict(enumerate(turns))) if timing.phase == phase)
    return statistics.median(timing.round_seconds)
