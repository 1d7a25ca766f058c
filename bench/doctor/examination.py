"""The whole examination, part after part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from bench.doctor import advice, noise, pools, scaling, surroundings
from bench.doctor.findings import Diagnosis
from bench.measuring.clock import Clock
from bench.measuring.disturbance import Monitor
from bench.provenance import machine
from bench.running.processes import Launcher
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
        neighbours = surroundings.other_load(monitor)
        clock_quality = surroundings.clock_quality(clock)
        devices = surroundings.find_gpus()
    with waiting("asking libraries for their thread pools"):
        processes = pools.find(environment)
    with (
        waiting("multiplying matrices with different numbers of threads"),
        surroundings.watched(monitor) as others,
    ):
        plan = scaling.plan(cpus, SCALING_SHARE * seconds)
        results = carry_out(plan, [scaling.floor()], launcher)
    scaled = scaling.judge(results.outcomes, cpus, others)
    left = max(seconds / 2, seconds - (clock.wall() - begun))
    with (
        waiting(f"measuring one implementation against itself for about {left:.0f} s"),
        surroundings.watched(monitor) as others,
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
            *advice.on_clock(clock_quality),
            *advice.on_pools(processes),
            *advice.on_kernels(processes, described),
            *advice.on_gpus(devices),
        ),
        machine=described,
        neighbours=neighbours,
        clock=clock_quality,
        pools=tuple(processes),
        scaling=scaled,
        noise=itself,
        gpus=devices,
    )
