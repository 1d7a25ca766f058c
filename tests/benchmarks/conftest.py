"""What the benchmarks share: one live worker at a time, its clock, the facts for the JSON."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import bench
from bench.documents.assignment import Arrays, Assignment, save_arrays
from bench.documents.pytest_json import KEY, CellFacts, RunFacts
from bench.documents.results import Measured
from bench.documents.rounds import TimedRound, Turn, TurnKind
from bench.documents.timings import EPOCH
from bench.planning import variables
from bench.planning.plan import Plan, jobs
from bench.planning.profiles import PROFILES
from bench.provenance import machine
from bench.provenance.records import Dataset
from bench.running import lock
from bench.running.processes import Launcher
from bench.running.worker_client import WorkerClient
from impls.data import TrainingData, load_dataset
from impls.errors import BusyError, LockError
from impls.presets import PRESETS
from impls.row import Row

SEED = 1
BATCH_SIZES = (32, 500)
ROUNDS = 10
PRESET = PRESETS["blog"]
PROFILE = PROFILES["quick"]
TIMEOUT_SECONDS = 300.0


def requested_threads() -> int | None:
    """The number of threads that the user exported, by whichever variable."""
    return variables.exported_threads(os.environ)


class WorkerClock:
    """A timer for pytest-benchmark: the seconds that a live worker has measured so far.

    The plugin reads it before and after it calls the benchmarked function.  That function asks the
    worker for a round and adds what the worker's own clock said, so neither the pipe nor this
    process is in any number.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """All seconds so far."""
        return self.seconds


CLOCK = WorkerClock()


class Subject:
    """One implementation in a process of its own, and the batch size that is prepared in it."""

    def __init__(self, row: Row, folder: Path) -> None:
        plan = plan_of(row)
        (job,) = jobs(plan)
        root = str(Path(bench.__file__).parent.parent)
        assignment = Assignment(
            job=job, block=0, repetition=0, plan=plan, row=row, root=root, arrays=str(folder)
        )
        path = folder / f"assignment-{row.name}.json"
        path.write_bytes(msgspec.json.encode(assignment))
        # One exported thread variable speaks for all that were left unset, so that
        # OPENBLAS_NUM_THREADS=1 does not compare one BLAS thread with all of another library.
        inherited = {**variables.variables(job.threads), **os.environ}
        given = variables.worker_environment(inherited, None, (), row.environment)
        given["PYTHONPATH"] = root
        self.worker = WorkerClient(
            assignment,
            launch=lambda: Launcher().start(path, given),
            timeout=TIMEOUT_SECONDS,
        )
        self.worker.start()
        self.row, self.batch_size, self.turns = row, 0, 0
        self.frame: Measured | None = None
        self.threads_observed = 0.0

    def prepare(self, batch_size: int) -> Measured:
        """Gate, threads and warm-up at one batch size; fails the test where one of them does."""
        if self.batch_size != batch_size or self.frame is None:
            self.frame, self.batch_size = None, batch_size
            outcome = self.worker.prepare_cell(batch_size)
            if outcome is not None or self.worker.measured is None:
                kind = type(outcome).__name__.lower()
                pytest.fail(f"{kind}, so not timed: {getattr(outcome, 'reason', '')}")
            self.frame = self.worker.measured
            (epoch,) = self.turn("epoch").rounds
            self.threads_observed = (epoch.cpu_seconds or 0.0) / epoch.seconds
        return self.frame

    def turn(self, kind: TurnKind) -> Turn:
        """One turn of the worker."""
        self.turns += 1
        found = self.worker.take_turn(kind, self.turns)
        if not isinstance(found, Turn):
            pytest.fail(getattr(found, "reason", "the worker has ended"))
        return found

    def round_of(self, phase: str) -> TimedRound | None:
        """A round of ``phase``, or None where the implementation cannot time it apart."""
        kind: TurnKind = "epoch" if phase == EPOCH else "parts"
        return next((one for one in self.turn(kind).rounds if one.phase == phase), None)

    def facts(self, found: TimedRound) -> dict[str, Any]:
        """What ``extra_info`` carries into the JSON."""
        assert self.frame is not None
        facts = CellFacts(
            cell=self.frame.cell,
            phase=found.phase,
            examples=found.examples,
            gate=self.frame.gate,
            process=self.frame.process,
            first_call_seconds=self.frame.first_call_seconds,
            threads_observed=self.threads_observed,
            peak_memory_bytes=self.frame.peak_memory_bytes,
        )
        return {KEY: msgspec.to_builtins(facts)}


def benchmark_data() -> TrainingData:
    """MNIST where it can be had without a download, else the digits that ship with scikit-learn."""
    data = load_dataset("auto", allow_download=False, normalisation=PRESET.normalise)
    return data.take(min(len(data.X), PROFILE.examples or len(data.X)))


def plan_of(row: Row) -> Plan:
    """The plan of which one implementation is measured: that of the quick profile."""
    data = benchmark_data()
    return Plan(
        seed=SEED,
        profile="pytest",
        network=PRESET.network,
        trainings=tuple(PRESET.training_at(size) for size in BATCH_SIZES),
        implementations=(row.name,),
        threads=(requested_threads(),),
        settings=((),),
        effort=PROFILE.effort,
        dataset=data.name,
        examples=len(data.X),
    )


@pytest.fixture(scope="session")
def data_folder() -> Iterator[Path]:
    """The examples as files, which every worker maps."""
    data = benchmark_data()
    with tempfile.TemporaryDirectory(prefix="mlpbench-") as name:
        save_arrays(Path(name), Arrays(np.asarray(data.X), data.one_hot()))
        yield Path(name)


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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give pytest-benchmark the workers' clock; CodSpeed's plugin accepts no other."""
    codspeed = config.pluginmanager.get_plugin("codspeed_plugin")
    if codspeed is not None and codspeed.is_codspeed_enabled:
        return
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.benchmark(timer=CLOCK))


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """Put our description of machine, data and network beside the plugin's own."""
    facts = RunFacts(
        machine=machine.describe(os.environ),
        dataset=Dataset.of(benchmark_data()),
        network=PRESET.network,
        trainings=tuple(PRESET.training_at(size) for size in BATCH_SIZES),
        seed=SEED,
        command=shlex.join(["pytest", *sys.argv[1:]]),
    )
    machine_info[KEY] = msgspec.to_builtins(facts)
