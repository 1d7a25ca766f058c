"""Remarks on what was found: one sentence each, with the fact and the remedy.

Nothing here changes the machine, and most remedies have a price: it is for the user to weigh.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from bench.doctor.findings import (
    ClockQuality,
    Gpus,
    Noise,
    OtherLoad,
    PoolsOf,
    Scaling,
    ThreadChoice,
)
from bench.planning.variables import VARIABLES, thread_count
from bench.provenance.machine import CORETYPE, half_as_wide
from bench.provenance.records import Machine

FAST_CLOCKS = ("tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page")
"""Clock sources that are read without entering the kernel."""
SLOW_READING = 1e-6
BUSY = 0.05
"""Processors that others may use before a remark."""
CLIFF = 0.3
"""Foreign processors from which pools with a thread for each processor are in danger."""
STOLEN = 0.02
"""Processors that a hypervisor may take before a remark."""
WAITED = 0.02
FASTER = 1.03
FULL = 0.05
"""Share of a device's memory that others may hold before a remark."""
FIXED_KERNELS = (CORETYPE, "MKL_ENABLE_INSTRUCTIONS", "MKL_CBWR", "BLIS_ARCH_TYPE")
"""Variables that override the kernels a BLAS would choose for the processor."""
PINNING = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")
_BLAS = ("openblas", "mkl", "blis", "flexiblas", "accelerate")


def answer(noise: Noise) -> str:
    """Return the one sentence: which difference shows in one minute."""
    detectable = {forecast.minutes: forecast.detectable for forecast in noise.forecasts}.get(1)
    if detectable is None:
        reason = noise.reason or "a block takes too long"
        return f"Cannot estimate the smallest detectable difference: {reason}."
    return (
        f"A run of 1 minute can detect a difference of {detectable:.1%} between two "
        f"implementations (80 % power, 95 % confidence){_meanwhile(noise.foreign)}."
    )


def on_machine(machine: Machine) -> Iterator[str]:
    """Yield what the machine's settings do to repeatability."""
    usable, logical = machine.usable_cpus, machine.logical_cpus
    if usable < logical:
        yield (
            f"This process may run on {usable} of {logical} processors, and all numbers are about "
            "those: lift the affinity mask (taskset, cpuset) to use the others."
        )
    if machine.quota_cpus is not None and machine.quota_cpus < usable:
        most = max(1, int(machine.quota_cpus))
        yield (
            f"A quota of {machine.quota_cpus:g} processors is spread over {usable}, and a "
            "process that exceeds it is paused in the middle of a round: measure with at most "
            f"--threads {most}, or raise the container's limit."
        )
    if machine.physical_cpus is not None and machine.smt == "on":
        yield (
            f"The {logical} processors are hardware threads of {machine.physical_cpus} cores, and "
            "two on one core share its arithmetic units: compare --threads "
            f"{min(usable, machine.physical_cpus)} with more."
        )
    if machine.governor not in {None, "performance"}:
        yield (
            f"The frequency governor is {machine.governor!r}, so that a processor's speed depends "
            "on what it did before: 'sudo cpupower frequency-set -g performance' keeps it up."
        )
    if machine.turbo == "on":
        yield (
            "Turbo is on, so that the frequency falls with heat and with the number of busy "
            "cores: compare within one run only, or switch turbo off while measuring."
        )
    if machine.hypervisor is not None:
        yield (
            "This is a virtual machine. Others on the same host take cache, memory bandwidth and "
            "frequency, which no counter here measures: repeat at another time before you trust a "
            "small difference, or use a dedicated host."
        )
    if machine.clock_source is not None and machine.clock_source not in FAST_CLOCKS:
        yield (
            f"The clock source is {machine.clock_source}, which is slow to read: check whether "
            "available_clocksource lists tsc. The kernel drops tsc if it seems unstable."
        )


def on_clock(clock: ClockQuality) -> Iterator[str]:
    """Yield whether reading the clock is cheap."""
    if clock.cost >= SLOW_READING:
        yield (
            f"One reading of the clock takes {clock.cost * 1e6:.2g} us, as long as a phase of a "
            "small batch: trust the step rather than its phases, or use larger batches."
        )


def on_neighbours(before: OtherLoad, noise: Noise, cpus: int) -> Iterator[str]:
    """Yield what others took, before and while measuring."""
    foreign = max(before.foreign or 0.0, noise.foreign or 0.0)
    if foreign > BUSY:
        yield (
            f"Other processes used {foreign:.1f} processors (load average {before.load[0]:.2f}): "
            "stop them, or measure when they are done; 'top' names them."
        )
    if foreign > CLIFF and cpus > 1:
        yield (
            f"With {cpus} threads, one for each processor, a busy neighbour can make an epoch ten "
            "times slower: thread pools that spin lose whole time slices. Use --threads "
            f"{max(1, cpus - math.ceil(foreign))}, and see 'mlpbench run --neighbours 0,1'."
        )
    stolen = max(before.stolen or 0.0, noise.stolen or 0.0)
    if stolen > STOLEN:
        yield (
            f"The hypervisor kept {stolen:.2f} processors from this machine: measure at another "
            "time, or on a machine with dedicated processors."
        )
    if noise.waited is not None and noise.waited > WAITED:
        yield (
            f"Threads were ready but had no processor for {noise.waited:.0%} of the timed work: "
            "stop other processes, or measure with fewer threads than processors."
        )


def on_pools(children: Iterable[PoolsOf]) -> Iterator[str]:
    """Yield processes with several copies of a BLAS, those with the same copies together."""
    processes: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for process in children:
        copies = [pool for pool in process.pools if pool.library.startswith(_BLAS)]
        if len(copies) > 1:
            names = tuple(sorted(f"{copy.library} {copy.version}" for copy in copies))
            processes[names].append(" with ".join(process.modules))
    for names, imports in processes.items():
        yield (
            f"A process that imports {', or '.join(imports)} has {len(names)} copies of a BLAS, "
            f"{' and '.join(names)}, each with its own threads: export the same number for "
            "all of them, and let only one compute at a time."
        )


def on_kernels(children: Iterable[PoolsOf], machine: Machine) -> Iterator[str]:
    """Yield where OpenBLAS runs kernels for an older processor than this one."""
    pools = [pool for process in children for pool in process.pools]
    chosen = half_as_wide(pools, machine.vectors)
    if not chosen:
        return
    exported = machine.environment.get(CORETYPE)
    yield (
        f"OpenBLAS multiplies with its {' and '.join(chosen)} kernels, which leave half of each "
        f"{machine.vectors} register unused: "
        + (f"unset {CORETYPE}" if exported else f"export {CORETYPE}=SkylakeX")
        + f", and see by 'mlpbench run --env {CORETYPE}=...' what it changes."
    )


def on_threads(scaling: Scaling, cpus: int) -> Iterator[str]:
    """Yield where fewer threads than processors are faster, and the line that asks for them."""
    meanwhile = _meanwhile(scaling.foreign)
    better: dict[int, list[ThreadChoice]] = defaultdict(list)
    for choice in scaling.choices:
        if choice.gain is not None and choice.gain > FASTER:
            better[choice.threads].append(choice)
    for threads, group in better.items():
        gains = " and ".join(
            f"{choice.gain:.2f} at batch size {choice.batch_size}" for choice in group
        )
        yield (
            f"Matrix products are faster with {threads} {'thread' if threads == 1 else 'threads'} "
            f"than with {cpus}, one for each processor, by a factor of {gains}{meanwhile}: "
            f"{export_line(group[0])}."
        )


def _meanwhile(foreign: float | None) -> str:
    """Return what others took while something was measured, where it may have mattered."""
    busy = foreign is not None and foreign > BUSY
    return f" (others used {foreign:.1f} processors meanwhile)" if busy else ""


def export_line(choice: ThreadChoice) -> str:
    """Return the shell line that gives a process the thread count of ``choice``."""
    return f"export {' '.join(f'{name}={value}' for name, value in choice.variables.items())}"


def on_noise(noise: Noise) -> Iterator[str]:
    """Yield whether an implementation differs from itself."""
    if noise.apparent is None:
        return
    value, low, high = noise.apparent
    if not low <= 1 <= high:
        yield (
            f"{noise.implementation} seems {abs(value - 1):.1%} "
            f"{'faster' if value > 1 else 'slower'} than itself (interval {low:.3f} to "
            f"{high:.3f}), which happens by chance in 1 of 20 examinations: repeat it, and if it "
            "persists, do not trust differences of this size."
        )


def on_exported(environment: Mapping[str, str], cpus: int) -> Iterator[str]:
    """Yield what exported variables decide, and which of them contradict each other.

    ``environment`` is the user's, on a machine with ``cpus`` usable processors.
    """
    numbers: dict[str, int] = {}
    for name in VARIABLES:
        text = environment.get(name)
        number = None if text is None else thread_count(text)
        if number is not None:
            numbers[name] = number
        elif text is not None:
            yield (
                f"{name}={text!r} is not a number of threads, and libraries interpret it "
                f"differently: unset {name}, or give it a number from 1."
            )
    if len(set(numbers.values())) > 1:
        yield (
            f"The exported thread counts differ ({_listed(numbers)}), and each library "
            "prefers its own variable: export one number for all, or use 'mlpbench run --threads'."
        )
    above = {name: number for name, number in numbers.items() if number > cpus}
    if above:
        yield (
            f"{_listed(above)} asks for more threads than the {cpus} usable processors, so that "
            f"threads wait for each other: export {cpus} at most."
        )
    # What is asked of some libraries only leaves the others with a thread per processor.
    absent = [name for name in VARIABLES if name not in numbers]
    limit = min(numbers.values(), default=cpus)
    if limit < cpus and absent:
        yield (
            f"{_listed(numbers)} is exported, but not {', '.join(absent)}: libraries that read "
            f"those take up to {cpus} threads; export all of them, or use "
            f"'mlpbench run --threads {limit}'."
        )
    for names, effect in (
        (FIXED_KERNELS, "overrides the kernels that a BLAS would choose"),
        (PINNING, "pins the threads of all processes to the same processors"),
    ):
        for name in names:
            if name in environment:
                yield (
                    f"{name}={environment[name]} is exported and {effect}: unset it unless this is "
                    "what you want to measure."
                )


def _listed(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={number}" for name, number in numbers.items())


def on_gpus(gpus: Gpus) -> Iterator[str]:
    """Yield what keeps devices from being read, slows them down or fills them."""
    if gpus.seen and not gpus.devices:
        yield (
            f"This machine has a GPU, but nothing can be read ({gpus.reason}): results of "
            "implementations on it will lack its clock and temperature."
        )
    for device in gpus.devices:
        for reading in device.readings:
            if reading.held_back:
                yield (
                    f"The {device.name} is held back ({', '.join(reading.held_back)}): let it cool "
                    "down, or have its limits lifted (nvidia-smi -q -d PERFORMANCE,CLOCK shows "
                    "them)."
                )
            memory, used = device.memory_bytes, reading.used_bytes
            if memory and used is not None and used > FULL * memory:
                yield (
                    f"{used / memory:.0%} of the memory of the {device.name} is in use: stop other "
                    "processes on it (nvidia-smi lists them), or measure later."
                )
