"""The GPUs of this machine, as far as their driver tells, and what is worth a remark on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.doctor.findings import Gpus
from bench.provenance import accelerator
from bench.provenance.records import AcceleratorReading
from impls.registry import GPU_FILES

BUSY_SHARE = 0.05
"""Others may hold so much of a device's memory before it is worth a remark."""


def find(nvml: Any = None, files: tuple[str, ...] = GPU_FILES) -> Gpus:
    """Every device with one reading; ``files`` are what drivers leave on a machine with a GPU."""
    devices, reason = accelerator.describe_all(nvml)
    seen = any(Path(file).exists() for file in files)
    if not devices and not seen:
        reason = f"none: {', '.join(files)} do not exist"
    return Gpus(devices=devices, reason=reason, seen=seen)


def remarks(gpus: Gpus) -> Iterator[str]:
    """Yield what keeps devices from being read, slows them down or fills them."""
    if gpus.seen and not gpus.devices:
        yield (
            f"This machine has a GPU, but nothing can be read ({gpus.reason}): results of "
            "implementations on it will lack its clock and temperature."
        )
    for device in gpus.devices:
        for reading in device.readings:
            yield from _on(device.name, device.memory_bytes, reading)


def _on(name: str, memory_bytes: int | None, reading: AcceleratorReading) -> Iterator[str]:
    if reading.held_back:
        yield (
            f"The {name} is held back ({', '.join(reading.held_back)}): let it cool down, or have "
            "its limits lifted (nvidia-smi -q -d PERFORMANCE,CLOCK shows them)."
        )
    used = reading.used_bytes
    if memory_bytes and used is not None and used > BUSY_SHARE * memory_bytes:
        yield (
            f"{used / memory_bytes:.0%} of the memory of the {name} is in use: stop other "
            "processes on it (nvidia-smi lists them), or measure later."
        )
