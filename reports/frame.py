"""Results as one tidy table: a row for each round of each phase of each cell in each process."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bench.documents.results import Results
from bench.observations.table import ObservationTable, tabulate

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
    """Return the rounds of ``results``: a row per run, cell, block, phase and round.

    Durations are in seconds per iteration.  ``run`` counts the documents from 1.  ``outcome`` is
    ``measured`` or ``unverified``: the latter was timed, but under another thread setting than
    requested.  ``threads`` is missing where none was requested, ``cpu_seconds`` where CPU time was
    not taken.
    """
    return rounds(tabulate(results))


def rounds(table: ObservationTable) -> pd.DataFrame:
    """Return the rows of :func:`tidy` of an observation table."""
    frame = table.frame
    return frame.loc[frame["phase"] != "", list(COLUMNS)].reset_index(drop=True)


def to_csv(frame: pd.DataFrame, *, digits: int | None = None) -> str:
    """``frame`` as CSV with a header; ``digits`` limits durations to significant digits."""
    return frame.to_csv(
        index=False, lineterminator="\n", float_format=f"%.{digits}g" if digits else None
    )
