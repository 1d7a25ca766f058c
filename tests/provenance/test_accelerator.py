from __future__ import annotations

import importlib.util

import msgspec
import pytest

from bench.provenance import accelerator
from bench.provenance.accelerator import Device, describe_all, find
from bench.provenance.records import Accelerator, AcceleratorReading
from tests.stand_ins.fake_nvml import FakeGpu, FakeNvml


def found(environment: dict[str, str], nvml: FakeNvml) -> str:
    """The name of the device, or the reason."""
    device = find(environment, nvml)
    return device if isinstance(device, str) else device.handle.name


def test_a_device_is_described_with_what_was_read_of_it() -> None:
    device = find({}, FakeNvml([FakeGpu(clock=1410, reasons=0x4 | 0x20 | 0x1)]))
    assert isinstance(device, Device)
    reading = AcceleratorReading(
        clock_mhz=1410,
        memory_clock_mhz=2619,
        temperature=41,
        used_bytes=2**30,
        held_back=("power limit", "temperature (driver)"),
    )
    assert device.describe(device.read()) == Accelerator(
        name="Example GPU",
        driver="580.65",
        memory_bytes=80 * 2**30,
        most_clock_mhz=1980,
        most_memory_clock_mhz=2619,
        readings=(reading,),
    )


def test_what_a_device_does_not_tell_is_none_and_the_rest_is_kept() -> None:
    device = find({}, FakeNvml([FakeGpu(silent=frozenset({"clock", "reasons"}))]))
    assert isinstance(device, Device)
    reading = device.read()
    assert (reading.clock_mhz, reading.memory_clock_mhz) == (None, None)
    assert (reading.temperature, reading.held_back) == (41, None)
    assert not device.describe(reading).records_throttling
    assert device.describe(reading).throttle_reasons == ()


class WithBothNames(FakeNvml):
    """Knows the question by its new name as well, and what an old driver makes of that."""

    old_driver = False

    def nvmlDeviceGetCurrentClocksEventReasons(self, gpu: FakeGpu) -> int:  # noqa: N802
        if self.old_driver:
            raise self.NVMLError("Function Not Found")
        return gpu.reasons | 0x4


class WithoutTheOldName(WithBothNames):
    @property
    def nvmlDeviceGetCurrentClocksThrottleReasons(self) -> int:  # type: ignore[override]  # noqa: N802
        raise AttributeError


@pytest.mark.parametrize(
    ("kind", "old_driver", "expected"),
    [
        (FakeNvml, False, ("temperature (hardware)",)),
        (WithBothNames, False, ("power limit", "temperature (hardware)")),
        (WithBothNames, True, ("temperature (hardware)",)),
        (WithoutTheOldName, False, ("power limit", "temperature (hardware)")),
        (WithoutTheOldName, True, None),
    ],
)
def test_what_holds_a_device_back_is_asked_by_the_name_that_is_there(
    kind: type[FakeNvml], *, old_driver: bool, expected: tuple[str, ...] | None
) -> None:
    gpu = FakeGpu(reasons=0x40)
    nvml = kind([gpu])
    nvml.old_driver = old_driver  # type: ignore[attr-defined]
    assert Device(nvml, gpu).read().held_back == expected


def test_a_device_tells_only_where_every_reading_does() -> None:
    told = AcceleratorReading(held_back=())
    assert Accelerator(readings=(told, told)).records_throttling
    assert not Accelerator(readings=(told, AcceleratorReading())).records_throttling
    assert not Accelerator(reason="no driver").records_throttling


TWO = [FakeGpu("Small GPU", "GPU-1"), FakeGpu("Large GPU", "GPU-2")]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"CUDA_VISIBLE_DEVICES": "GPU-2"}, "Large GPU"),
        ({"CUDA_VISIBLE_DEVICES": "1,0", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, "Large GPU"),
        ({"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}, "Small GPU"),
    ],
)
def test_the_first_visible_device_is_the_one(environment: dict[str, str], expected: str) -> None:
    assert found(environment, FakeNvml(TWO)) == expected


@pytest.mark.parametrize(
    ("environment", "nvml", "said"),
    [
        ({"CUDA_VISIBLE_DEVICES": "-1"}, FakeNvml(), "CUDA_VISIBLE_DEVICES='-1' hides all devices"),
        ({"CUDA_VISIBLE_DEVICES": ""}, FakeNvml(), "CUDA_VISIBLE_DEVICES='' hides all devices"),
        ({"CUDA_VISIBLE_DEVICES": "2"}, FakeNvml(), "no device has the number 2"),
        ({"CUDA_VISIBLE_DEVICES": "GPU-9"}, FakeNvml(), "does not find the device: Not Found"),
        ({}, FakeNvml([]), "NVML finds 0 devices"),
        ({}, FakeNvml(driver=""), "no NVIDIA driver answers: Driver Not Loaded"),
        ({}, FakeNvml(TWO), "export CUDA_DEVICE_ORDER=PCI_BUS_ID"),
    ],
)
def test_where_no_device_can_be_told_the_reason_is(
    environment: dict[str, str], nvml: FakeNvml, said: str
) -> None:
    assert said in found(environment, nvml)


def test_without_the_package_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert find({}) == "nvidia-ml-py not installed; install with: pip install 'mlpbench[gpu]'"
    assert describe_all() == ((), find({}))


def test_all_devices_are_described_or_the_reason_is_said() -> None:
    devices, reason = describe_all(FakeNvml(TWO))
    assert [one.name for one in devices] == ["Small GPU", "Large GPU"]
    assert all(len(one.readings) == 1 for one in devices)
    assert reason == ""
    assert describe_all(FakeNvml([])) == ((), "the driver knows no device")


@pytest.mark.parametrize(
    ("begin", "end", "reasons", "expected"),
    [
        (300, 1980, 0, ()),
        (1980, 1950, 0, ()),
        (1980, 1410, 0, ("clock at 1410 of 1980 MHz",)),
        (1980, 1410, 0x4, ("clock at 1410 of 1980 MHz", "power limit")),
        (1980, 1980, 0x40, ("temperature (hardware)",)),
        (1980, None, 0x1, ()),
    ],
)
def test_a_device_was_held_back_where_its_clock_ended_low_or_something_said_so(
    begin: int, end: int | None, reasons: int, expected: tuple[str, ...]
) -> None:
    gpu = FakeGpu(reasons=reasons)
    device = Device(FakeNvml([gpu]), gpu)
    readings = [msgspec.structs.replace(device.read(), clock_mhz=clock) for clock in (begin, end)]
    assert device.describe(*readings).throttle_reasons == expected
    assert Accelerator(reason="no driver").throttle_reasons == ()


def test_every_reason_of_the_driver_has_words() -> None:
    nvml = pytest.importorskip("pynvml")
    bits = {
        value
        for name, value in vars(nvml).items()
        if name.startswith("nvmlClocksThrottleReason") and not name.endswith(("All", "None"))
    }
    assert bits == {nvml.nvmlClocksThrottleReasonGpuIdle, *accelerator.HELD_BACK}


@pytest.mark.parametrize(
    ("clock", "expected"), [(980, ()), (979, ("clock at 979 of 1000 MHz",)), (None, ())]
)
def test_a_clock_below_98_percent_of_its_highest_holds_a_device_back(
    clock: int | None, expected: tuple[str, ...]
) -> None:
    readings = (AcceleratorReading(clock_mhz=clock),)
    assert Accelerator(most_clock_mhz=1000, readings=readings).throttle_reasons == expected
