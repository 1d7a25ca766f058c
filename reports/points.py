"""Measured cells, pooled over their processes, and ratios between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from statistics import median

from bench.documents.results import Measured
from bench.documents.timings import EPOCH, STEP
from bench.judging import stats
from bench.planning.plan import Cell, Setting


@dataclass(frozen=True)
class Scope:
    """What may be compared at all: one network, in one run where runs are kept apart.

    ``run`` counts documents from 1; it is 0 where the documents form one grid.  ``is_tf32`` says
    that products were declared to be in TF32: such numbers are compared with each other alone.
    """

    network: str
    run: int
    is_tf32: bool = False


@dataclass(frozen=True)
class Condition:
    """What was asked of the machine: everything about a cell except who ran and the batch size."""

    scope: Scope
    threads: int | None
    setting: Setting

    @property
    def is_tf32(self) -> bool:
        """Whether products were declared to be in TF32."""
        return self.scope.is_tf32


Key = tuple[str, Condition, int]
"""Implementation, condition and batch size: what names a point."""


@dataclass(frozen=True)
class Point:
    """One measured cell.

    ``processes`` maps blocks, numbered through all documents, to what was measured in them;
    ``examples`` is the size of an epoch.
    """

    cell: Cell
    condition: Condition
    examples: int
    processes: Mapping[int, tuple[Measured, ...]]

    @property
    def implementation(self) -> str:
        """Name of the implementation."""
        return self.cell.implementation

    @property
    def batch_size(self) -> int:
        """Examples per batch."""
        return self.cell.batch_size

    @property
    def measured(self) -> tuple[Measured, ...]:
        """Every process, in order of blocks."""
        return tuple(one for block in sorted(self.processes) for one in self.processes[block])

    def rounds(self, phase: str, examples: int | None = None) -> dict[int, tuple[float, ...]]:
        """Seconds of every round of ``phase`` by block; blocks without it are left out.

        ``examples`` scales each round from the examples it processed to that number.
        """
        found: dict[int, tuple[float, ...]] = {}
        for block, processes in sorted(self.processes.items()):
            values = tuple(
                seconds * (examples / timing.examples if examples else 1)
                for one in processes
                for timing in one.timings
                if timing.phase == phase
                for seconds in timing.round_seconds
            )
            if values:
                found[block] = values
        return found

    @cached_property
    def durations(self) -> dict[str, stats.Estimate]:
        """Seconds per iteration of every phase that was timed, and of ``step`` and ``epoch``."""
        timed = {timing.phase for one in self.measured for timing in one.timings}
        rounds = {phase: self.rounds(phase) for phase in sorted(timed)}
        return {phase: stats.estimate(list(one.values())) for phase, one in rounds.items() if one}

    @cached_property
    def whole_epochs(self) -> bool:
        """Whether whole epochs were timed; otherwise :attr:`epoch` is reckoned from steps."""
        return bool(self.rounds(EPOCH))

    @cached_property
    def epoch_rounds(self) -> dict[int, tuple[float, ...]]:
        """Seconds for an epoch by block; empty where neither epoch nor step was timed."""
        phase = EPOCH if self.whole_epochs else STEP
        return self.rounds(phase, self.examples)

    @cached_property
    def epoch(self) -> stats.Estimate | None:
        """Seconds for an epoch, or None where neither epoch nor step was timed."""
        return stats.estimate(list(self.epoch_rounds.values())) if self.epoch_rounds else None

    @property
    def step(self) -> stats.Estimate | None:
        """Seconds for a step, or None where it was not timed."""
        return self.durations.get(STEP)

    @property
    def threads_observed(self) -> float:
        """CPU time over wall time of the timed epochs, the median of all processes."""
        return median(one.threads_observed for one in self.measured)


def speed_up(reference: Point, other: Point) -> stats.Ratio | None:
    """How many times faster an epoch of ``other`` is than one of ``reference``.

    Paired by block where they share one; None where one of them has no epoch.
    """
    if reference.epoch is None or other.epoch is None:
        return None
    ours, theirs = other.epoch_rounds, reference.epoch_rounds
    if ours.keys() & theirs.keys():
        return stats.paired_ratio(theirs, ours)
    return stats.unpaired_ratio(list(theirs.values()), list(ours.values()))
