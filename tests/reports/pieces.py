"""Pieces of results documents, for tests that build their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from bench.documents.results import Measured, Results
from bench.documents.timings import Check, Disturbance, Memory, Peaks, Timing
from bench.planning.plan import Cell, Plan
from bench.provenance.records import Dataset, Machine, Process
from impls.contract import PHASES, Pool
from impls.networks import Network

MIB = 2**20
MEMORY = Memory(
    started=40 * MIB,
    imported=90 * MIB,
    loaded=270 * MIB,
    begun=275 * MIB,
    bound=330 * MIB,
    peak_of_timing=True,
)
"""Of a process that reaches 400 MiB."""

BLOG = Network(name="blog", layers=(784, 70, 30, 10))


def replace(results: Results, **changes: object) -> Results:
    """A copy of ``results`` with other fields."""
    return msgspec.structs.replace(results, **changes)


def replan(plan: Plan, **changes: object) -> Plan:
    """A copy of ``plan`` with other fields."""
    return msgspec.structs.replace(plan, **changes)


def replace_machine(machine: Machine, **changes: object) -> Machine:
    """A copy of ``machine`` with other fields."""
    return msgspec.structs.replace(machine, **changes)


def retimed(timing: Timing, **changes: object) -> Timing:
    """A copy of ``timing`` with other fields."""
    return msgspec.structs.replace(timing, **changes)


def remeasured(measured: Measured, **changes: object) -> Measured:
    """A copy of ``measured`` with other fields."""
    return msgspec.structs.replace(measured, **changes)


def reprocessed(measured: Measured, **changes: object) -> Measured:
    """A copy of ``measured`` whose process has other fields."""
    return remeasured(measured, process=msgspec.structs.replace(measured.process, **changes))


def noted(dataset: Dataset, note: str) -> Dataset:
    """``dataset`` with something that a reader must know."""
    return msgspec.structs.replace(dataset, note=note)


def network(name: str) -> Network:
    """The usual network under another name."""
    return msgspec.structs.replace(BLOG, name=name)


def machine(cpu: str = "Example CPU @ 3.00 GHz") -> Machine:
    """A machine that does not exist."""
    return Machine(
        cpu=cpu,
        logical_cpus=4,
        physical_cpus=2,
        usable_cpus=4,
        memory_bytes=16 * 2**30,
        caches={"L1d": "48 KiB", "L2": "2 MiB", "L3": "32 MiB"},
        system="Linux 6.8 x86_64",
        python="CPython 3.11.9",
        versions={"numpy": "2.4.0", "scipy": "1.17.0", "numba": "0.63.0"},
        environment={"OMP_WAIT_POLICY": "active"},
    )


def measured(
    cell: Cell,
    *,
    block: int,
    epoch: Sequence[float] = (),
    step: Sequence[float] = (),
    phases: Iterable[tuple[str, Sequence[float]]] = (),
    examples: int = 60000,
    checks: tuple[Check, ...] = (),
    import_seconds: float = 0.2,
    first_call: float = 0.01,
    threads_observed: float | None = None,
    disturbances: Mapping[str, Sequence[Disturbance]] | None = None,
    probe_seconds: float | None = None,
    peaks: Peaks | None = None,
    bind_seconds: float | None = 0.002,
    memory: Memory | None = MEMORY,
) -> Measured:
    """One measured cell from its rounds."""
    timings = [
        Timing(
            phase=phase,
            iterations=1,
            examples=examples if phase == "epoch" else cell.batch_size,
            round_seconds=tuple(rounds),
            round_cpu_seconds=()
            if phase in PHASES
            else tuple(seconds * (cell.threads or 1) for seconds in rounds),
            disturbances=tuple((disturbances or {}).get(phase, ())),
        )
        for phase, rounds in (("epoch", epoch), ("step", step), *phases)
        if rounds
    ]
    variables = {} if cell.threads is None else _variables(cell.threads)
    return Measured(
        cell=cell,
        block=block,
        process=Process(
            started_at=f"2026-11-21T09:3{block}:00+00:00",
            import_seconds=import_seconds,
            pools=(Pool(library="openblas", version="0.3.30", threads=cell.threads or 4),),
            affinity=4,
            versions={"numpy": "2.4.0"},
            environment=variables | {name: value for name, value in cell.setting if value},
            source_hash="0" * 16,
        ),
        gate=checks,
        first_call_seconds=first_call,
        warmup_seconds=(first_call / 2, first_call / 3),
        timings=tuple(timings),
        threads_observed=threads_observed or float(cell.threads or 1),
        peak_memory_bytes=400 * 2**20,
        probe_seconds=probe_seconds,
        peaks=peaks,
        setup_seconds=0.001,
        bind_seconds=bind_seconds,
        memory=memory,
    )


def disturbance(
    waited: float | None = 0.0, foreign: float | None = 0.0, stolen: float | None = 0.0
) -> Disturbance:
    """What happened beside one round, in seconds."""
    return Disturbance(waited=waited, foreign=foreign, stolen=stolen, switches=3)


def _variables(threads: int) -> dict[str, str]:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {name: str(threads) for name in names}
