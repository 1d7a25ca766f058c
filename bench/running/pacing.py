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
from bench.measuring.timing import Clock
from bench.observations.points import times_to_target
from bench.observations.ratios import ratios_to, timed_points
from bench.planning.plan import Job, Plan, jobs
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
        earlier = [line.seconds for line in journal.of(Block)]
        earlier += [line.seconds for line in journal.of(Stage)]
        self.began = clock.wall() - sum(earlier)
        self.fewest_sweeps = self._usual_sweeps() if journal.of(Ending) else FEWEST_SWEEPS

    def is_enough(
        self, epochs: Mapping[int, Mapping[int, float]], sweeps: int, spent: float, prepared: float
    ) -> bool:
        """Return whether a batch size has had its sweeps.

        ``epochs`` holds the seconds of its epochs by job and sweep.  The turns of ``sweeps`` sweeps
        took ``spent`` seconds, and getting ready for them ``prepared``.
        """
        if self.plan.target is not None:
            return False
        if sweeps < FEWEST_SWEEPS:
            return False
        if self.plan.budget_seconds is not None:
            # Half a sweep may be missing, and half a sweep may be too much.
            allotted = self._allotted(spent, sweeps, prepared, self.plan.budget_seconds)
            is_spent = spent * (1 + 0.5 / sweeps) >= allotted
            # Where a run of a budget has ended, what failed gets as many sweeps as the others had.
            if is_spent and sweeps >= self.fewest_sweeps:
                return True
        if self.plan.precision is not None and self._is_precise(epochs, self.plan.precision):
            return True
        if self.plan.precision is not None or self.plan.budget_seconds is not None:
            return sweeps >= MOST_SWEEPS
        cells = max(1, len(epochs))
        return sweeps >= self.plan.effort.sweeps or spent >= cells * self.plan.effort.cell_seconds

    def reason_to_end(self, done: int) -> str | None:
        """Return why no further block is needed after ``done`` ones, or None where one is."""
        if done >= self.plan.effort.blocks:
            return f"all {done} blocks" if done > 1 else "the one block"
        if self.plan.precision is not None and done >= FEWEST_BLOCKS:
            reason = self._precise(self.plan.precision, done)
            if reason is not None:
                return reason
        budget = self.plan.budget_seconds
        if budget is not None and done >= self._blocks(budget):
            spent = self.clock.wall() - self.began
            blocks = f"{done} block{'' if done == 1 else 's'}"
            return f"the budget of {budget:.0f} s: {blocks} took {spent:.0f} s"
        return None

    def _fixed(self, prepared: float | None = None) -> tuple[float, float]:
        """Seconds that it takes to start the workers, and to prepare a batch size, on average.

        ``prepared`` is that of the batch size in hand.
        """
        starts = self.journal.of(Block)
        repetitions = {line.repetition for line in starts}
        start = sum(line.seconds for line in starts) / max(1, len(repetitions))
        known = [line.prepared for line in self.journal.of(Stage)]
        known += [] if prepared is None else [prepared]
        return start, statistics.mean(known) if known else 0.0

    def _usual_sweeps(self) -> float:
        """Return how many sweeps a batch size had."""
        numbers = Counter((line.block, line.batch_size) for line in self.journal.of(Sweep))
        return statistics.median(numbers.values()) if numbers else FEWEST_SWEEPS

    def _sweep(self, current: float | None = None) -> float:
        """Return seconds of a sweep, on average; ``current`` is that of the batch size in hand."""
        numbers = Counter((line.block, line.batch_size) for line in self.journal.of(Sweep))
        known = [
            (line.seconds - line.prepared) / numbers[line.block, line.batch_size]
            for line in self.journal.of(Stage)
            if (line.block, line.batch_size) in numbers
        ]
        known += [] if current is None else [current]
        return statistics.mean(known) if known else 0.0

    def _blocks(
        self, budget: float, prepared: float | None = None, sweep: float | None = None
    ) -> int:
        """How many blocks the budget is for: several, as long as turns get their share of it.

        ``prepared`` and ``sweep`` are those of the batch size in hand.
        """
        start, preparation = self._fixed(prepared)
        sizes = len(self.plan.trainings)
        fixed = start + preparation * sizes
        shortest = fixed + FEWEST_SWEEPS * self._sweep(sweep) * sizes
        wanted = int(min(FIXED_SHARE * budget / max(fixed, 1e-9), budget / max(shortest, 1e-9)))
        least = 2 if max(2.4 * fixed, 2 * shortest) <= budget else 1
        return min(self.plan.effort.blocks, max(least, min(wanted, MOST_BUDGETED)))

    def _allotted(self, spent: float, sweeps: int, prepared: float, budget: float) -> float:
        """Seconds for the turns of the batch size in hand: an equal share of what is left."""
        start, preparation = self._fixed(prepared)
        blocks = self._blocks(budget, prepared, spent / sweeps)
        left = max(1, blocks * len(self.plan.trainings) - len(self.journal.of(Stage)))
        starting = blocks - len({line.repetition for line in self.journal.of(Block)})
        elapsed = self.clock.wall() - self.began - spent
        return (budget - elapsed - starting * start - (left - 1) * preparation) / left

    def _is_precise(self, epochs: Mapping[int, Mapping[int, float]], precision: float) -> bool:
        """Return whether further sweeps would hardly narrow any ratio; further blocks might."""
        for index, own in epochs.items():
            theirs = epochs.get(self._partner(self.jobs[index]), {})
            if self.jobs[index].implementation == self.baseline:
                continue
            logs = log_ratios(theirs, own)
            if len(logs) < PRECISE_SWEEPS:
                return False
            if statistics.stdev(logs) / math.sqrt(len(logs)) > WITHIN_SHARE * precision:
                return False
        return True

    def _partner(self, job: Job) -> int:
        """Return the index of the baseline's job under the same condition; -1 if there is none."""
        for other in self.jobs.values():
            same = (other.threads, other.setting) == (job.threads, job.setting)
            if same and other.implementation == self.baseline:
                return other.index
        return -1

    def _precise(self, precision: float, done: int) -> str | None:
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
