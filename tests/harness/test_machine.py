from __future__ import annotations

import os
import re
from pathlib import Path

import msgspec
import pytest

import bench
from bench import machine
from bench.provenance import Machine


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


@pytest.mark.parametrize(
    ("content", "expected"), [("150000 100000", 1.5), ("max 100000", None), (None, None)]
)
def test_a_quota_is_given_in_processors(
    monkeypatch: pytest.MonkeyPatch, content: str | None, expected: float | None
) -> None:
    def read(path: Path) -> str | None:
        return content if path.name == "cpu.max" else None

    monkeypatch.setattr(machine, "_read", read)
    assert machine.quota_cpus() == expected


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
