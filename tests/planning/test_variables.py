from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import bench
from bench.doctor import advice
from bench.documents import files
from bench.planning.variables import (
    NOT_RECORDED,
    RECORDED_PREFIXES,
    exported_threads,
    recorded,
    thread_count,
)
from bench.provenance import machine
from bench.running.runner import require_unchanged
from impls.errors import ResultsError
from tests.stand_ins import fakes

CHANGES_NUMBERS = (
    "NPY_DISABLE_CPU_FEATURES", "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA", "ONEDNN_MAX_CPU_ISA",
    "GLIBC_TUNABLES", "GOTO_NUM_THREADS", "LD_LIBRARY_PATH", "TF_CPU_ALLOCATOR_USE_BFC",
    "MIMALLOC_LARGE_OS_PAGES", "PYTHONMALLOC", "PYTHON_GIL", "TBB_ENABLE_WORK_STEALING",
    "AOCL_ENABLE_INSTRUCTIONS", "FLEXIBLAS", "TRITON_CACHE_DIR",
)  # fmt: skip


@pytest.mark.parametrize("name", CHANGES_NUMBERS)
def test_a_variable_that_changes_numbers_is_recorded_and_blocks_a_resume(name: str) -> None:
    """Blocks measured under different values would be mixed in one document."""
    before, now = machine.describe({}), machine.describe({name: "1"})
    assert now.environment == {name: "1"}
    plain = fakes.document()
    with pytest.raises(ResultsError, match=f"machine environment {name}: None -> 1"):
        require_unchanged(
            msgspec.structs.replace(plain, machine=before),
            msgspec.structs.replace(plain, machine=now),
        )


@pytest.mark.parametrize("name", ["HOME", "PATH", "API_TOKEN", "PYTHONPATH", *NOT_RECORDED])
def test_a_variable_that_changes_no_number_is_not_recorded(name: str) -> None:
    assert recorded({name: "1"}) == {}


def test_each_exception_is_one_from_the_prefixes() -> None:
    assert [name for name in NOT_RECORDED if not name.startswith(RECORDED_PREFIXES)] == []


def test_a_value_that_is_not_utf_8_is_recorded_as_an_escape_that_a_document_can_hold() -> None:
    value = b"a\xff".decode(errors="surrogateescape")
    described = machine.describe({"OMP_PLACES": value})
    assert described.environment == {"OMP_PLACES": "a\\udcff"}
    document = fakes.document(machine=described)
    assert files.decode(files.encode(document), origin="here") == document


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("4", 4),
        (" 2 ", 2),
        ("4,2", 4),
        ("", None),
        ("1.0", None),
        ("two", None),
        ("0", None),
        ("-1", None),
        (",2", None),
        ("٤", None),
        ("²", None),
        ("9" * 5000, None),
    ],
)
def test_one_reading_of_a_thread_variable_for_all(text: str, count: int | None) -> None:
    assert thread_count(text) == count
    said = " ".join(advice.on_exported({"OMP_NUM_THREADS": text}, 8))
    assert ("is not a number of threads" in said) == (count is None)


def test_the_first_variable_with_a_number_speaks() -> None:
    assert exported_threads({}) is None
    assert exported_threads({"OMP_NUM_THREADS": "3", "OPENBLAS_NUM_THREADS": "2"}) == 2
    assert exported_threads({"OMP_NUM_THREADS": "3,1", "OPENBLAS_NUM_THREADS": "two"}) == 3


@pytest.mark.parametrize("value", ["4,2", "two"], ids=["list", "no number"])
def test_benchmarks_are_collected_whatever_is_exported(value: str) -> None:
    benchmarks = Path(bench.__file__).parents[1] / "tests" / "benchmarks"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", str(benchmarks)],
        env=os.environ | {"OMP_NUM_THREADS": value},
        cwd=benchmarks.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
