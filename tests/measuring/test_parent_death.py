"""A process that is tied to its parent ends with it, however that ends."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import bench

CHILD = """
import os, sys, time
from bench.measuring import parent_death
tied = sys.argv[1] != "untied" and parent_death.end_with(int(sys.argv[1]))
print(os.getpid(), tied, flush=True)
time.sleep(60)
"""
PARENT = """
import os, subprocess, sys, time
tie = str(os.getpid()) if sys.argv[2] == "tied" else sys.argv[2]
subprocess.Popen([sys.executable, "-c", sys.argv[1], tie], start_new_session=True)
time.sleep(60)
"""


def orphan_of_a_killed_parent(how: str) -> tuple[int, str]:
    """Kill a parent outright; the process id of its child, and whether that was tied."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD, how],
        env={**os.environ, "PYTHONPATH": str(Path(bench.__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        child, tied = parent.stdout.readline().split()
        parent.kill()
    return int(child), tied


def lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


def ends(process: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while lives(process) and time.monotonic() < end:
        time.sleep(0.01)
    return not lives(process)


def test_a_tied_process_is_killed_with_its_parent() -> None:
    child, tied = orphan_of_a_killed_parent("tied")
    assert tied == "True"
    assert ends(child, 10)


def test_a_process_that_is_not_tied_lives_on() -> None:
    child, _ = orphan_of_a_killed_parent("untied")
    try:
        assert not ends(child, 0.3), "or the test above proves nothing"
    finally:
        os.kill(child, 9)


def test_a_parent_that_has_gone_before_is_noticed() -> None:
    child, tied = orphan_of_a_killed_parent(str(os.getpid()))
    assert tied == "False"
    assert ends(child, 10)
