"""Ratios of measured cells to a reference, paired by block and sweep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bench.documents.results import Measured, Outcome
from bench.documents.timings import EPOCH
from bench.judging import stats
from bench.judging.stats import Ratio
from bench.planning.plan import Cell

Sweeps = Mapping[int, Mapping[int, float]]
"""Seconds of an epoch by block and sweep."""


def epoch_sweeps(outcomes: Iterable[Outcome]) -> dict[Cell, dict[int, dict[int, float]]]:
    """Seconds of the epochs of every measured cell, by block and sweep."""
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
        logs = stats.paired_logs(theirs, own) if theirs is not None else {}
        if logs and cell.implementation != reference:
            cells.append(cell)
            table.append(logs)
    return dict(zip(cells, stats.moderated_ratios(table), strict=True))


def _reference_of(cell: Cell, reference: str, known: Mapping[Cell, Sweeps]) -> Sweeps | None:
    """Rounds of the reference under the condition of ``cell``, whatever device it runs on."""
    wanted = (cell.network, cell.batch_size, cell.threads, cell.setting)
    for other, found in known.items():
        condition = (other.network, other.batch_size, other.threads, other.setting)
        if other.implementation == reference and condition == wanted:
            return found
    return None
