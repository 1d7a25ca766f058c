"""The whole examination, part after part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from bench.doctor import advice, exported, gpus, noise, pools, scaling, surroundings
from bench.doctor.findings import Diagnosis, Noise, Scaling
from bench.measuring.disturbance import Monitor
from bench.measuring.timing import Clock
from bench.provenance import machine
from bench.running.workers import Launcher
from bench.selfcheck.small_run import carry_out

Waiting = Callable[[str], AbstractContextManager[None]]
"""Says what is waited for, as long as the context lasts."""

SCALING_SHARE = 0.25
"""How much of the time is spent on thread counts; at least one block is measured."""


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
        around = surroundings.neighbours(monitor)
        reading = surroundings.clock_quality(clock)
        devices = gpus.find()
    with waiting("asking libraries for their thread pools"):
        processes = pools.find(environment)
    with waiting("multiplying matrices with different numbers of threads"):
        scaled = _scaling(cpus, SCALING_SHARE * seconds, launcher, monitor)
    left = max(seconds / 2, seconds - (clock.wall() - begun))
    with waiting(f"measuring one implementation against itself for about {left:.0f} s"):
        threads = scaled.choices[0].threads if scaled.choices else None
        itself = _noise(threads, left, launcher, monitor, clock)
    return Diagnosis(
        answer=advice.answer(itself),
        advice=(
            *advice.on_threads(scaled, cpus),
            *advice.on_neighbours(around, itself, cpus),
            *advice.on_noise(itself),
            *exported.remarks(environment, cpus),
            *advice.on_machine(described),
            *advice.on_clock(reading),
            *advice.on_pools(processes),
            *advice.on_kernels(processes, described),
            *gpus.remarks(devices),
        ),
        machine=described,
        neighbours=around,
        clock=reading,
        pools=tuple(processes),
        scaling=scaled,
        noise=itself,
        gpus=devices,
    )


def _scaling(cpus: int, seconds: float, launcher: Launcher, monitor: Monitor) -> Scaling:
    """Matrix products with every thread count."""
    with surroundings.watched(monitor) as others:
        results = carry_out(scaling.plan(cpus, seconds), [scaling.floor()], launcher)
    return scaling.judge(results.outcomes, cpus, others)


def _noise(
    threads: int | None, seconds: float, launcher: Launcher, monitor: Monitor, clock: Clock
) -> Noise:
    """Return one implementation and its control."""
    plan = noise.plan(threads, seconds)
    begun = clock.wall()
    with surroundings.watched(monitor) as others:
        results = carry_out(plan, noise.pair(), launcher)
    return noise.judge(results, clock.wall() - begun, others)
