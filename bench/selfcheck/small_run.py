"""A real run in small: worker processes, journal and schedule as always, random data."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import bench
from bench.documents import journal
from bench.documents.assignment import Arrays
from bench.documents.results import SCHEMA_VERSION, Results
from bench.planning.plan import Effort, Plan, Setting
from bench.provenance import machine
from bench.provenance.records import Dataset
from bench.running.processes import Launcher
from bench.running.runner import Runner
from impls.data import normalise
from impls.parameters import Floats
from impls.presets import PRESETS
from impls.row import Row

EXAMPLES = 5000
PRESET = PRESETS["blog"]
_TIMEOUT = 300.0


def plan_for(
    rows: Sequence[Row],
    *,
    seed: int,
    blocks: int = 1,
    batch_sizes: Sequence[int] = (500,),
    threads: Sequence[int | None] = (1,),
    setting: Setting = (),
    examples: int = EXAMPLES,
    budget_seconds: float | None = None,
) -> Plan:
    """Return a grid of batch sizes and thread counts for the articles' network."""
    return Plan(
        seed=seed,
        profile="selfcheck",
        network=PRESET.network,
        trainings=tuple(map(PRESET.training_at, batch_sizes)),
        implementations=tuple(row.name for row in rows),
        threads=tuple(threads),
        settings=(setting,),
        effort=Effort(
            blocks=blocks,
            sweeps=12,
            round_seconds=0.01,
            cell_seconds=0.25,
            warmup_seconds=0.1,
        ),
        dataset="made up",
        examples=examples,
        budget_seconds=budget_seconds,
    )


def carry_out(plan: Plan, rows: Sequence[Row], launcher: Launcher | None = None) -> Results:
    """Measure ``plan`` in real worker processes, or in those of another launcher."""
    empty = Results(
        schema_version=SCHEMA_VERSION,
        created_at="",
        generator=f"mlpbench {bench.__version__}",
        plan=plan,
        dataset=Dataset(
            name=plan.dataset,
            source="random numbers",
            examples=plan.examples,
            features=plan.network.layers[0],
            sha256="",
            normalisation=PRESET.normalise,
        ),
        machine=machine.describe(os.environ),
        outcomes=(),
        complete=False,
        rows=tuple(rows),
    )
    with tempfile.TemporaryDirectory(prefix="mlpbench-selfcheck-") as name:
        record = journal.Journal(Path(name), empty)
        try:
            Runner(
                plan,
                rows,
                launcher or Launcher(),
                record,
                environment=os.environ,
                timeout=_TIMEOUT,
                on_progress=lambda _progress: None,
            ).run(Arrays(*random_examples(plan)))
        finally:
            record.close()
        return journal.read(record.path)


def random_examples(plan: Plan) -> tuple[Floats, Floats]:
    """Return examples, normalised as the network's are, and one-hot targets that go round."""
    features, classes = plan.network.layers[0], plan.network.layers[-1]
    X = np.random.default_rng(plan.seed).standard_normal((plan.examples, features))
    targets = np.eye(classes, dtype=plan.network.dtype)[np.arange(plan.examples) % classes]
    normalised = normalise.fit(X, PRESET.normalise).apply(X)
    return normalised.astype(plan.network.dtype, copy=False), targets
