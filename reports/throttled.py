"""Points whose device was slower than it can be while it was timed."""

from __future__ import annotations

import math

from bench.observations.points import Point
from bench.provenance.records import Accelerator
from bench.stats.disturbed import throttled


def accelerators(point: Point) -> list[Accelerator]:
    """What was found of the device, process by process; empty for a point on the processor."""
    found = (one.process.accelerator for one in point.measured)
    return [accelerator for accelerator in found if accelerator is not None]


def note(point: Point) -> str:
    """In how many processes the device was held back, and how in the worst; empty where in none."""
    devices = accelerators(point)
    slow = [device for device in devices if throttled(device)]
    if not slow:
        return ""
    reasons = ", ".join(throttled(min(slow, key=_last_clock)))
    where = f" in {len(slow)} of {len(devices)} processes" if len(devices) > 1 else ""
    return f"device held back{where}: {reasons}"


def _last_clock(device: Accelerator) -> float:
    clock = device.readings[-1].clock_mhz
    return math.inf if clock is None else clock
