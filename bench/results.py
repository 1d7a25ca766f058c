"""The answer: the versioned document that every reader starts from.

All durations are in seconds, per iteration, and every raw round is kept; statistics are functions
of this document, never part of it.

History of ``schema_version``:

    1  2026-11  first version
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from bench.errors import ResultsError, UsageError
from bench.plan import Cell, Plan
from impls.contract import Pool

SCHEMA_VERSION = 1

STEP = "step"
EPOCH = "epoch"


class Check(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One comparison of the gate: relative error, its bound, and where the error is largest.

    ``error`` is None where a compared value is not finite: JSON has no word for NaN.
    """

    name: str
    error: float | None
    tolerance: float
    place: str = ""

    @property
    def passed(self) -> bool:
        """Whether the error is finite and within the bound."""
        return self.error is not None and self.error <= self.tolerance


class Timing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rounds of one phase (or ``step``, ``epoch``) of one cell in one process.

    ``round_seconds`` and ``round_cpu_seconds`` are wall and CPU time per iteration; the latter is
    empty for phases, between which only one clock is read.  ``examples`` is the number of
    training examples that one iteration processes.
    """

    phase: str
    iterations: int
    examples: int
    round_seconds: tuple[float, ...]
    round_cpu_seconds: tuple[float, ...]


class Process(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts about the worker process in which a cell was measured.

    ``environment`` holds the thread and library variables the worker found when it started;
    ``pools`` is what every thread pool in it reported after import.
    """

    started_at: str
    import_seconds: float
    pools: tuple[Pool, ...]
    affinity: int
    versions: dict[str, str]
    environment: dict[str, str]
    source_hash: str


class Measured(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="measured",
    forbid_unknown_fields=True,
):
    """A cell that passed the gate and was timed, in one process (``block``).

    ``first_call_seconds`` is the first step, compilation included; ``warmup_seconds`` are the
    warm-up rounds, per step; ``threads_observed`` is CPU time over wall time of the timed epochs.
    """

    cell: Cell
    block: int
    process: Process
    gate: tuple[Check, ...]
    first_call_seconds: float
    warmup_seconds: tuple[float, ...]
    timings: tuple[Timing, ...]
    threads_observed: float
    peak_memory_bytes: int
    source: str = "mlpbench"


class Unverified(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="unverified",
    forbid_unknown_fields=True,
):
    """A cell whose thread setting did not take: timed or not, it is kept out of every ranking."""

    cell: Cell
    block: int
    reason: str
    measured: Measured | None = None


class Invalid(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="invalid",
    forbid_unknown_fields=True,
):
    """A cell refused by the gate: it computes something else, so it was not timed."""

    cell: Cell
    block: int
    reason: str
    gate: tuple[Check, ...]


class Unavailable(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="unavailable",
    forbid_unknown_fields=True,
):
    """A cell that cannot be run here, such as for want of a package or a device."""

    cell: Cell
    reason: str


class Failed(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="kind",
    tag="failed",
    forbid_unknown_fields=True,
):
    """A cell whose worker raised, died or ran out of time; ``detail`` is the end of its output."""

    cell: Cell
    block: int
    reason: str
    detail: str = ""


Outcome = Measured | Unverified | Invalid | Unavailable | Failed


class Machine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The machine and the software a run was made with."""

    cpu: str
    logical_cpus: int
    physical_cpus: int | None
    usable_cpus: int
    memory_bytes: int
    caches: dict[str, str]
    system: str
    python: str
    versions: dict[str, str]
    environment: dict[str, str]
    quota_cpus: float | None = None
    governor: str | None = None


class Dataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which data was trained on; ``note`` says what a reader must know, such as a fallback."""

    name: str
    source: str
    examples: int
    features: int
    sha256: str
    note: str = ""


class Results(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run: the question, the conditions and every outcome.

    ``complete`` is false where a run was interrupted; its outcomes are valid all the same.
    """

    schema_version: int
    created_at: str
    generator: str
    plan: Plan
    dataset: Dataset
    machine: Machine
    outcomes: tuple[Outcome, ...]
    complete: bool = True
    command: str = ""


class _Versioned(msgspec.Struct):
    schema_version: int


def encode(results: Results) -> bytes:
    """The document as indented JSON; an unknown type raises instead of turning into text."""
    return msgspec.json.format(msgspec.json.encode(results), indent=1)


def decode(data: bytes, *, origin: str) -> Results:
    """Read a document; ``origin`` names it in messages.

    Raises:
        ResultsError: not JSON, not a results document, or written by a newer version.
    """
    try:
        version = msgspec.json.decode(data, type=_Versioned).schema_version
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ResultsError(
            f"{origin} is not a results document: {error}. Give a results.json written by "
            "'mlpbench run' or a file written by 'pytest --benchmark-json'."
        ) from error
    if version > SCHEMA_VERSION:
        raise ResultsError(
            f"{origin} has schema version {version}; this mlpbench reads up to {SCHEMA_VERSION}. "
            "Update mlpbench to read it."
        )
    try:
        return msgspec.json.decode(data, type=Results)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, UsageError) as error:
        raise ResultsError(f"{origin} is damaged: {error}. Run the measurement again.") from error


def load(path: Path) -> Results:
    """Read the document at ``path``.

    Raises:
        ResultsError: it cannot be read, or see :func:`decode`.
    """
    return decode(read_bytes(path), origin=str(path))


def save(results: Results, path: Path) -> None:
    """Write the document in one atomic step: a reader sees the old file or the new one.

    Raises:
        ResultsError: the folder cannot be written.
    """
    write_bytes(path, encode(results))


def read_bytes(path: Path) -> bytes:
    """The content of ``path``.

    Raises:
        ResultsError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ResultsError(f"cannot read {path}: {error.strerror}. Check the path.") from error


def write_bytes(path: Path, data: bytes) -> None:
    """Replace ``path`` atomically.

    Raises:
        ResultsError: the folder cannot be written.
    """
    if path.is_dir():
        raise ResultsError(f"cannot write {path}: it is a folder. Name a file in it.")
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        # What cannot be written cannot always be removed: the first error is the one to report.
        with contextlib.suppress(OSError):
            partial.unlink()
        raise ResultsError(
            f"cannot write {path}: {error.strerror}. Choose a folder you may write to with --out."
        ) from error
