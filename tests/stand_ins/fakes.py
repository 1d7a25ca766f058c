"""Small valid plans, data, outcomes and documents, and an executor that starts no process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from bench.documents.assignment import Assignment
from bench.documents.messages import (
    Finish,
    Finished,
    PrepareCell,
    Ready,
    Reply,
    Request,
    Started,
    TakeTurn,
)
from bench.documents.results import SCHEMA_VERSION, Measured, Results
from bench.documents.rounds import TimedRound, Turn, TurnKind
from bench.documents.timings import Check, Disturbance, Timing
from bench.planning.plan import Cell, Effort, Job, Plan, jobs
from bench.provenance.records import Dataset, Machine, Process
from bench.running.processes import NoReply
from impls import registry
from impls.contract import Pool
from impls.mathematics import reference
from impls.networks import Network, Training
from impls.parameters import Floats

NETWORK = Network(name="tiny", layers=(6, 5, 4, 3))
EFFORT = Effort(blocks=2, sweeps=4, round_seconds=1 / 1024, cell_seconds=1e6, warmup_seconds=1e6)
REAL_EFFORT = Effort(blocks=1, sweeps=3, round_seconds=1e-3, cell_seconds=10.0, warmup_seconds=0.01)
"""For worker processes that really run."""


class Float32Reference(reference.Trainer):
    """The reference's formulas in float32: as right as a float32 implementation can be."""

    dtype = np.float32


def examples(
    count: int = 200, features: int = 6, classes: int = 3, seed: int = 5
) -> tuple[Floats, Floats]:
    """Random standardised examples and one-hot targets."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((count, features)).astype(np.float32)
    return X, np.eye(classes, dtype=np.float32)[np.arange(count) % classes]


def plan(**changes: object) -> Plan:
    """Two implementations, two thread counts, three batch sizes, two blocks."""
    values: dict[str, object] = {
        "seed": 11,
        "profile": "default",
        "network": NETWORK,
        "trainings": tuple(Training(batch_size=size) for size in (8, 20, 50)),
        "implementations": ("numpy-naive", "numpy-optimized"),
        "threads": (1, 2),
        "settings": ((),),
        "effort": EFFORT,
        "dataset": "made up",
        "examples": 200,
    }
    return Plan(**(values | changes))  # type: ignore[arg-type]


def pool(threads: int | None, library: str = "openblas (one.so)", version: str = "0.3") -> Pool:
    return Pool(library=library, version=version, threads=threads)


def measured(cell: Cell, block: int = 0) -> Measured:
    """A measured outcome with every kind of timing."""
    check = Check(name="outputs", error=1e-7, tolerance=1e-5, place="at [0, 1]: 0.5 instead of 0.5")
    phases = (
        ("step", (0.5, 0.25), (0.5, 0.25)),
        ("forward", (0.125,), ()),
        ("epoch", (4.0,), (8,)),
    )
    return Measured(
        cell=cell,
        block=block,
        process=Process(
            started_at="2026-11-21T00:00:00+00:00",
            import_seconds=0.25,
            pools=(pool(cell.threads),),
            affinity=2,
            versions={"numpy": "2"},
            environment={"OMP_NUM_THREADS": "1"},
            source_hash="00",
        ),
        gate=(check,),
        first_call_seconds=0.5,
        warmup_seconds=(0.5, 0.25),
        timings=tuple(
            Timing(
                phase=phase,
                iterations=2,
                examples=200 if phase == "epoch" else cell.batch_size,
                round_seconds=wall,
                round_cpu_seconds=tuple(map(float, cpu)),
            )
            for phase, wall, cpu in phases
        ),
        threads_observed=1.0,
        peak_memory_bytes=2**20,
    )


def cell(plan: Plan, job: Job | None = None, batch_size: int = 8, **changes: object) -> Cell:
    """A cell of ``plan``: that of ``job``, or the first."""
    values: dict[str, object] = {
        "implementation": job.implementation if job else plan.implementations[0],
        "device": "cpu",
        "batch_size": batch_size,
        "threads": job.threads if job else 1,
        "setting": job.setting if job else (),
    }
    return Cell(network=plan.network.name, **(values | changes))  # type: ignore[arg-type]


def document(**changes: object) -> Results:
    """A valid results document without outcomes."""
    values: dict[str, object] = {
        "schema_version": SCHEMA_VERSION,
        "created_at": "2026-11-21T00:00:00+00:00",
        "generator": "mlpbench 0.1.0",
        "plan": plan(),
        "dataset": Dataset(
            name="made up", source="nowhere", examples=200, features=6, sha256="0" * 64
        ),
        "machine": Machine(
            cpu="Example CPU",
            logical_cpus=2,
            physical_cpus=None,
            usable_cpus=2,
            memory_bytes=2**30,
            caches={},
            system="Linux",
            python="CPython 3.11",
            versions={},
            environment={},
        ),
        "outcomes": (),
    }
    return Results(**(values | changes))  # type: ignore[arg-type]


FINISHED = NoReply("finished", "")
"""What a behaviour answers to :class:`Finish`: the worker says which cell it was."""

Behaviour = Callable[[Assignment, Request | None], Reply | NoReply]
"""What a worker answers: to None, its start, and then to each request."""


@dataclass
class FakeWorker:
    """Answers by a function and remembers what was done to it."""

    assignment: Assignment
    behave: Behaviour
    asked: list[Request | None] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    cpu: float | None = 0.0
    resident: int = 0
    batch_size: int = 0
    has_ended: bool = False

    def ask(self, request: Request | None, timeout: float) -> Reply | NoReply:
        self.asked.append(request)
        self.timeouts.append(timeout)
        if isinstance(request, PrepareCell):
            self.batch_size = request.batch_size
        reply = self.behave(self.assignment, request)
        # A behaviour does not know which cell is in hand.
        return Finished(frame_of(self.assignment, self.batch_size)) if reply == FINISHED else reply

    def cpu_seconds(self) -> float | None:
        return self.cpu

    def resident_bytes(self) -> int:
        return self.resident

    def close(self) -> None:
        self.has_ended = True


@dataclass
class FakeLauncher:
    """Starts workers that start no process."""

    behave: Behaviour
    workers: list[FakeWorker] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def assignments(self) -> list[Assignment]:
        return [worker.assignment for worker in self.workers]

    def start(self, assignment: Path, environment: Mapping[str, str]) -> FakeWorker:
        decoded = msgspec.json.decode(assignment.read_bytes(), type=Assignment)
        self.workers.append(FakeWorker(decoded, self.behave))
        self.environments.append(environment)
        return self.workers[-1]


def measure_all(assignment: Assignment, request: Request | None) -> Reply | NoReply:
    """What a worker does where all goes well."""
    match request:
        case None:
            return Started()
        case PrepareCell(batch_size=size):
            return Ready(frame_of(assignment, size))
        case TakeTurn(kind=kind):
            return turn(assignment, kind)
        case Finish():
            return FINISHED


def assignment(plan: Plan) -> Assignment:
    """The assignment of the plan's first job."""
    first = jobs(plan)[0]
    row = registry.find(first.implementation)
    return Assignment(job=first, block=0, repetition=0, plan=plan, row=row, root="", arrays="")


def frame_of(assignment: Assignment, batch_size: int) -> Measured:
    """A cell that is ready, without rounds."""
    point = cell(assignment.plan, assignment.job, batch_size, device=assignment.row.device)
    return msgspec.structs.replace(
        measured(point, assignment.block), timings=(), threads_observed=0.0
    )


def turn(assignment: Assignment, kind: TurnKind, seconds: float = 4.0) -> Turn:
    """One turn whose epochs take ``seconds``."""
    phases = ("step", "forward") if kind == "parts" else ("epoch",)
    return Turn(
        kind=kind,
        wake_seconds=0.5,
        rounds=tuple(
            TimedRound(
                phase=phase,
                iterations=1,
                examples=assignment.plan.examples if phase == "epoch" else 8,
                seconds=seconds if phase == "epoch" else seconds / 8,
                cpu_seconds=None if phase == "forward" else seconds,
            )
            for phase in phases
        ),
        busy_threads=1,
    )


def disturbance() -> Disturbance:
    """A record in which nothing happened."""
    return Disturbance(waited=0.0, foreign=0.0, stolen=0.0, switches=0)


def with_disturbance(turn: Turn, found: Disturbance) -> Turn:
    """``turn`` whose rounds of step and epoch have a record of disturbance."""
    rounds = tuple(
        msgspec.structs.replace(one, disturbance=found) if one.cpu_seconds is not None else one
        for one in turn.rounds
    )
    return msgspec.structs.replace(turn, rounds=rounds)
