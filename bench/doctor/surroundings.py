"""The clock, the GPUs, and what else runs on this machine."""

from __future__ import annotations

import itertools
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.doctor.findings import ClockQuality, Gpus, OtherLoad
from bench.measuring.clock import Clock
from bench.measuring.disturbance import Monitor
from bench.provenance import accelerator
from impls.registry import GPU_FILES

LOOK_SECONDS = 1.0
_READINGS = 5000


def clock_quality(clock: Clock) -> ClockQuality:
    """Return what reading the clock many times in a row shows."""
    readings = [clock.wall() for _ in range(_READINGS)]
    steps = [after - before for before, after in itertools.pairwise(readings)]
    return ClockQuality(
        step=min((step for step in steps if step > 0), default=0.0),
        cost=(readings[-1] - readings[0]) / len(steps),
    )


def other_load(monitor: Monitor) -> OtherLoad:
    """Return what others do while this process sleeps for :data:`LOOK_SECONDS`."""
    with watched(monitor) as others:
        time.sleep(LOOK_SECONDS)
    return OtherLoad(
        load=os.getloadavg(),
        pressure=pressure(),
        foreign=others.foreign,
        stolen=others.stolen,
    )


def find_gpus(nvml: Any = None, files: tuple[str, ...] = GPU_FILES) -> Gpus:
    """Return every device with one reading.

    ``files`` are what drivers leave on a machine with a GPU.
    """
    devices, reason = accelerator.describe_all(nvml)
    seen = any(Path(file).exists() for file in files)
    if not devices and not seen:
        reason = f"none: {', '.join(files)} do not exist"
    return Gpus(devices=devices, reason=reason, seen=seen)


def pressure(path: Path = Path("/proc/pressure/cpu")) -> float | None:
    """Return the share of the last 10 s in which something waited for a processor, or None.

    The kernel's pressure stall information: a line such as ``some avg10=1.53 avg60=...``.
    """
    try:
        words = path.read_text().split()
    except OSError:
        # The file may be there and not open: an option of the kernel that is switched off.
        return None
    averages = [word.partition("=")[2] for word in words if word.startswith("avg10=")]
    return float(averages[0]) / 100 if averages else None


class Others:
    """Processors that others used while something was watched; filled at its end."""

    foreign: float | None = None
    stolen: float | None = None


@contextmanager
def watched(monitor: Monitor) -> Iterator[Others]:
    """Yield what others use while the body runs; the body's own children are not others.

    Over seconds the accounts in ticks are exact enough, which they are not in a single round.
    """
    others = Others()
    ours, before = _children(), monitor.read()
    yield others
    after = monitor.read()
    disturbance = monitor.between(before, after)
    seconds = after.wall - before.wall
    if disturbance.foreign is not None:
        others.foreign = max(0.0, disturbance.foreign - (_children() - ours)) / seconds
    if disturbance.stolen is not None:
        others.stolen = disturbance.stolen / seconds


def _children() -> float:
    """Return the processor seconds of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
