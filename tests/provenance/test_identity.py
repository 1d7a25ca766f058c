from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from bench.provenance import machine
from bench.provenance.records import Allocation

MACHINE = "/etc/machine-id"
BOARD = "/sys/class/dmi/id"


def files(monkeypatch: pytest.MonkeyPatch, content: dict[str, str]) -> None:
    """Let the machine consist of these system files and no others."""
    monkeypatch.setattr(machine, "read", lambda path: content.get(str(path)))


def test_an_identity_is_stable_and_does_not_hold_what_it_is_made_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files(monkeypatch, {MACHINE: "a" * 32, f"{BOARD}/product_uuid": "4C4C4544-0042"})
    first = machine.machine_id(), machine.board_id()
    assert first == (machine.machine_id(), machine.board_id())
    assert all(re.fullmatch(r"[0-9a-f]{16}", one or "") for one in first)
    assert "aaaa" not in str(first[0])


def test_two_hosts_of_one_kind_are_two_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    files(monkeypatch, {MACHINE: "a" * 32})
    first = machine.machine_id()
    files(monkeypatch, {MACHINE: "b" * 32})
    assert machine.machine_id() != first


def test_a_machine_has_one_identity_for_root_and_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files(monkeypatch, {MACHINE: "a" * 32, f"{BOARD}/product_uuid": "4C4C4544-0042"})
    as_root = machine.machine_id()
    files(monkeypatch, {MACHINE: "a" * 32})
    assert machine.machine_id() == as_root
    assert machine.board_id() is None


@pytest.mark.parametrize(
    "serial", ["To Be Filled By O.E.M.", "00000000-0000", "None", "FFFFFFFF", "Default string"]
)
def test_a_serial_number_that_nobody_filled_in_identifies_nothing(
    monkeypatch: pytest.MonkeyPatch, serial: str
) -> None:
    files(monkeypatch, {f"{BOARD}/board_serial": serial})
    assert machine.board_id() is None


def test_a_device_tree_has_a_serial_number_too(monkeypatch: pytest.MonkeyPatch) -> None:
    files(monkeypatch, {"/sys/firmware/devicetree/base/serial-number": "10000000a1b2\0"})
    assert machine.board_id() is not None


def test_an_image_that_was_never_started_has_no_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    files(monkeypatch, {MACHINE: "uninitialized"})
    assert machine.machine_id() is None
    files(monkeypatch, {"/var/lib/dbus/machine-id": "a" * 32})
    assert machine.machine_id() is not None


def test_the_name_of_the_host_is_recorded_where_the_user_asks_for_it() -> None:
    assert machine.describe({}).hostname is None
    assert machine.describe({"MLPBENCH_HOSTNAME": "0"}).hostname is None
    assert machine.describe({"MLPBENCH_HOSTNAME": "1"}).hostname == socket.gethostname()


def test_microcode_and_memory_nodes_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files(monkeypatch, {"/proc/cpuinfo": "model name\t: X\nmicrocode\t: 0xd0\n\nmicrocode\t: 0x1"})
    assert machine.cpuinfo("microcode") == "0xd0"
    for name in ("node0", "node1", "online", "has_cpu"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(machine, "_NODES", tmp_path)
    assert machine.numa_nodes() == 2
    monkeypatch.setattr(machine, "_NODES", tmp_path / "none")
    assert machine.numa_nodes() is None


def test_a_slurm_job_is_recorded_with_its_node_and_its_kind() -> None:
    assert machine.allocation({}) is None
    assert machine.allocation({"SLURM_JOB_ID": "7"}) == Allocation(scheduler="slurm", job="7")
    found = machine.allocation(
        {
            "SLURM_JOB_ID": "8",
            "SLURM_ARRAY_JOB_ID": "7",
            "SLURM_ARRAY_TASK_ID": "1",
            "SLURMD_NODENAME": "node1",
            "SLURM_JOB_PARTITION": "main",
            "SLURM_RESTART_COUNT": "2",
            "MLPBENCH_KIND": "rome",
        }
    )
    assert found == Allocation(
        scheduler="slurm", job="7_1", node="node1", partition="main", constraint="rome", restarts=2
    )


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("0::/", None),
        ("0::/user.slice/a", "/user.slice/a"),
        ("9:name=systemd:/a\n4:cpu,cpuacct:/slurm/job_5\n0::/b", "/slurm/job_5"),
        ("4:cpu:/\n0::/b", None),
        ("5:memory:/m\n0::/b", "/b"),
        ("", None),
    ],
)
def test_the_control_group_is_the_one_with_the_processor(
    monkeypatch: pytest.MonkeyPatch, group: str, expected: str | None
) -> None:
    files(monkeypatch, {"/proc/self/cgroup": group})
    assert machine.own_cgroup() == expected


@pytest.mark.parametrize(
    ("quota", "usable", "expected"),
    [(None, 8, 8), (1.0, 2, 1), (1.5, 2, 1), (2.0, 8, 2), (16.0, 8, 8), (0.5, 2, 1)],
)
def test_a_quota_limits_how_many_threads_can_run_at_once(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, usable: int, expected: int
) -> None:
    monkeypatch.setattr(machine, "quota_cpus", lambda: quota)
    assert machine.available_cpus(usable) == expected
