"""Exactly one process computes: real workers whose pools of threads would spin on."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest

from bench.documents.assignment import Arrays, Assignment, save_arrays
from bench.documents.rounds import Turn
from bench.planning.plan import Plan, jobs
from bench.planning.variables import worker_environment
from bench.provenance.machine import usable_cpus
from bench.running import runner
from bench.running.processes import Launcher
from bench.running.worker_client import WorkerClient
from impls import registry
from impls.networks import Network, Training
from tests.stand_ins import fakes

STOP_SECONDS = 0.02
"""By then a stop has reached every thread; on a busy machine it takes some milliseconds."""
SIGNAL_SECONDS = 0.001
"""What a thread uses that is stopped only now; a turn takes ten times as long."""

pytestmark = pytest.mark.skipif(usable_cpus() < 2, reason="one processor has no idle threads")


def test_a_worker_that_waits_uses_no_processor_while_another_takes_its_turn(
    tmp_path: Path,
) -> None:
    plan = fakes.plan(
        network=Network(name="wide", layers=(300, 200, 3)),
        implementations=("numpy-optimized", "numpy-cached"),
        trainings=(Training(batch_size=500),),
        threads=(2,),
        effort=fakes.REAL_EFFORT,
        examples=2000,
    )
    save_arrays(tmp_path, Arrays(*fakes.examples(2000, 300, 3)))
    clients = [_client(tmp_path, plan, place) for place in range(2)]
    try:
        for client in clients:
            client.start()
            assert client.prepare_cell(500) is None
        for number in range(3):
            for client, other in (clients, clients[::-1]):
                # Its pool has just worked, and would spin for another 80 ms.
                time.sleep(STOP_SECONDS)
                before = other.cpu_seconds()
                own = client.cpu_seconds()
                assert isinstance(client.take_turn("epoch", number), Turn)
                assert 0 < before <= other.cpu_seconds() <= before + SIGNAL_SECONDS
                assert client.cpu_seconds() > own
    finally:
        for client in clients:
            client.close()


def _client(folder: Path, plan: Plan, place: int) -> WorkerClient:
    job = jobs(plan)[place]
    row = registry.find(job.implementation)
    root = str(Path(runner.__file__).parents[2])
    assignment = Assignment(
        job=job, block=0, repetition=0, plan=plan, row=row, root=root, arrays=str(folder)
    )
    path = folder / f"assignment-{place}.json"
    path.write_bytes(msgspec.json.encode(assignment))
    environment = worker_environment(os.environ, job.threads, job.setting, row.environment)
    environment["PYTHONPATH"] = root
    return WorkerClient(
        assignment,
        launch=lambda: Launcher().start(path, environment),
        timeout=60.0,
    )
