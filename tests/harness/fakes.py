"""A clock that is wound by hand, trainers that only pretend, and small valid documents."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from bench.plan import Cell, Effort, Job, Plan, cell_of
from bench.results import (
    SCHEMA_VERSION,
    Check,
    Dataset,
    Machine,
    Measured,
    Process,
    Results,
    Timing,
)
from bench.timing import Clock
from impls import contract, reference
from impls.contract import Loss, Pool
from impls.networks import Network, Training
from impls.parameters import Floats, Parameters, Rows

TICK = 1 / 1024
"""A duration that floats add up without rounding."""

NETWORK = Network(name="tiny", layers=(6, 5, 4, 3))
EFFORT = Effort(
    blocks=2, rounds=3, epoch_rounds=3, round_seconds=TICK, cell_seconds=1e6, warmup_seconds=1e6
)
REAL_EFFORT = Effort(
    blocks=1, rounds=2, epoch_rounds=2, round_seconds=1e-3, cell_seconds=0.02, warmup_seconds=0.01
)
"""For worker processes that really run."""


@dataclass
class FakeClock:
    """Stands still until somebody calls :meth:`advance`."""

    now: float = 0.0
    busy: float = 0.0

    def advance(self, seconds: float, threads: float = 1.0) -> None:
        self.now += seconds
        self.busy += seconds * threads

    @property
    def clock(self) -> Clock:
        return Clock(wall=lambda: self.now, cpu=lambda: self.busy)


@dataclass
class Script:
    """How long each phase of a :class:`FakeTrainer` takes, and what happened to the trainer."""

    clock: FakeClock = field(default_factory=FakeClock)
    seconds: Mapping[str, float] = field(default_factory=dict)
    threads: float = 1.0
    first_epoch_extra: float = 0.0
    on_phase: Callable[[str], None] = lambda _phase: None
    events: list[str] = field(default_factory=list)
    batches: list[Rows] = field(default_factory=list)
    epochs: list[Rows] = field(default_factory=list)
    collecting: list[bool] = field(default_factory=list)


class FakeTrainer(contract.Trainer):
    """Lets the clock advance instead of computing; its weights count the updates since load."""

    def __init__(self, script: Script, training: Training, start: Parameters) -> None:
        self.script = script
        super().__init__(NETWORK, training, start)

    def _spend(self, phase: str) -> None:
        self.script.events.append(phase)
        self.script.collecting.append(gc.isenabled())
        self.script.on_phase(phase)
        self.script.clock.advance(self.script.seconds.get(phase, 0.0), self.script.threads)

    def load(self, parameters: Parameters) -> None:
        self.script.events.append("load")
        self.W = [np.array(W) for W in parameters.weights]

    def bind(self, X: Floats, Y: Floats) -> None:
        self.X, self.Y = X, Y

    def prepare(self, rows: Rows) -> None:
        self.script.batches.append(rows)
        self._spend("prepare")

    def forward(self) -> None:
        self._spend("forward")

    def loss(self) -> Loss:
        self._spend("loss")
        return Loss(0.0, 0.0, 0.0)

    def backward(self) -> None:
        self._spend("backward")

    def update(self) -> None:
        self._spend("update")
        self.W[0] += 1

    def epoch(self, order: Rows) -> Floats:
        if not self.script.epochs:
            self.script.clock.advance(self.script.first_epoch_extra)
        self.script.epochs.append(order)
        return super().epoch(order)

    def predict(self, X: Floats) -> Floats:
        raise NotImplementedError

    def parameters(self) -> Parameters:
        return Parameters(tuple(self.W), ())

    def gradients(self) -> Parameters:
        raise NotImplementedError


class Float32Reference(reference.Trainer):
    """The reference's formulas in float32: as right as a float32 implementation can be."""

    def load(self, parameters: Parameters) -> None:
        rounded = parameters.astype(np.float32)
        self.W, self.b = list(rounded.weights), list(rounded.biases)
        self.V = [np.zeros_like(W) for W in self.W]
        self.v = [np.zeros_like(b) for b in self.b]

    def prepare(self, rows: Rows) -> None:
        self.A = [self.X[rows].astype(np.float32)]
        self.T = self.Y[rows].astype(np.float32)

    def predict(self, X: Floats) -> Floats:
        return self._layers(X.astype(np.float32))[1][-1]


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
    phases = (("step", (0.5, 0.25), (0.5, 0.25)), ("forward", (0.125,), ()), ("epoch", (4.0,), (8,)))
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
