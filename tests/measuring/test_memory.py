from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.measuring import memory

MIB = 2**20


def test_memory_that_is_touched_is_resident_and_stays_in_the_peak() -> None:
    before = memory.resident()
    assert before is not None
    block = np.ones(64 * MIB, np.uint8)
    held = memory.resident()
    assert held is not None
    assert held - before > 60 * MIB
    del block
    after = memory.resident()
    assert after is not None
    assert after < held - 60 * MIB
    # The accounts of single threads are added up in steps.
    assert memory.peak() > held - 4 * MIB


def test_a_forgotten_peak_begins_at_what_is_resident() -> None:
    block = np.ones(64 * MIB, np.uint8)
    del block
    high = memory.peak()
    if not memory.forget_peak():
        pytest.skip("this system does not let a process reset its peak")
    assert memory.peak() < high - 32 * MIB


def test_a_fresh_process_does_not_begin_with_the_peak_of_its_parent() -> None:
    program = (
        "import numpy as np, subprocess, sys\n"
        "block = np.ones(256 * 2**20, np.uint8)\n"
        "child = 'from bench.measuring import memory; print(memory.peak())'\n"
        "sys.stdout.write(subprocess.run([sys.executable, '-c', child], stdout=-1).stdout.decode())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[2],
        text=True,
    )
    assert MIB < int(done.stdout) < 200 * MIB


def test_a_system_without_the_account_has_no_residency_and_the_peak_of_getrusage(
    tmp_path: Path,
) -> None:
    other = tmp_path / "status"
    for text in (None, "Name: python\nThreads: 1\n"):
        if text:
            other.write_text(text)
        assert memory.resident(other) is None
        assert memory.peak(other) > MIB
    other.write_text("VmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n")
    assert (memory.resident(other), memory.peak(other)) == (MIB, 2 * MIB)


def test_a_system_that_forbids_the_reset_says_so(tmp_path: Path) -> None:
    assert not memory.forget_peak(tmp_path / "none" / "clear_refs")
