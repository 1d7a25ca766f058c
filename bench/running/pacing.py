"""When it is enough: sweeps of a batch size, blocks of a run, and the budget that both share.

The rules look at the widths of intervals and at the clock, never at which way a difference points:
stopping as soon as something is significant would find differences where there are none.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping

from bench.documents.journal import Block, Ending, Journal, Stage, Sweep, repetitions_of
from bench.measuring.clock import Clock
from bench.observations.points import times_to_target
from bench.observations.ratios import ratios_to, timed_points
from bench.planning.plan import Plan, jobs
from bench.stats import estimates
from bench.stats.sweeps import log_ratios

FEWEST_SWEEPS = 3
"""Two epochs, with the step and its phases between them."""
MOST_SWEEPS = 200
MOST_BLOCKS = 200
"""The most blocks where precision or a budget decides."""
FEWEST_BLOCKS = 4
"""Precision is not believed earlier: the scatter of a few ratios is itself a guess."""
PRECISE_SWEEPS = 8
"""Fewer sweeps do not show their scatter."""
WITHIN_SHARE = 0.25
"""Sweeps are precise enough where their standard error is this share of the wanted precision."""
FIXED_SHARE = 0.5
"""Under a budget there are as many blocks as leave this share of it to turns; see MOST_BUDGETED."""
MOST_BUDGETED = 20


class Pacer:
    """Decides after each sweep and after each block whether another one is needed."""

    def __init__(self, plan: Plan, baseline: str, journal: Journal, clock: Clock) -> None:
        self.plan, self.baseline, self.journal, self.clock = plan, baseline, journal, clock
        self.jobs = {job.index: job for job in jobs(plan)}
        self.baselines = {
            (job.threads, job.setting): job.index
            for job in self.jobs.values()
            if job.implementation == baseline
        }
        earlier = [line.seconds for line in journal.of(Block)]
        earlier += [line.seconds for line in journal.of(Stage)]
        self.began = clock.wall() - sum(earlier)
        self.fewest_sweeps: float = FEWEST_SWEEPS
        numbers = self._sweep_numbers()
        if journal.of(Ending) and numbers:
            self.fewest_sweeps = statistics.median(numbers.values())

    def is_enough(
        self, epochs: Mapping[int, Mapping[int, float]], sweeps: int, spent: float, prepared: float
    ) -> bool:
        """Return whether a batch size has had its sweeps.

        ``epochs`` holds the seconds of its epochs by job and sweep.  The turns of ``sweeps`` sweeps
        took ``spent`` seconds, and getting ready for them ``prepared``.
        """
        if self.plan.target is not None or sweeps < FEWEST_SWEEPS:
            return False
        if self.plan.budget_seconds is not None:
            allotted = self._allotted(spent, sweeps, prepared, self.plan.budget_seconds)
            # Half a sweep may be missing, and half a sweep may be too much.
            is_spent = spent * (1 + 0.5 / sweeps) >= allotted
            # Where a run of a budget has ended, what failed gets as many sweeps as the others had.
            if is_spent and sweeps >= self.fewest_sweeps:
                return True
        if self.plan.precision is not None and self._sweeps_suffice(epochs, self.plan.precision):
            return True
        if self.plan.precision is not None or self.plan.budget_seconds is not None:
            return sweeps >= MOST_SWEEPS
        cells = max(1, len(epochs))
        return sweeps >= self.plan.effort.sweeps or spent >= cells * self.plan.effort.cell_seconds

    def reason_to_end(self, done: int) -> str | None:
        """Return why no further repetition is needed after ``done`` ones, or None where one is."""
        if done >= self.plan.effort.blocks:
            return f"all {done} blocks" if done > 1 else "the one block"
        if self.plan.precision is not None and done >= FEWEST_BLOCKS:
            reason = self._precision_reached(self.plan.precision, done)
            if reason is not None:
                return reason
        budget = self.plan.budget_seconds
        if budget is not None and done >= self._blocks(budget):
            spent = self.clock.wall() - self.began
            blocks = f"{done} block{'' if done == 1 else 's'}"
            return f"the budget of {budget:.0f} s: {blocks} took {spent:.0f} s"
        return None

    def _sweep_numbers(self) -> Counter[tuple[int, int]]:
        """Return how many sweeps there were so far, by block and batch size."""
        return Counter((line.block, line.batch_size) for line in self.journal.of(Sweep))

    def _averages(self, current: tuple[float, float] | None) -> tuple[float, float, float]:
        """Return seconds to start a block's workers, to prepare a batch size, and of a sweep.

        ``current`` are the last two of the batch size in hand.
        """
        starts, stages = self.journal.of(Block), self.journal.of(Stage)
        numbers = self._sweep_numbers()
        repetitions = {line.repetition for line in starts}
        preparations = [line.prepared for line in stages]
        sweeps = [
            (line.seconds - line.prepared) / numbers[line.block, line.batch_size]
            for line in stages
            if (line.block, line.batch_size) in numbers
        ]
        if current is not None:
            preparations.append(current[0])
            sweeps.append(current[1])
        start = sum(line.seconds for line in starts) / max(1, len(repetitions))
        return start, statistics.mean(preparations or [0.0]), statistics.mean(sweeps or [0.0])

    def _blocks(self, budget: float, current: tuple[float, float] | None = None) -> int:
        """Return how many blocks a budget is for: several, if turns get their share of it."""
        start, preparation, sweep = self._averages(current)
        sizes = len(self.plan.trainings)
        fixed = start + preparation * sizes
        shortest = fixed + FEWEST_SWEEPS * sweep * sizes
        wanted = int(min(FIXED_SHARE * budget / max(fixed, 1e-9), budget / max(shortest, 1e-9)))
        least = 2 if max(2.4 * fixed, 2 * shortest) <= budget else 1
        return min(self.plan.effort.blocks, max(least, min(wanted, MOST_BUDGETED)))

    def _allotted(self, spent: float, sweeps: int, prepared: float, budget: float) -> float:
        """Return seconds for turns at the batch size in hand: an equal share of what is left."""
        current = prepared, spent / sweeps
        start, preparation, _ = self._averages(current)
        blocks = self._blocks(budget, current)
        left = max(1, blocks * len(self.plan.trainings) - len(self.journal.of(Stage)))
        starting = blocks - len({line.repetition for line in self.journal.of(Block)})
        elapsed = self.clock.wall() - self.began - spent
        return (budget - elapsed - starting * start - (left - 1) * preparation) / left

    def _sweeps_suffice(self, epochs: Mapping[int, Mapping[int, float]], precision: float) -> bool:
        """Return whether further sweeps would hardly narrow any ratio; further blocks might."""
        for index, own in epochs.items():
            job = self.jobs[index]
            if job.implementation == self.baseline:
                continue
            baseline = self.baselines.get((job.threads, job.setting), -1)
            logs = log_ratios(epochs.get(baseline, {}), own)
            if len(logs) < PRECISE_SWEEPS:
                return False
            if statistics.stdev(logs) / math.sqrt(len(logs)) > WITHIN_SHARE * precision:
                return False
        return True

    def _precision_reached(self, precision: float, done: int) -> str | None:
        """Return that every ratio is known well enough, or None where a further block may help.

        What was not measured in the last repetition is not waited for; it is counted.
        """
        repetitions = repetitions_of(self.journal.lines)
        points = timed_points(self.journal.document())
        if self.plan.target is not None:
            scopes = {point.condition.scope for point in points}
            points = list(times_to_target({point.key: point for point in points}, scopes).values())
        latest = [
            max(repetitions.get(block, block) for block in point.epoch_rounds) for point in points
        ]
        last = max(latest, default=0)
        fresh = [point for point, own in zip(points, latest, strict=True) if own == last]
        widths = [estimates.half_width(ratio) for ratio in ratios_to(fresh, self.baseline).values()]
        if self.plan.target is not None and not widths:
            return f"no time to the target can be compared with one of {self.baseline}"
        if not widths or any(width is None or width > precision for width in widths):
            return None
        missed = len(points) - len(fresh)
        but = f", but for {missed} no longer measured" if missed else ""
        widest = max(width for width in widths if width is not None)
        return f"every ratio within {widest:.1%} after {done} blocks{but}"
