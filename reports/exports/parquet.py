"""Parquet: the tidy table, with all else of the documents in the metadata of the file.

``mlpbench compare`` and ``mlpbench report`` read such a file as they read results.json.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from bench.documents import parquet
from bench.documents.results import Results
from impls.errors import ResultsError, UsageError
from reports.exports.table import tidy


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
    table = pa.Table.from_pandas(tidy(results), preserve_index=False)
    table = table.replace_schema_metadata({**table.schema.metadata, **parquet.metadata(results)})
    if len(results) == 1:
        _require_same(table.schema.metadata, table.to_pylist(), results[0])
    buffer = io.BytesIO()
    files.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()


def _require_same(
    stored: Mapping[bytes, bytes], rows: Sequence[Mapping[str, Any]], document: Results
) -> None:
    """Refuse to write what could not be read again as it is."""
    if parquet.assembled(stored, rows, origin="the Parquet table") != document:
        raise ResultsError(
            "these results cannot be written as Parquet: their rounds, processor times and sweeps "
            "differ in number. Export them as csv, or measure again."
        )
