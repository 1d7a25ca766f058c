"""One process for each engine of Keras, which examines the rows of this engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from impls import registry
from impls.row import Row

ROOT = Path(__file__).parents[2]
ENGINES = ("tensorflow", "jax", "torch")
ROWS = {
    engine: [
        row
        for row in registry.ROWS
        if row.device == "cpu" and row.environment.get("KERAS_BACKEND") == engine
    ]
    for engine in ENGINES
}
# Correct or not, code that is optimised less is compiled sooner.
SOON = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
}
Found = dict[str, str]
PROGRAM = (sys.executable, "-m", "tests.contract.keras_engine")


class Engines:
    """What the processes of all engines found; they run side by side."""

    def __init__(self) -> None:
        self.reasons = {engine: registry.missing(rows[0]) for engine, rows in ROWS.items()}
        self.processes = {
            engine: self._start(rows) for engine, rows in ROWS.items() if not self.reasons[engine]
        }
        self.found: dict[str, Found] = {}

    def _start(self, rows: list[Row]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *(row.name for row in rows)],
            cwd=ROOT,
            env={**os.environ, **SOON, **rows[0].environment, "CUDA_VISIBLE_DEVICES": "-1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def about(self, name: str) -> Found:
        """What was found for a row; the test is skipped where its engine is missing."""
        engine = registry.find(name).environment["KERAS_BACKEND"]
        reason = self.reasons[engine]
        if reason:
            pytest.skip(reason)
        if name not in self.found:
            output, errors = self.processes[engine].communicate()
            assert self.processes[engine].returncode == 0, errors
            self.found |= json.loads(output)
        return self.found[name]

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.communicate()
