"""What tools that watch numbers take from a document: one series per cell and phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.documents.results import Measured, Outcome, Results
from bench.documents.timings import EPOCH, STEP, Timing
from bench.observations.table import known_rows
from bench.planning.plan import Cell
from bench.stats import estimates
from impls.errors import UsageError


@dataclass(frozen=True)
class Series:
    """The rounds of one phase of one cell, by process; seconds are per iteration."""

    cell: Cell
    phase: str
    processes: tuple[tuple[Measured, Timing], ...]

    @property
    def name(self) -> str:
        """A name that stays the same from run to run: ``numba/blog/b500/t2/epoch``."""
        return f"{self.cell.id}/{self.phase}"

    @property
    def examples(self) -> int:
        """Training examples per iteration."""
        return self.processes[0][1].examples

    @cached_property
    def estimate(self) -> estimates.Estimate:
        """Seconds per iteration with their 95 % interval."""
        return estimates.estimate([timing.round_seconds for _, timing in self.processes])


def only(results: Sequence[Results], form: str) -> Results:
    """Return the one document that a file of the format ``form`` holds.

    Raises:
        UsageError: there are several.
    """
    if len(results) > 1:
        raise UsageError(
            f"--format {form} holds one run, and {len(results)} are named: export each to a file"
        )
    return results[0]


def series(document: Results, phases: Sequence[str]) -> list[Series]:
    """Return the series of what was measured, in the order of the outcomes.

    Without ``phases`` it is the epoch of each cell, or the step where its epoch was not timed.
    Controls are left out: they repeat another implementation.

    Raises:
        UsageError: nothing of the kind was measured.
    """
    cells: dict[Cell, list[Measured]] = {}
    for outcome in without_controls(document):
        if isinstance(outcome, Measured):
            cells.setdefault(outcome.cell, []).append(outcome)
    every = []
    for cell, processes in cells.items():
        timed: dict[str, list[tuple[Measured, Timing]]] = {}
        for process in processes:
            for timing in process.timings:
                if timing.round_seconds:
                    timed.setdefault(timing.phase, []).append((process, timing))
        wanted = phases or [EPOCH if EPOCH in timed else STEP]
        every += [Series(cell, phase, tuple(timed[phase])) for phase in wanted if phase in timed]
    if not every:
        what = " or ".join(phases) or "epoch or step"
        raise UsageError(f"no {what} was measured, so there is nothing to export")
    return every


def without_controls(document: Results) -> list[Outcome]:
    """Return the outcomes of ``document`` but those of controls."""
    rows = known_rows([document])
    controls = {name for name, row in rows.items() if row.role == "control"}
    return [outcome for outcome in document.outcomes if outcome.cell.implementation not in controls]
