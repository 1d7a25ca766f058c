from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest

import bench
from bench.provenance import machine
from bench.provenance.records import Machine


def test_a_machine_describes_itself_in_a_form_that_json_holds() -> None:
    found = machine.describe({"OMP_NUM_THREADS": "2", "SECRET": "x"})
    assert 1 <= found.usable_cpus <= found.logical_cpus
    assert found.memory_bytes > 2**26
    assert found.cpu
    assert found.python.split()[1].startswith("3.")
    assert found.environment == {"OMP_NUM_THREADS": "2"}
    assert found.versions["mlpbench"] == bench.__version__
    assert "numpy" in found.versions
    assert msgspec.json.decode(msgspec.json.encode(found), type=Machine) == found


def test_no_fact_names_the_machine() -> None:
    text = msgspec.json.encode(machine.describe({})).decode()
    assert not re.search(rf"\b{re.escape(os.uname().nodename)}\b", text)


def test_usable_processors_are_those_of_the_affinity_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 3, 5})
    assert machine.usable_cpus() == 3


def test_packages_that_are_not_installed_are_left_out() -> None:
    found = machine.package_versions(("numpy", "no-such-package"))
    assert set(found) == {"mlpbench", "numpy"}


def files(monkeypatch: pytest.MonkeyPatch, content: dict[str, str]) -> None:
    """Let the machine consist of these system files and no others."""
    monkeypatch.setattr(machine, "read", lambda path: content.get(str(path)))


CGROUPS = "/sys/fs/cgroup"


@pytest.mark.parametrize(
    ("group", "limits", "expected"),
    [
        ("", {}, None),
        ("", {"cpu.max": "150000 100000"}, 1.5),
        ("", {"cpu.max": "max 100000"}, None),
        # The process's own group and all above it: the smallest limit holds.
        ("0::/a/b", {"a/b/cpu.max": "400000 100000", "a/cpu.max": "50000 20000"}, 2.5),
        ("0::/a/b", {"a/b/cpu.max": "100000 100000", "a/cpu.max": "50000 20000"}, 1.0),
        ("0::/a/b", {"cpu.max": "30000 10000", "a/b/cpu.max": "max 100000"}, 3.0),
        ("0::/a", {"b/cpu.max": "100000 100000"}, None),
        # Beside version 1, and version 1 itself.
        ("0::/a", {"unified/a/cpu.max": "50000 100000"}, 0.5),
        ("", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ("", {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2.0),
        (
            "5:memory:/m\n4:cpu,cpuacct:/x/y\n0::/",
            {"cpu,cpuacct/x/cpu.cfs_quota_us": "75000", "cpu,cpuacct/x/cpu.cfs_period_us": "50000"},
            1.5,
        ),
        ("5:memory:/m", {"cpu/m/cpu.max": "50000 100000"}, None),
        # A container without a namespace sees the host's path and its own folder.
        ("0::/host/docker/1", {"cpu.max": "150000 100000"}, 1.5),
        ("0::/../other", {"other/cpu.max": "150000 100000"}, None),
        ("0::/../other", {"cpu.max": "150000 100000"}, 1.5),
    ],
)
def test_a_quota_is_given_in_processors(
    monkeypatch: pytest.MonkeyPatch, group: str, limits: dict[str, str], expected: float | None
) -> None:
    content = {f"{CGROUPS}/{name}": text for name, text in limits.items()}
    files(monkeypatch, {"/proc/self/cgroup": group, **content})
    assert machine.quota_cpus() == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [("on", "on"), ("off", "off"), ("forceoff", "off"), ("notsupported", "notsupported"),
     (None, None)],
)  # fmt: skip
def test_hardware_threads_are_on_or_off(
    monkeypatch: pytest.MonkeyPatch, content: str | None, expected: str | None
) -> None:
    files(monkeypatch, {"/sys/devices/system/cpu/smt/control": content} if content else {})
    assert machine.smt() == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"intel_pstate/no_turbo": "0"}, "on"),
        ({"intel_pstate/no_turbo": "1", "cpufreq/boost": "1"}, "off"),
        ({"cpufreq/boost": "1"}, "on"),
        ({"cpufreq/boost": "0"}, "off"),
        ({}, None),
    ],
)
def test_turbo_is_on_or_off_whoever_drives_the_frequency(
    monkeypatch: pytest.MonkeyPatch, content: dict[str, str], expected: str | None
) -> None:
    files(monkeypatch, {f"/sys/devices/system/cpu/{name}": t for name, t in content.items()})
    assert machine.turbo() == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"/sys/hypervisor/type": "xen", "/proc/cpuinfo": "flags\t\t: fpu"}, "xen"),
        ({"/proc/cpuinfo": "model name\t: X\nflags\t\t: fpu hypervisor lm\n"}, "yes"),
        ({"/proc/cpuinfo": "model name\t: hypervisor\nflags\t\t: fpu lm"}, None),
        ({"/proc/cpuinfo": "flags\t\t: not_hypervisor"}, None),
        ({}, None),
    ],
)
def test_a_hypervisor_shows_in_its_own_file_or_in_a_flag(
    monkeypatch: pytest.MonkeyPatch, content: dict[str, str], expected: str | None
) -> None:
    files(monkeypatch, content)
    assert machine.hypervisor() == expected


def test_a_system_without_such_files_still_has_a_description(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files(monkeypatch, {})
    found = machine.describe({})
    assert (found.smt, found.turbo, found.hypervisor, found.clock_source) == (None,) * 4
    clock = "/sys/devices/system/clocksource/clocksource0/current_clocksource"
    files(monkeypatch, {clock: "tsc"})
    assert machine.describe({}).clock_source == "tsc"


def test_hardware_threads_of_one_core_count_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for cpu, siblings in enumerate(("0,2", "1,3", "0,2", "1,3")):
        folder = tmp_path / f"cpu{cpu}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings + "\n")
    monkeypatch.setattr(machine, "_CPU", tmp_path)
    assert machine.physical_cpus() == 2
    monkeypatch.setattr(machine, "_CPU", tmp_path / "none")
    assert machine.physical_cpus() is None
