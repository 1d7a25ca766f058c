"""The results document: versioned, and what every reader starts from.

All durations are in seconds, per iteration, and every raw round is kept; statistics are functions
of this document, never part of it.

History of ``schema_version``::

    1  2026-11  first version
    2  2026-11  disturbances, peaks, probe cost, code, rows and why the run ended
    3  2026-11  declared settings, set-up, binding and first epoch apart, memory, accelerators,
                normalisation
    4  2026-11  blocks are sets of live workers that take turns: the sweep of each round, processor
                time of those that wait, seconds of the first step after a rest; a checksum over
                the document, which one without it may leave out
    5  2026-11  the role of the floor is called ``floor``, no longer ``limit``
"""

from __future__ import annotations

import msgspec

from bench.documents.timings import Check, Learning, Memory, Peaks, Timing
from bench.planning.plan import Cell, Plan
from bench.provenance.records import Code, Dataset, Machine, Process
from impls.row import Row

SCHEMA_VERSION = 5


class CellOutcome(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=str.lower,
    forbid_unknown_fields=True,
):  # fmt: skip
    """The outcome of one cell; ``kind`` in the document says which of these it is."""

    cell: Cell


class Measured(CellOutcome, frozen=True, kw_only=True):
    """A cell that passed the gate and was timed, in one process (``block``).

    ``first_call_seconds`` is the first step, compilation included; ``warmup_seconds`` are the
    warm-up rounds, per step; ``threads_observed`` is CPU time over wall time of the timed epochs
    and ``threads_busy`` how many threads of the system took part in them.  ``probe_seconds`` is
    what one clock reading between two phases costs.  ``peaks`` is filled by the floor,
    ``learning`` where the plan has a target accuracy; the epochs are then those of one training.

    ``setup_seconds`` is what making the trainer took, on a device its first touch, and
    ``bind_seconds`` handing the data set over: re-laying or uploading it.
    ``first_epoch_seconds`` is the first call of the epoch, compilation included, which trained on
    ``first_epoch_examples`` and is in no timing.
    ``peak_memory_bytes`` is the most that was resident in the whole process, as ``memory``
    explains; ``device_memory_bytes`` the most that was held on a device.
    ``wake_seconds`` are the first steps after each rest, one per turn; they are in no timing.
    """

    block: int
    process: Process
    gate: tuple[Check, ...]
    first_call_seconds: float
    warmup_seconds: tuple[float, ...]
    timings: tuple[Timing, ...]
    threads_observed: float
    peak_memory_bytes: int
    source: str = "mlpbench"
    threads_busy: int | None = None
    probe_seconds: float | None = None
    peaks: Peaks | None = None
    learning: Learning | None = None
    setup_seconds: float | None = None
    bind_seconds: float | None = None
    first_epoch_seconds: float | None = None
    first_epoch_examples: int | None = None
    memory: Memory | None = None
    device_memory_bytes: int | None = None
    wake_seconds: tuple[float, ...] = ()


class Unverified(CellOutcome, frozen=True, kw_only=True):
    """A cell whose setting did not take or whose time is not to be believed.

    Timed or not, it is kept out of every ranking.  ``declared`` are the settings of one that was
    not timed; those of another are in ``measured``.
    """

    block: int
    reason: str
    measured: Measured | None = None
    declared: dict[str, str] = {}


class Invalid(CellOutcome, frozen=True, kw_only=True):
    """A cell refused by the gate: it computes something else, so it was not timed.

    ``declared`` are the implementation's settings, such as TF32, which the bounds depend on.
    """

    block: int
    reason: str
    gate: tuple[Check, ...]
    declared: dict[str, str] = {}


class Unavailable(CellOutcome, frozen=True, kw_only=True):
    """A cell that cannot be run here, such as for want of a package or a device."""

    reason: str


class Failed(CellOutcome, frozen=True, kw_only=True):
    """A cell whose worker raised, died or ran out of time; ``detail`` is the end of its output.

    ``declared`` are the implementation's settings, empty where the worker died with them.
    """

    block: int
    reason: str
    detail: str = ""
    declared: dict[str, str] = {}


Outcome = Measured | Unverified | Invalid | Unavailable | Failed


class Results(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run: the question, the conditions and every outcome.

    ``complete`` is false where a run was interrupted; its outcomes are valid all the same.
    ``ended`` says why it ended, ``rows`` what was known of each implementation of the plan.
    ``sha256`` is the checksum of the document in its file (:mod:`bench.documents.files`), and empty
    elsewhere.
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
    ended: str = ""
    rows: tuple[Row, ...] = ()
    code: Code | None = None
    sha256: str = ""
