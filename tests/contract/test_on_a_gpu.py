"""The rows for a GPU on a real one: ``pytest tests -m gpu``; skipped where there is none.

Everything but the device is tested elsewhere, on any machine.  Each row has a process of its own,
with the environment that a measurement gives it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from impls import registry
from impls.row import Row

from . import gpu_row

ROOT = Path(__file__).parents[2]
ROWS = [row for row in registry.ROWS if row.device == "gpu"]
FRACTION = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.005"}
"""Less than a gigabyte of any GPU."""

on_a_gpu = pytest.mark.gpu


def found(row: Row, *options: str, **variables: str) -> dict[str, str]:
    """What the program says of a row; the test is skipped where the row cannot run."""
    reason = registry.absent(row)
    if reason or os.environ.get("CUDA_VISIBLE_DEVICES") == "-1":
        why = reason or "CUDA_VISIBLE_DEVICES=-1 hides them all"
        pytest.skip(f"no CUDA device: {why.removeprefix('no device: ')}")
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.gpu_row", row.name, *options],
        cwd=ROOT,
        env={**os.environ, **row.environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, str] = json.loads(done.stdout)
    if "unavailable" in said:
        pytest.skip(f"no CUDA device: {said['unavailable'].removeprefix('no device: ')}")
    return said


@on_a_gpu
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_holds_on_its_device(row: Row) -> None:
    assert found(row) == dict.fromkeys(gpu_row.CASES, "")


@on_a_gpu
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_too_little_memory_is_recognised(row: Row) -> None:
    assert "memory was exhausted" in found(row, "--memory", **FRACTION)["explanation"]


def test_the_examination_itself_holds_for_a_row_that_needs_no_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(gpu_row.CASES, "gate, cnn-small")
    row = registry.load(registry.find("numpy-optimized"))
    expected = dict.fromkeys(gpu_row.CASES, "")
    assert gpu_row.examined(row) == {
        **expected,
        "timed": "None bytes were held on the device",
        "gate in TF32": "not declared",
    }
    assert gpu_row.exhausted(row, "numpy") == {"explanation": "nothing was raised"}


def test_an_error_is_what_is_wrong_in_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    def examine(_: object) -> str:
        raise ValueError("a case")

    monkeypatch.setattr(gpu_row, "CASES", {"one": examine})
    row = registry.load(registry.find("numpy-optimized"))
    assert gpu_row.examined(row) == {"one": "ValueError: a case"}
