"""The observation table with one row per round, as CSV and as a Parquet file.

``mlpbench compare`` and ``mlpbench report`` read the Parquet file as they read results.json.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import pandas as pd

from bench.documents import parquet
from bench.documents.results import Results
from bench.observations.table import tabulate
from impls.errors import ResultsError, UsageError

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
    "iterations": "Int64",
    "cpu_seconds": "Float64",
    "outcome": "string",
    "reason": "string",
}
"""The columns and their types; all of them may lack a value."""


def tidy(results: Sequence[Results]) -> pd.DataFrame:
    """Return one row per round of each phase of each cell in each process.

    ``run`` counts the documents from 1, ``block`` and ``round`` count from 0.  ``seconds`` and
    ``cpu_seconds`` are per iteration, and ``examples`` is how many examples an iteration trains
    on.  An outcome without rounds is one row with its ``reason``.
    """
    table = tabulate(results).frame[list(COLUMNS)].astype(COLUMNS)
    words = ["phase", "reason"]
    table[words] = table[words].replace("", pd.NA)
    return table


def to_csv(table: pd.DataFrame, *, digits: int | None = None) -> str:
    """Return a table as CSV with a header; ``digits`` limits durations to significant digits."""
    return table.to_csv(
        index=False, lineterminator="\n", float_format=f"%.{digits}g" if digits else None
    )


def to_parquet(results: Sequence[Results]) -> bytes:
    """Return the content of the file.

    Raises:
        UsageError: pyarrow is not installed.
        ResultsError: the file would not give back a single document as it is.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra
        from pyarrow import parquet as files  # noqa: PLC0415  # the same
    except ImportError as error:
        raise UsageError(f"--format parquet: {parquet.NEEDS}") from error
    unfit = ResultsError(
        "these results cannot be written as Parquet: their rounds, processor times and sweeps "
        "differ in number. Export them as csv, or measure again."
    )
    try:
        table = pa.Table.from_pandas(tidy(results), preserve_index=False)
    except ValueError as error:
        raise unfit from error
    stored = {**table.schema.metadata, **parquet.metadata(results)}
    if len(results) == 1:
        again = parquet.assembled(stored, table.to_pylist(), origin="the Parquet table")
        if again != results[0]:
            raise unfit
    buffer = io.BytesIO()
    files.write_table(
        table.replace_schema_metadata(stored),
        buffer,
        compression="zstd",
        write_page_checksum=True,
    )
    return buffer.getvalue()
