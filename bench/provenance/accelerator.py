"""What is known of the device of a GPU row: its name and limits, and its clock while it is timed.

The source is NVIDIA's management library (NVML, package ``nvidia-ml-py``, the extra ``gpu``);
devices of other makers are not read.  A reading takes milliseconds and belongs outside every timed
region.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bench.provenance.records import Accelerator, AcceleratorReading

HIDDEN = ("", "-1")
"""Values of CUDA_VISIBLE_DEVICES that begin a list of no devices."""

HELD_BACK = {
    0x002: "clocks set by the user",
    0x004: "power limit",
    0x008: "hardware slowdown",
    0x010: "synchronised with another GPU",
    0x020: "temperature (driver)",
    0x040: "temperature (hardware)",
    0x080: "power brake",
    0x100: "clocks set for a display",
    0x200: "limit of the board",
    0x400: "limit for reliability",
}
"""Bits of ``nvmlClocksThrottleReasons``, but for an idle device's (0x1), which is no hindrance."""


@dataclass(frozen=True)
class Device:
    """One device as NVML knows it."""

    nvml: Any
    handle: Any

    def describe(self, *readings: AcceleratorReading) -> Accelerator:
        """Return what does not change, beside what was read; None for what is hidden."""
        nvml, handle = self.nvml, self.handle
        clock = "nvmlDeviceGetMaxClockInfo"
        return Accelerator(
            name=self._ask("nvmlDeviceGetName", handle) or "unnamed GPU",
            driver=self._ask("nvmlSystemGetDriverVersion") or "",
            memory_bytes=getattr(self._ask("nvmlDeviceGetMemoryInfo", handle), "total", None),
            most_clock_mhz=self._ask(clock, handle, nvml.NVML_CLOCK_SM),
            most_memory_clock_mhz=self._ask(clock, handle, nvml.NVML_CLOCK_MEM),
            readings=readings,
        )

    def read(self) -> AcceleratorReading:
        """Return clocks, temperature and what holds the clock down, now."""
        nvml, handle = self.nvml, self.handle
        # An old driver knows the second name only, a new package may have dropped it.
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
        if reasons is None:
            reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
        held_back = None
        if reasons is not None:
            held_back = tuple(text for bit, text in HELD_BACK.items() if reasons & bit)
        clock, sensor = "nvmlDeviceGetClockInfo", nvml.NVML_TEMPERATURE_GPU
        return AcceleratorReading(
            clock_mhz=self._ask(clock, handle, nvml.NVML_CLOCK_SM),
            memory_clock_mhz=self._ask(clock, handle, nvml.NVML_CLOCK_MEM),
            temperature=self._ask("nvmlDeviceGetTemperature", handle, sensor),
            used_bytes=getattr(self._ask("nvmlDeviceGetMemoryInfo", handle), "used", None),
            held_back=held_back,
        )

    def _ask(self, question: str, *arguments: object) -> Any:
        """Return NVML's answer, or None where there is none: a slice of a device has no clock.

        Nor is there one where the package does not have the question.
        """
        try:
            return getattr(self.nvml, question)(*arguments)
        except (self.nvml.NVMLError, AttributeError):
            return None


def find(environment: Mapping[str, str], nvml: Any = None) -> Device | str:
    """Return the device that a library with ``environment`` uses, or why it is unknown.

    That is the first one which the library may see.  ``nvml`` is the module to ask; None imports
    it.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    first = "0" if visible is None else visible.partition(",")[0].strip()
    if first in HIDDEN:
        return f"CUDA_VISIBLE_DEVICES={visible!r} hides all devices"
    module = _begin(nvml)
    if isinstance(module, str):
        return module
    try:
        if first.isdigit():
            return _numbered(int(first), _all(module), environment.get("CUDA_DEVICE_ORDER"))
        return Device(module, module.nvmlDeviceGetHandleByUUID(first))
    except module.NVMLError as error:
        return f"NVML does not find the device: {error}"


def _numbered(number: int, devices: list[Device], order: str | None) -> Device | str:
    """Return the device of CUDA's ``number``, where NVML counts alike."""
    if number >= len(devices):
        return f"NVML finds {len(devices)} devices, so no device has the number {number}"
    kinds = {device.describe().name for device in devices}
    if len(kinds) > 1 and order != "PCI_BUS_ID":
        return (
            f"there are GPUs of {len(kinds)} kinds, which CUDA orders by speed and NVML by place: "
            "export CUDA_DEVICE_ORDER=PCI_BUS_ID"
        )
    return devices[number]


def describe_all(nvml: Any = None) -> tuple[tuple[Accelerator, ...], str]:
    """Return every device of this machine with one reading, and why there are none."""
    module = _begin(nvml)
    if isinstance(module, str):
        return (), module
    try:
        devices = _all(module)
    except module.NVMLError as error:
        return (), f"NVML does not list devices: {error}"
    described = tuple(device.describe(device.read()) for device in devices)
    return described, "" if described else "the driver knows no device"


def _begin(nvml: Any) -> Any | str:
    """Return the module, ready to be asked, or why it is not."""
    if nvml is None:
        if importlib.util.find_spec("pynvml") is None:
            return "nvidia-ml-py not installed; install with: pip install 'mlpbench[gpu]'"
        nvml = importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return f"no NVIDIA driver answers: {error}"
    return nvml


def _all(nvml: Any) -> list[Device]:
    return [
        Device(nvml, nvml.nvmlDeviceGetHandleByIndex(index))
        for index in range(nvml.nvmlDeviceGetCount())
    ]
