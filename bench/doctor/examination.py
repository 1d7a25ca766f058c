"""The whole examination, part after part: the clock, the GPUs, other load, then measurements."""

from __future__ import annotations

import itertools
import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from bench.doctor import advice, noise, pools, scaling
from bench.doctor.findings import ClockQuality, Diagnosis, Gpus, OtherLoad, Others
from bench.measuring.clock import Clock
from bench.measuring.disturbance import Monitor
from bench.provenance import accelerator, machine
from bench.running.processes import Launcher
from bench.selfcheck.small_run import carry_out
from impls.registry import GPU_FILES

Waiting = Callable[[str], AbstractContextManager[None]]
"""Says what is waited for, as long as the context lasts."""

SCALING_SHARE = 0.25
"""How much of the time is spent on thread counts; at least one block is measured."""
LOOK_SECONDS = 1.0
_READINGS = 5000


def examine(
    environment: Mapping[str, str],
    seconds: float,
    *,
    launcher: Launcher,
    waiting: Waiting,
    monitor: Monitor,
    clock: Clock,
) -> Diagnosis:
    """Examine this machine for about ``seconds``, of which at least half go to the noise.

    ``environment`` is the user's.  The machine should be held by ``bench.running.lock``.
    """
    begun = clock.wall()
    described = machine.describe(environment)
    cpus = described.usable_cpus
    with waiting("checking other processes"):
        neighbours = other_load(monitor)
        quality = clock_quality(clock)
        devices = find_gpus()
    with waiting("asking libraries for their thread pools"):
        processes = pools.find(environment)
    with (
        waiting("multiplying matrices with different numbers of threads"),
        watched(monitor) as others,
    ):
        plan = scaling.plan(cpus, SCALING_SHARE * seconds)
        results = carry_out(plan, [scaling.floor()], launcher)
    scaled = scaling.judge(results.outcomes, cpus, others)
    left = max(seconds / 2, seconds - (clock.wall() - begun))
    with (
        waiting(f"measuring one implementation against itself for about {left:.0f} s"),
        watched(monitor) as others,
    ):
        plan = noise.plan(scaled.choices[0].threads if scaled.choices else None, left)
        noise_begun = clock.wall()
        results = carry_out(plan, noise.pair(), launcher)
    itself = noise.judge(results, clock.wall() - noise_begun, others)
    return Diagnosis(
        answer=advice.answer(itself),
        advice=(
            *advice.on_threads(scaled, cpus),
            *advice.on_neighbours(neighbours, itself, cpus),
            *advice.on_noise(itself),
            *advice.on_exported(environment, cpus),
            *advice.on_machine(described),
            *advice.on_clock(quality),
            *advice.on_pools(processes),
            *advice.on_kernels(processes, described),
            *advice.on_gpus(devices),
        ),
        machine=described,
        neighbours=neighbours,
        clock=quality,
        pools=tuple(processes),
        scaling=scaled,
        noise=itself,
        gpus=devices,
    )


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
