"""Results documents inside a Parquet file: rounds in its table, all else in its metadata.

The metadata hold the documents without rounds, as JSON packed by gzip and base64, and how many
rounds each timing has; the table has them in the same order.  Put together again they are the
documents that were exported, to the last digit.
"""

from __future__ import annotations

import base64
import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from bench.documents.files import decode
from bench.documents.results import Measured, Outcome, Results, Unverified
from bench.documents.soundness import require_durations
from bench.documents.timings import Timing
from impls.errors import ResultsError

DOCUMENTS = b"mlpbench"
ROUNDS = b"mlpbench.rounds"
"""Where the metadata hold the documents, and the number of rounds of each of their timings."""
MAGIC = b"PAR1"
"""How every Parquet file begins."""
NEEDS = "pyarrow is not installed; install it with: pip install 'mlpbench[parquet]'"


def metadata(results: Sequence[Results]) -> dict[bytes, bytes]:
    """Return what the metadata of the file hold; the table of ``results`` has the rest."""
    counts: list[int] = []

    def without_rounds(_: Measured, timing: Timing) -> Timing:
        counts.append(len(timing.round_seconds))
        return msgspec.structs.replace(timing, round_seconds=(), round_cpu_seconds=(), sweeps=())

    bare = [_with_timings(document, without_rounds) for document in results]
    packed = base64.b64encode(gzip.compress(msgspec.json.encode(bare), mtime=0))
    return {DOCUMENTS: packed, ROUNDS: msgspec.json.encode(counts)}


def read(path: Path) -> Results:
    """Return the document that was exported to the Parquet file at ``path``.

    Raises:
        ResultsError: pyarrow is missing, or the file cannot be read or is not the export of one
            document.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415  # an extra
        from pyarrow import parquet  # noqa: PLC0415  # the same
    except ImportError as error:
        raise ResultsError(f"cannot read {path}: {NEEDS}") from error
    try:
        table = parquet.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise ResultsError(f"cannot read {path}: {error}. Export the results again.") from error
    return assembled(table.schema.metadata or {}, table.to_pylist(), origin=str(path))


def assembled(
    stored: Mapping[bytes, bytes], rows: Sequence[Mapping[str, Any]], *, origin: str
) -> Results:
    """Return the document of ``stored`` metadata and of the ``rows`` of the table.

    Raises:
        ResultsError: they hold no document or several, or do not belong together.
    """
    if DOCUMENTS not in stored or ROUNDS not in stored:
        raise ResultsError(
            f"{origin} holds no results document: give a file that 'mlpbench export --format "
            "parquet' wrote"
        )
    try:
        unpacked = gzip.decompress(base64.b64decode(stored[DOCUMENTS], validate=True))
        documents = msgspec.json.decode(unpacked, type=list[msgspec.Raw])
        counts = iter(msgspec.json.decode(stored[ROUNDS], type=list[int]))
    except (ValueError, OSError, EOFError, zlib.error) as error:
        raise ResultsError(f"{origin} is damaged: {error}. Export the results again.") from error
    if len(documents) != 1:
        raise ResultsError(
            f"{origin} holds {len(documents)} runs, but one can be read: export each to a file"
        )
    bare = decode(bytes(documents[0]), origin=origin)
    timed = iter([row for row in rows if row["seconds"] is not None])

    def with_rounds(measured: Measured, timing: Timing) -> Timing:
        count = next(counts, 0)
        taken = list(islice(timed, count))
        place = (measured.cell.implementation, measured.cell.batch_size, measured.block)
        places = {(row["implementation"], row["batch_size"], row["block"]) for row in taken}
        phases = {row["phase"] for row in taken}
        if len(taken) != count or places - {place} or phases - {timing.phase}:
            raise ResultsError(
                f"{origin} is damaged: its table lacks rounds of {timing.phase} of "
                f"{measured.cell.id} in block {measured.block}, of which there were {count}. "
                "Export the results again."
            )
        return msgspec.structs.replace(
            timing,
            round_seconds=tuple(row["seconds"] for row in taken),
            round_cpu_seconds=_known(taken, "cpu_seconds"),
            sweeps=_known(taken, "sweep"),
        )

    whole = _with_timings(bare, with_rounds)
    require_durations(whole.outcomes, origin=origin)
    return whole


def _known(rows: Sequence[Mapping[str, Any]], column: str) -> tuple[Any, ...]:
    return tuple(row[column] for row in rows if row[column] is not None)


def _with_timings(document: Results, change: Callable[[Measured, Timing], Timing]) -> Results:
    """Return ``document`` with what ``change`` makes of every timing, in order."""

    def changed(outcome: Outcome) -> Any:
        if isinstance(outcome, Unverified) and outcome.measured is not None:
            return msgspec.structs.replace(outcome, measured=changed(outcome.measured))
        if not isinstance(outcome, Measured):
            return outcome
        timings = tuple(change(outcome, timing) for timing in outcome.timings)
        return msgspec.structs.replace(outcome, timings=timings)

    return msgspec.structs.replace(document, outcomes=tuple(map(changed, document.outcomes)))
