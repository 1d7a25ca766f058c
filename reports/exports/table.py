"""The tidy table of exports: a row per round, and a row per outcome without rounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import pandas as pd

from bench.documents.results import Measured, Outcome, Results, Unavailable, Unverified
from reports import format as text
from reports.exports.series import role

COLUMNS = {
    "implementation": "string",
    "role": "string",
    "device": "string",
    "network": "string",
    "batch_size": "Int64",
    "threads": "Int64",
    "setting": "string",
    "run": "Int64",
    "block": "Int64",
    "sweep": "Int64",
    "phase": "string",
    "round": "Int64",
    "seconds": "Float64",
    "examples": "Int64",
    "cpu_seconds": "Float64",
    "outcome": "string",
    "reason": "string",
}
"""The columns and their types; all of them may lack a value."""


def tidy(results: Sequence[Results]) -> pd.DataFrame:
    """One row per round of each phase of each cell in each process, as the documents hold them.

    ``run`` counts the documents from 1, ``block`` and ``round`` count from 0.  ``seconds`` and
    ``cpu_seconds`` are per iteration, and ``examples`` is how many examples an iteration trains
    on.  An outcome without rounds is one row that says why in ``reason``.
    """
    frame = pd.DataFrame(list(_rows(results)), columns=list(COLUMNS), dtype=object)
    return frame.astype(COLUMNS)


def to_csv(results: Sequence[Results]) -> str:
    """Return the table as CSV with a header; what is missing is an empty place."""
    return tidy(results).to_csv(index=False, lineterminator="\n")


def _rows(results: Sequence[Results]) -> Iterator[tuple[object, ...]]:
    for run, document in enumerate(results, start=1):
        for outcome in document.outcomes:
            yield from _of_outcome(document, run, outcome)


def _of_outcome(document: Results, run: int, outcome: Outcome) -> Iterator[tuple[object, ...]]:
    cell = outcome.cell
    cell_facts = (
        cell.implementation,
        role(document, cell.implementation),
        cell.device,
        cell.network,
        cell.batch_size,
        cell.threads,
        text.setting(cell.setting),
        run,
        None if isinstance(outcome, Unavailable) else outcome.block,
    )
    kind = type(outcome).__name__.lower()
    reason = None if isinstance(outcome, Measured) else outcome.reason
    measured = outcome.measured if isinstance(outcome, Unverified) else outcome
    rounds = list(_rounds(measured)) if isinstance(measured, Measured) else []
    for one in rounds or [(None,) * 6]:
        yield (*cell_facts, *one, kind, reason)


def _rounds(measured: Measured) -> Iterator[tuple[object, ...]]:
    """Sweep, phase, round, seconds, examples and CPU seconds of each round."""
    for timing in measured.timings:
        columns = zip_longest(timing.sweeps, timing.round_seconds, timing.round_cpu_seconds)
        for number, (sweep, wall, cpu) in enumerate(columns):
            yield (sweep, timing.phase, number, wall, timing.examples, cpu)
