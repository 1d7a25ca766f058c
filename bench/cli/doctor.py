"""``mlpbench doctor``: what this machine can resolve, what disturbs it, and what to do about it."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import AbstractContextManager, closing

import click
import msgspec
from rich.console import Console
from rich.table import Table

from bench.cli.options import Whole, json_option
from bench.cli.output import facts_table, say
from bench.cli.progress import waiting
from bench.doctor.advice import export_line
from bench.doctor.examination import examine
from bench.doctor.findings import Diagnosis
from bench.measuring.disturbance import Monitor
from bench.measuring.timing import Clock
from bench.provenance.records import Accelerator
from bench.running import lock
from bench.running.processes import Launcher

_UNKNOWN = "unknown"


@click.command("doctor")
@click.option(
    "--seconds", type=Whole(min=5), default=40, show_default=True, help="Time budget in seconds."
)
@json_option("tables")
def doctor_command(seconds: int, *, as_json: bool) -> None:
    """Find the smallest differences this machine can show, and what limits it.

    It measures one implementation against itself. The scatter says which difference a run of 1, 5
    or 20 minutes can show. Nothing on the machine is changed.
    """
    console = Console(stderr=as_json)

    def spin(text: str) -> AbstractContextManager[None]:
        return waiting(console, text)

    with lock.measuring("mlpbench doctor"), closing(Monitor()) as monitor:
        diagnosis = examine(
            os.environ,
            seconds,
            launcher=Launcher(),
            waiting=spin,
            monitor=monitor,
            clock=Clock(),
        )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(diagnosis), indent=2).decode())
        return
    _show(console, diagnosis)


def _show(console: Console, diagnosis: Diagnosis) -> None:
    """The answer first, then what it rests on, and the advice last."""
    console.print()
    say(console, diagnosis.answer)
    console.print()
    say(console, _noise(diagnosis))
    console.print()
    forecasts = [_forecasts(diagnosis)] if diagnosis.noise.forecasts else []
    for table in (*forecasts, _pools(diagnosis), _machine(diagnosis), _products(diagnosis)):
        console.print(table)
        console.print()
    _export_lines(console, diagnosis)
    for remark in diagnosis.advice or ("Nothing to remark.",):
        say(console, f"- {remark}")


def _noise(diagnosis: Diagnosis) -> str:
    """Return what the answer rests on."""
    noise = diagnosis.noise
    scatter = "unknown" if noise.scatter is None else f"{noise.scatter:.2%} from block to block"
    return (
        f"{noise.implementation} against itself, batch size {noise.batch_size}: {noise.blocks} "
        f"{'block' if noise.blocks == 1 else 'blocks'} of {noise.block_seconds:.1f} s, scatter "
        f"{scatter}."
    )


def _forecasts(diagnosis: Diagnosis) -> Table:
    """Return what time buys."""
    return facts_table(
        "Two implementations compared",
        ("minutes", "blocks", "interval", "smallest visible difference"),
        (
            (
                str(forecast.minutes),
                str(forecast.blocks),
                "too few blocks"
                if forecast.half_width is None
                else f"+- {forecast.half_width:.2%}",
                "" if forecast.detectable is None else f"{forecast.detectable:.2%}",
            )
            for forecast in diagnosis.noise.forecasts
        ),
    )


def _products(diagnosis: Diagnosis) -> Table:
    """Time by thread count; where that was judged, the count to choose is marked."""
    chosen = {(choice.batch_size, choice.threads) for choice in diagnosis.scaling.choices}
    titles = ("batch size", "threads", "time", *(("to choose",) if chosen else ()))
    return facts_table(
        "Matrix products of a training step",
        titles,
        (
            (
                str(time.batch_size),
                str(time.threads),
                time.reason if time.seconds is None else f"{time.seconds * 1e3:.3g} ms",
                "best" if (time.batch_size, time.threads) in chosen else "",
            )[: len(titles)]
            for time in diagnosis.scaling.times
        ),
    )


def _export_lines(console: Console, diagnosis: Diagnosis) -> None:
    """What to export for the best thread counts: whole lines, to be copied."""
    if diagnosis.scaling.reason:
        say(console, f"Which thread count is best was not judged: {diagnosis.scaling.reason}.")
        console.print()
    sizes: dict[str, list[str]] = defaultdict(list)
    for choice in diagnosis.scaling.choices:
        sizes[export_line(choice)].append(str(choice.batch_size))
    for line, where in sizes.items():
        say(console, f"Best at batch size {' and '.join(where)}:")
        say(console, line)
        console.print()


def _pools(diagnosis: Diagnosis) -> Table:
    """Return every pool of every process, or why there is none."""
    rows: list[tuple[str, ...]] = []
    for process in diagnosis.pools:
        name = ", ".join(process.modules)
        if not process.pools:
            rows.append((name, process.reason or "no thread pool", "", "", ""))
        for pool in process.pools:
            threads = _UNKNOWN if pool.threads is None else str(pool.threads)
            rows.append((name, pool.library, pool.version, pool.detail, threads))
            name = ""
    return facts_table(
        "Thread pools of a fresh process",
        ("imports", "library", "version", "kernels", "threads"),
        rows,
    )


def _machine(diagnosis: Diagnosis) -> Table:
    """Return the machine in short."""
    machine, around, clock = diagnosis.machine, diagnosis.neighbours, diagnosis.clock
    cores = f"{machine.physical_cpus or 'unknown'} cores"
    threads = {"notsupported": "none"}.get(machine.smt or "", machine.smt) or _UNKNOWN
    quota = "none" if machine.quota_cpus is None else f"{machine.quota_cpus:g} processors"
    exported = [f"{name}={value}" for name, value in machine.environment.items()]
    pressure = _UNKNOWN if around.pressure is None else f"{around.pressure:.1%} of 10 s"
    source = machine.clock_source or _UNKNOWN
    facts = {
        "processor": machine.cpu,
        "processors": f"{machine.usable_cpus} usable of {machine.logical_cpus}, {cores}",
        "hardware threads": threads,
        "quota": quota,
        "caches": ", ".join(f"{name} {size}" for name, size in machine.caches.items()),
        "governor": machine.governor or _UNKNOWN,
        "turbo": machine.turbo or _UNKNOWN,
        "hypervisor": machine.hypervisor or "none seen",
        "clock": f"{source}, {clock.cost * 1e9:.0f} ns a reading, {clock.step * 1e9:.0f} ns a step",
        "load average": f"{around.load[0]:.2f}",
        "pressure": pressure,
        "used by others": _processors(around.foreign, diagnosis.noise.foreign),
        "stolen": _processors(around.stolen, diagnosis.noise.stolen),
        "exported": " ".join(exported) or "no relevant variables",
        "GPU": "; ".join(map(_gpu, diagnosis.gpus.devices)) or diagnosis.gpus.reason or _UNKNOWN,
    }
    return facts_table("Machine", ("fact", "value"), facts.items())


def _gpu(device: Accelerator) -> str:
    """One device in short; clocks while nothing runs on it say little, so only the highest."""
    memory, clock = device.memory_bytes, device.most_clock_mhz
    told = [
        device.name,
        f"driver {device.driver or _UNKNOWN}",
        _UNKNOWN if memory is None else f"{memory / 2**30:.0f} GiB",
        "" if clock is None else f"up to {clock} MHz",
        *(
            f"{reading.temperature} °C"
            for reading in device.readings
            if reading.temperature is not None
        ),
    ]
    return ", ".join(part for part in told if part)


def _processors(before: float | None, meanwhile: float | None) -> str:
    """Return what was taken before the measurements and during the longest of them."""
    used = (_UNKNOWN if one is None else f"{one:.2f}" for one in (before, meanwhile))
    return " processors before, ".join(used) + " while measuring"
