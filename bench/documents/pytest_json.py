"""pytest-benchmark's JSON as a results document.

The benchmarks under ``tests/benchmarks`` put what pytest-benchmark does not know into its
``extra_info`` and ``machine_info``, under the key ``mlpbench``; here it is taken out again.
"""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import Any

import msgspec

from bench.documents.results import SCHEMA_VERSION, Measured, Outcome, Results, Unverified
from bench.documents.soundness import require_sound
from bench.documents.timings import EPOCH, Check, Timing
from bench.planning.plan import Cell, Effort, Plan
from bench.provenance import threads
from bench.provenance.records import Dataset, Machine, Process
from impls.errors import ResultsError
from impls.networks import Network, Training

KEY = "mlpbench"


class CellFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one benchmark says of itself in ``extra_info``."""

    cell: Cell
    phase: str
    examples: int
    gate: tuple[Check, ...]
    process: Process
    first_call_seconds: float
    threads_observed: float
    peak_memory_bytes: int


class RunFacts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a whole pytest run says of itself in ``machine_info``."""

    machine: Machine
    dataset: Dataset
    network: Network
    trainings: tuple[Training, ...]
    seed: int
    command: str


class _Stats(msgspec.Struct):
    data: tuple[float, ...]
    iterations: int


class _Benchmark(msgspec.Struct):
    extra_info: dict[str, Any]
    stats: _Stats


class _Document(msgspec.Struct):
    machine_info: dict[str, Any]
    benchmarks: tuple[_Benchmark, ...]
    datetime: str
    version: str


def is_from_pytest_benchmark(data: bytes) -> bool:
    """Return whether ``data`` looks like a file that pytest-benchmark wrote."""
    try:
        content = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(content, dict) and {"machine_info", "benchmarks"} <= content.keys()


def convert(data: bytes, *, origin: str) -> Results:
    """Return pytest-benchmark's JSON as a results document; ``origin`` names it.

    Benchmarks that are not ours are left out.

    Raises:
        ResultsError: it holds no benchmark of ours, no raw rounds, or a duration that cannot be.
    """
    try:
        document = msgspec.json.decode(data, type=_Document)
    except msgspec.DecodeError as error:
        raise ResultsError(
            f"{origin} has no raw rounds ({error}): write it with 'pytest --benchmark-only "
            "--benchmark-json=FILE'"
        ) from error
    ours = [b for b in document.benchmarks if KEY in b.extra_info]
    if not ours or KEY not in document.machine_info:
        raise ResultsError(
            f"{origin} holds no benchmark of mlpbench: run 'pytest --benchmark-only' in a checkout "
            "of mlpbench"
        )
    try:
        run = msgspec.convert(document.machine_info[KEY], RunFacts)
        facts = [(msgspec.convert(b.extra_info[KEY], CellFacts), b.stats) for b in ours]
    except msgspec.ValidationError as error:
        raise ResultsError(
            f"{origin} was written by another version of mlpbench: {error}. Run it again."
        ) from error
    by_cell: dict[Cell, list[tuple[CellFacts, _Stats]]] = defaultdict(list)
    for fact, stats in facts:
        by_cell[fact.cell].append((fact, stats))
    results = Results(
        schema_version=SCHEMA_VERSION,
        created_at=document.datetime,
        generator=f"pytest-benchmark {document.version}",
        plan=Plan(
            seed=run.seed,
            profile="pytest",
            network=run.network,
            trainings=run.trainings,
            implementations=tuple(dict.fromkeys(cell.implementation for cell in by_cell)),
            threads=tuple(dict.fromkeys(cell.threads for cell in by_cell)),
            settings=tuple(dict.fromkeys(cell.setting for cell in by_cell)),
            effort=Effort(blocks=1, sweeps=0, round_seconds=0, cell_seconds=0, warmup_seconds=0),
            dataset=run.dataset.name,
            examples=run.dataset.examples,
        ),
        dataset=run.dataset,
        machine=run.machine,
        outcomes=tuple(_outcome(cell, group) for cell, group in by_cell.items()),
        command=run.command,
    )
    require_sound(results, origin=origin)
    return results


def _outcome(cell: Cell, group: list[tuple[CellFacts, _Stats]]) -> Outcome:
    """Return the outcome of one cell, with the rounds of all its phases."""
    first = group[0][0]
    # Each benchmark looks at one round.  In a short one the processor time of a moment before or
    # after weighs much, so that the largest of all would call sound settings disobeyed.
    watched = [fact for fact, _ in group if fact.phase == EPOCH] or [
        max(group, key=lambda pair: median(pair[1].data) * pair[1].iterations)[0]
    ]
    measured = Measured(
        cell=cell,
        block=0,
        process=first.process,
        gate=first.gate,
        first_call_seconds=first.first_call_seconds,
        warmup_seconds=(),
        timings=tuple(
            Timing(
                phase=fact.phase,
                iterations=stats.iterations,
                examples=fact.examples,
                round_seconds=stats.data,
                round_cpu_seconds=(),
            )
            for fact, stats in group
        ),
        threads_observed=watched[0].threads_observed,
        peak_memory_bytes=max(fact.peak_memory_bytes for fact, _ in group),
        source="pytest-benchmark",
    )
    mismatch = threads.disagreement(cell.threads, first.process, measured.threads_observed)
    if mismatch:
        return Unverified(cell=cell, block=0, reason=mismatch, measured=measured)
    return measured
