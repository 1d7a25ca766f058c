from __future__ import annotations

from pathlib import Path

import pytest

from bench.doctor.advice import on_gpus
from bench.doctor.examination import find_gpus
from bench.doctor.findings import Gpus
from tests.stand_ins.fake_nvml import FakeGpu, FakeNvml


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, ...]:
    """What the driver of a GPU leaves behind."""
    (tmp_path / "nvidiactl").touch()
    return (str(tmp_path / "nvidiactl"), str(tmp_path / "kfd"))


def test_devices_are_found_and_a_quiet_one_is_worth_no_remark(files: tuple[str, ...]) -> None:
    found = find_gpus(FakeNvml(), files)
    assert [device.name for device in found.devices] == ["Example GPU"]
    assert found.seen
    assert list(on_gpus(found)) == []


def test_a_machine_without_a_gpu_has_none_and_no_remark() -> None:
    found = find_gpus(FakeNvml(driver=""), ("/no/such/file", "/nor/this"))
    assert found == Gpus(reason="none: /no/such/file, /nor/this do not exist")
    assert list(on_gpus(found)) == []


def test_a_gpu_that_cannot_be_read_is_remarked_with_the_reason(files: tuple[str, ...]) -> None:
    found = find_gpus(FakeNvml(driver=""), files)
    (said,) = on_gpus(found)
    assert "nothing can be read (no NVIDIA driver answers: Driver Not Loaded)" in said


def test_a_device_that_is_held_back_or_full_is_remarked(files: tuple[str, ...]) -> None:
    class Full(FakeNvml):
        def nvmlDeviceGetMemoryInfo(self, gpu: FakeGpu) -> object:  # type: ignore[override]  # noqa: N802
            return type(super().nvmlDeviceGetMemoryInfo(gpu))(total=100, used=40)

    found = find_gpus(Full([FakeGpu(reasons=0x40)]), files)
    held, full = on_gpus(found)
    assert "The Example GPU is held back (temperature (hardware))" in held
    assert full.startswith("40% of the memory of the Example GPU is in use")
