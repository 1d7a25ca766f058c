"""Reading results of any origin as one kind of document."""

from __future__ import annotations

from pathlib import Path

from bench.documents import journal, parquet, pytest_json
from bench.documents.files import decode, read_bytes
from bench.documents.results import Results


def read_any(path: Path) -> Results:
    """Return the document at ``path``: results.json, a journal, pytest-benchmark's or our Parquet.

    Raises:
        ResultsError: it cannot be read, or is none of these.
    """
    if path.suffix == ".jsonl":
        return journal.read(path)
    data = read_bytes(path)
    if data.startswith(parquet.MAGIC):
        return parquet.read(path)
    if pytest_json.is_from_pytest_benchmark(data):
        return pytest_json.convert(data, origin=str(path))
    return decode(data, origin=str(path))
