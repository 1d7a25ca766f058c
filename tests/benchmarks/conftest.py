"""What the benchmarks share: data, gated trainers, and the facts that go into the JSON."""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from bench.documents.pytest_json import KEY, CellFacts, RunFacts
from bench.documents.timings import Check
from bench.errors import BusyError, LockError
from bench.measuring import memory
from bench.measuring.cells import describe_process
from bench.measuring.timing import Clock, time_round
from bench.planning import environment
from bench.planning.plan import Cell
from bench.proof import gate
from bench.provenance import dataset, machine
from bench.provenance.records import Process
from bench.running import lock
from impls import registry
from impls.contract import Trainer
from impls.data import TrainingData, load_dataset
from impls.parameters import epoch_order, start_parameters
from impls.presets import PRESETS
from impls.row import Row

SEED = 1
EXAMPLES = 6000
NEGLIGIBLE_RATE = 1e-9
BATCH_SIZES = (32, 500)
PRESET = PRESETS["blog"]


def requested_threads() -> int | None:
    """The number of threads that the user exported, by whichever variable."""
    return environment.exported_threads(os.environ)


# Pools read their variables when they are loaded, and none is loaded yet but NumPy's own: one
# exported variable therefore speaks for all that were left unset, so that
# OPENBLAS_NUM_THREADS=1 does not compare one BLAS thread with all threads of another library.
for _name, _value in environment.variables(requested_threads()).items():
    os.environ.setdefault(_name, _value)


@dataclass
class Subject:
    """A trainer that passed the gate, with what must be known of it."""

    row: Row
    trainer: Trainer
    cell: Cell
    checks: tuple[Check, ...]
    process: Process
    first_call_seconds: float

    def facts(self, phase: str, examples: int, observed: float) -> dict[str, Any]:
        """What ``extra_info`` carries into the JSON."""
        facts = CellFacts(
            cell=self.cell,
            phase=phase,
            examples=examples,
            gate=self.checks,
            process=self.process,
            first_call_seconds=self.first_call_seconds,
            threads_observed=observed,
            peak_memory_bytes=memory.peak(),
        )
        return {KEY: msgspec.to_builtins(facts)}


@functools.cache
def benchmark_data() -> TrainingData:
    """MNIST where it can be had without a download, else the digits that ship with scikit-learn."""
    data = load_dataset("auto", allow_download=False, normalisation=PRESET.normalise)
    return data.take(EXAMPLES)


def make_subject(row: Row, batch_size: int) -> Subject:
    """Import, first step, gate: in this order, so that compiling is in the first step."""
    for name, value in row.environment.items():
        os.environ.setdefault(name, value)
    clock = Clock()
    begun = clock.wall()
    trainer_class = registry.load(row)
    process = describe_process(row, trainer_class, clock.wall() - begun)
    training = PRESET.training_at(batch_size)
    start = start_parameters(PRESET.network, training, SEED)
    data = benchmark_data()
    arrays = (data.X, data.one_hot())
    trainer = trainer_class(PRESET.network, training, start)
    trainer.bind(*arrays)
    order = epoch_order(EXAMPLES, SEED, 0)
    first = time_round(clock, lambda: trainer.step(order[:batch_size]), 1).wall
    checks: list[Check] = []
    if row.role == "trainer":
        rows = order[: gate.rows_needed(batch_size, EXAMPLES)]
        checks = gate.inspect(trainer_class, PRESET.network, training, start, arrays, rows)
        refused = gate.refusal(checks)
        if refused:
            pytest.fail(f"invalid, so not timed: {refused}")
    trainer.load(start)
    # Ten thousand repetitions must not train the network into saturation: at this rate all the
    # arithmetic is done and the weights stay where they are.
    trainer.learning_rate = NEGLIGIBLE_RATE
    cell = Cell(
        implementation=row.name,
        device=row.device,
        network=PRESET.network.name,
        batch_size=batch_size,
        threads=requested_threads(),
    )
    return Subject(row, trainer, cell, tuple(checks), process, first)


@pytest.fixture(scope="session", autouse=True)
def machine_alone(request: pytest.FixtureRequest) -> Iterator[None]:
    """Hold the machine while benchmarks run; skipped ones never get here."""
    options = request.config.option
    # The plugin disables itself, too, where tests are spread over processes.
    spread = hasattr(request.config, "workerinput")
    with contextlib.ExitStack() as held:
        if not spread and (options.benchmark_enable or not options.benchmark_disable):
            try:
                held.enter_context(lock.measuring(shlex.join(["pytest", *sys.argv[1:]])))
            except (BusyError, LockError) as error:
                pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)
        yield


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Put our description of machine, data and network beside the plugin's own."""
    facts = RunFacts(
        machine=machine.describe(os.environ),
        dataset=dataset.describe(benchmark_data()),
        network=PRESET.network,
        trainings=tuple(PRESET.training_at(size) for size in BATCH_SIZES),
        seed=SEED,
        command=shlex.join(["pytest", *sys.argv[1:]]),
    )
    machine_info[KEY] = msgspec.to_builtins(facts)
