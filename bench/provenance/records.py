"""Where numbers come from: machine, code, data and the process that measured.

Plain records, stored with every result; the other modules of this package fill them.
"""

from __future__ import annotations

from typing import Self

import msgspec

from impls.contract import Pool
from impls.data import TrainingData

FULL_CLOCK = 0.98
"""A device below this share of its highest clock was slower than it can be."""


class AcceleratorReading(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device at one moment: clocks in MHz, degrees Celsius, bytes that anybody holds on it.

    ``held_back`` names what keeps its clock down at that moment, empty for nothing.  None where it
    is unknown.
    """

    clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    temperature: int | None = None
    used_bytes: int | None = None
    held_back: tuple[str, ...] | None = None


class Accelerator(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device other than the processor, as its driver describes it.

    ``readings`` were taken right before and right after the timing.  Where nothing is known of it,
    ``name`` is empty and ``reason`` says why.
    """

    name: str = ""
    driver: str = ""
    memory_bytes: int | None = None
    most_clock_mhz: int | None = None
    most_memory_clock_mhz: int | None = None
    readings: tuple[AcceleratorReading, ...] = ()
    reason: str = ""

    @property
    def records_throttling(self) -> bool:
        """Whether every reading says what holds the clock down, even where it is nothing."""
        return bool(self.readings) and all(
            reading.held_back is not None for reading in self.readings
        )

    @property
    def throttle_reasons(self) -> tuple[str, ...]:
        """Why the device was slower than it can be while it was timed, as far as is known.

        Empty where it was not, or where :attr:`records_throttling` is false.  The clock counts at
        the end of the timing: before it the device may have been idle.
        """
        if not self.readings:
            return ()
        reasons = [reason for reading in self.readings for reason in reading.held_back or ()]
        clock, most = self.readings[-1].clock_mhz, self.most_clock_mhz
        if clock is not None and most is not None and clock < FULL_CLOCK * most:
            reasons.insert(0, f"clock at {clock} of {most} MHz")
        return tuple(dict.fromkeys(reasons))


class Process(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts about the worker process in which a cell was measured.

    ``environment`` holds the thread and library variables the worker found when it started;
    ``pools`` is what every thread pool in it reported after import.  ``declared`` are the settings
    of its libraries on which the implementation says that its numbers depend, ``accelerator`` is
    what was found of the device of a row that runs on one.  ``cpus`` lists the processors of its
    affinity mask, such as ``2-3,6``; ``affinity`` counts them.
    """

    started_at: str
    import_seconds: float
    pools: tuple[Pool, ...]
    affinity: int
    versions: dict[str, str]
    environment: dict[str, str]
    source_hash: str
    quota_cpus: float | None = None
    declared: dict[str, str] = {}
    accelerator: Accelerator | None = None
    cpus: str | None = None


class Allocation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The job of a cluster's scheduler in which a run was made.

    ``job`` is the scheduler's number, ``restarts`` how often it began the job again.
    ``constraint`` is the kind of machine that was asked for; empty where any would do.
    """

    scheduler: str
    job: str
    node: str = ""
    partition: str = ""
    constraint: str = ""
    restarts: int = 0


class Machine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The machine and the software a run was made with.

    ``id`` and ``board`` are hashes that stay the same for one installation and one main board, and
    which reveal neither; None where this user may not read what they are made of.
    ``hostname`` is recorded only where the user asks for it.  ``cpus`` lists the processors of the
    affinity mask, such as ``0-3``; ``cgroup`` is the control group with the processor's limits.
    """

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
    smt: str | None = None
    turbo: str | None = None
    hypervisor: str | None = None
    clock_source: str | None = None
    vectors: str | None = None
    id: str | None = None
    board: str | None = None
    hostname: str | None = None
    microcode: str | None = None
    numa_nodes: int | None = None
    cpus: str | None = None
    cgroup: str | None = None
    allocation: Allocation | None = None


class Code(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The code that measured: a hash over all its sources, and where it stands in git.

    ``commit`` and ``modified`` are None outside a checkout.
    """

    sha256: str
    commit: str | None = None
    modified: bool | None = None


class Dataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which data was trained on; ``note`` says what a reader must know, such as a fallback.

    ``sha256`` is that of the data as stored, and ``normalisation`` what was done to the features
    since, one of :data:`impls.data.normalise.NORMALISATIONS`.
    """

    name: str
    source: str
    examples: int
    features: int
    sha256: str
    note: str = ""
    normalisation: str = "standard"

    @classmethod
    def of(cls, data: TrainingData) -> Self:
        """Return the record of ``data``."""
        return cls(
            name=data.name,
            source=data.source,
            examples=len(data.X),
            features=data.X.shape[1],
            sha256=data.sha256,
            note=data.note,
            normalisation=data.normaliser.name,
        )
