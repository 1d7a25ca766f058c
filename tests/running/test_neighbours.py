"""Busy neighbours: real processes that compute during the turns of their cells and never else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import bench
from bench.planning.variables import NEIGHBOURS as VARIABLE
from bench.running.neighbours import Neighbours, count, with_neighbours
from impls.errors import UsageError
from tests.stand_ins import fakes

ALONE, TWO = ((VARIABLE, "0"),), ((VARIABLE, "2"),)
PLAN = fakes.plan(settings=(ALONE, TWO))

# Starts neighbours, says who they are, and is killed without a chance to end them.
PARENT = """
import os
from bench.running.neighbours import Neighbours
from tests.running.test_neighbours import PLAN

with Neighbours(PLAN) as neighbours:
    print(*(process.pid for process in neighbours.processes), flush=True)
    os.kill(os.getpid(), 9)
"""


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def state(pid: int) -> str:
    """The letter of proc(5), such as T for stopped; empty where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def wait_until_stopped(pids: list[int]) -> None:
    deadline = time.monotonic() + 10
    while any(state(pid) != "T" for pid in pids):
        assert time.monotonic() < deadline, [state(pid) for pid in pids]
        time.sleep(0.01)


def test_every_setting_comes_with_every_number_of_neighbours() -> None:
    found = with_neighbours([(("A", "1"),)], [0, 2])
    assert found == ((("A", "1"), (VARIABLE, "0")), (("A", "1"), (VARIABLE, "2")))
    assert [count(setting) for setting in found] == [0, 2]
    assert with_neighbours([()], []) == ((),)
    assert count(()) == 0
    with pytest.raises(UsageError, match="--neighbours"):
        with_neighbours([((VARIABLE, "1"),)], [1])


def test_neighbours_rest_but_for_the_turns_that_ask_for_them() -> None:
    with Neighbours(PLAN) as neighbours:
        pids = [process.pid for process in neighbours.processes]
        assert len(pids) == 2
        wait_until_stopped(pids)
        before = [cpu_seconds(pid) for pid in pids]
        with neighbours.busy(ALONE):
            assert [state(pid) for pid in pids] == ["T", "T"]
            time.sleep(0.05)
        assert [cpu_seconds(pid) for pid in pids] == before
        with neighbours.busy(TWO):
            deadline = time.monotonic() + 20
            while any(cpu_seconds(pid) < before[0] + 0.1 for pid in pids):
                assert time.monotonic() < deadline, "a neighbour does not compute in its turn"
                time.sleep(0.01)
        wait_until_stopped(pids)
        after = [cpu_seconds(pid) for pid in pids]
        time.sleep(0.1)
        assert [cpu_seconds(pid) for pid in pids] == after
    assert [state(pid) for pid in pids] == ["", ""]


def test_neighbours_that_rest_end_with_a_parent_that_is_killed() -> None:
    root = Path(bench.__file__).parents[1]
    parent = subprocess.run(
        [sys.executable, "-c", PARENT],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    pids = [int(pid) for pid in parent.stdout.split()]
    deadline = time.monotonic() + 5
    try:
        while any(state(pid) not in {"", "Z"} for pid in pids):
            assert time.monotonic() < deadline, [state(pid) for pid in pids]
            time.sleep(0.01)
    finally:
        for pid in pids:
            if state(pid) not in {"", "Z"}:
                os.kill(pid, signal.SIGKILL)


def test_a_neighbour_that_ended_disturbs_nobody() -> None:
    with Neighbours(PLAN) as neighbours:
        neighbours.processes[0].kill()
        neighbours.processes[0].wait()
        with neighbours.busy(TWO):
            assert neighbours.processes[1].poll() is None
