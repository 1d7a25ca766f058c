"""Ratios of measured cells to a reference, paired by block and sweep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from bench.documents.results import Measured, Outcome, Results
from bench.documents.timings import EPOCH
from bench.planning.plan import Cell
from bench.stats import estimates
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict, judge

Sweeps = Mapping[int, Mapping[int, float]]
"""Seconds of an epoch by block and sweep."""


def epoch_sweeps(outcomes: Iterable[Outcome]) -> dict[Cell, dict[int, dict[int, float]]]:
    """Return the seconds of the epochs of every measured cell, by block and sweep."""
    found: dict[Cell, dict[int, dict[int, float]]] = {}
    for outcome in outcomes:
        if not isinstance(outcome, Measured):
            continue
        for timing in outcome.timings:
            if timing.phase == EPOCH:
                sweeps = timing.sweeps or range(len(timing.round_seconds))
                rounds = dict(zip(sweeps, timing.round_seconds, strict=True))
                found.setdefault(outcome.cell, {}).setdefault(outcome.block, {}).update(rounds)
    return found


def times_to_target(outcomes: Iterable[Outcome]) -> dict[Cell, dict[int, dict[int, float]]]:
    """Seconds of training to the target by block, of cells that held it in every training."""
    found: dict[Cell, dict[int, dict[int, float]]] = {}
    missed = set()
    for outcome in outcomes:
        if not isinstance(outcome, Measured):
            continue
        reached = None if outcome.learning is None else outcome.learning.reached_epoch
        if reached is None:
            missed.add(outcome.cell)
            continue
        epochs = next(timing for timing in outcome.timings if timing.phase == EPOCH)
        seconds = sum(epochs.round_seconds[:reached])
        found.setdefault(outcome.cell, {})[outcome.block] = {0: seconds}
    return {cell: times for cell, times in found.items() if cell not in missed}


def ratios_to(known: Mapping[Cell, Sweeps], reference: str) -> dict[Cell, Ratio]:
    """How many times faster than ``reference`` each cell is under its condition, in one table."""
    cells, table = [], []
    for cell, own in known.items():
        theirs = _reference_of(cell, reference, known)
        logs = estimates.paired_logs(theirs, own) if theirs is not None else {}
        if logs and cell.implementation != reference:
            cells.append(cell)
            table.append(logs)
    return dict(zip(cells, estimates.moderated_ratios(table), strict=True))


def _reference_of(cell: Cell, reference: str, known: Mapping[Cell, Sweeps]) -> Sweeps | None:
    """Rounds of the reference under the condition of ``cell``, whatever device it runs on."""
    wanted = (cell.network, cell.batch_size, cell.threads, cell.setting)
    for other, found in known.items():
        condition = (other.network, other.batch_size, other.threads, other.setting)
        if other.implementation == reference and condition == wanted:
            return found
    return None


@dataclass(frozen=True)
class Change:
    """A cell of an implementation as it is now, against the same at the revision in ``before``."""

    cell: Cell
    before: str
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        return f"{self.cell.id} against {self.before}: {self.verdict.reason}"


def changes(document: Results, margin: float) -> list[Change]:
    """Return every measured cell whose implementation was measured at another revision as well."""
    known = epoch_sweeps(document.outcomes)
    found, table = [], []
    for row in document.rows:
        name = row.name.rpartition("@")[0]
        if not row.revision:
            continue
        for cell, own in known.items():
            before = msgspec.structs.replace(cell, implementation=row.name)
            if cell.implementation == name and before in known:
                logs = estimates.paired_logs(known[before], own)
                if logs:
                    found.append((cell, row.name))
                    table.append(logs)
    verdicts = judge(estimates.moderated_ratios(table), margin)
    return [
        Change(cell, before, verdict)
        for (cell, before), verdict in zip(found, verdicts, strict=True)
    ]
