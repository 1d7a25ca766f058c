"""Small valid plans, data, outcomes and documents, and an executor that starts no process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np
from bench.running.executor import End

from bench.documents.orders import Order, append
from bench.documents.results import SCHEMA_VERSION, Measured, Results
from bench.documents.timings import Check, Timing
from bench.planning.plan import Cell, Effort, Job, Plan, cell_of
from bench.provenance.records import Dataset, Machine, Process
from impls.contract import Pool
from impls.mathematics import reference
from impls.networks import Network, Training
from impls.parameters import Floats

NETWORK = Network(name="tiny", layers=(6, 5, 4, 3))
EFFORT = Effort(
    blocks=2, rounds=3, epoch_rounds=3, round_seconds=1 / 1024, cell_seconds=1e6, warmup_seconds=1e6
)
REAL_EFFORT = Effort(
    blocks=1, rounds=2, epoch_rounds=2, round_seconds=1e-3, cell_seconds=10.0, warmup_seconds=0.01
)
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
    return cell_of(plan, **(values | changes))  # type: ignore[arg-type]


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


FINE = End("", "")


@dataclass
class FakeExecutor:
    """Answers every order by a function and remembers what it was given."""

    work: Callable[[Order], End]
    orders: list[Order] = field(default_factory=list)
    environments: list[Mapping[str, str]] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    def execute(self, order: Path, environment: Mapping[str, str], timeout: float) -> End:
        self.orders.append(msgspec.json.decode(order.read_bytes(), type=Order))
        self.environments.append(environment)
        self.timeouts.append(timeout)
        return self.work(self.orders[-1])


def measure_all(order: Order) -> End:
    """What a worker does where all goes well."""
    for size in order.job.batch_sizes:
        point = cell(order.plan, order.job, size)
        append(Path(order.output), measured(point, order.job.block))
    return FINE
