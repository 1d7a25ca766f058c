"""Results as one tidy table: a row for each round of each phase of each cell in each process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

import pandas as pd

from bench.documents.results import Measured, Results, Unverified
from reports import format as text

COLUMNS = (
    "run",
    "outcome",
    "implementation",
    "device",
    "network",
    "batch_size",
    "threads",
    "setting",
    "block",
    "phase",
    "round",
    "examples",
    "iterations",
    "seconds",
    "cpu_seconds",
)


def tidy(results: Sequence[Results]) -> pd.DataFrame:
    """One row per run, cell, block, phase and round; durations in seconds per iteration.

    ``run`` counts the documents from 1.  ``outcome`` is ``measured`` or ``unverified``: the latter
    was timed, but under another thread setting than requested.  ``threads`` is missing where none
    was requested, ``cpu_seconds`` where CPU time was not taken.
    """
    frame = pd.DataFrame(_rows(results), columns=list(COLUMNS))
    return frame.astype({"threads": "Int64", "seconds": float, "cpu_seconds": float})


def to_csv(frame: pd.DataFrame, *, digits: int | None = None) -> str:
    """``frame`` as CSV with a header; ``digits`` limits durations to significant digits."""
    return frame.to_csv(
        index=False, lineterminator="\n", float_format=f"%.{digits}g" if digits else None
    )


def _rows(results: Sequence[Results]) -> Iterator[tuple[object, ...]]:
    """The rows of :func:`tidy`."""
    for run, document in enumerate(results, start=1):
        for outcome in document.outcomes:
            if isinstance(outcome, Measured):
                yield from _rounds(run, "measured", outcome)
            elif isinstance(outcome, Unverified) and outcome.measured is not None:
                yield from _rounds(run, "unverified", outcome.measured)


def _rounds(run: int, outcome: str, measured: Measured) -> Iterator[tuple[object, ...]]:
    """The rows of one cell in one process."""
    cell = measured.cell
    identity = (
        run,
        outcome,
        cell.implementation,
        cell.device,
        cell.network,
        cell.batch_size,
        cell.threads,
        text.setting(cell.setting),
        measured.block,
    )
    for timing in measured.timings:
        rounds = zip_longest(timing.round_seconds, timing.round_cpu_seconds)
        for number, (wall, cpu) in enumerate(rounds):
            yield (*identity, timing.phase, number, timing.examples, timing.iterations, wall, cpu)
