"""``mlpbench doctor``: what this machine can resolve, what disturbs it, and what to do about it."""

from __future__ import annotations

import os
from collections import defaultdict
from contextlib import closing
from functools import partial

import click
import msgspec
from rich.console import Console
from rich.table import Table

from bench.cli.options import Whole, json_option
from bench.cli.output import facts_table, say
from bench.cli.progress import waiting
from bench.doctor.advice import export_line
from bench.doctor.examination import examine
from bench.doctor.findings import Diagnosis, Noise, Scaling
from bench.measuring.clock import Clock
from bench.measuring.disturbance import Monitor
from bench.provenance.records import Accelerator
from bench.running import lock
from bench.running.processes import Launcher
from reports import format as text

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
    with lock.measuring("mlpbench doctor"), closing(Monitor()) as monitor:
        diagnosis = examine(
            os.environ,
            seconds,
            launcher=Launcher(),
            waiting=partial(waiting, console),
            monitor=monitor,
            clock=Clock(),
        )
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(diagnosis), indent=2).decode())
        return
    _show(console, diagnosis)


def _show(console: Console, diagnosis: Diagnosis) -> None:
    """Print the answer first, then what it rests on, and the advice last."""
    noise, scaling = diagnosis.noise, diagnosis.scaling
    console.print()
    say(console, diagnosis.answer)
    console.print()
    scatter = "unknown" if noise.scatter is None else f"{noise.scatter:.2%} from block to block"
    say(
        console,
        f"{noise.implementation} against itself, batch size {noise.batch_size}: "
        f"{text.count(noise.blocks, 'block')} of {noise.block_seconds:.1f} s, scatter {scatter}.",
    )
    console.print()
    forecasts = [_forecasts(noise)] if noise.forecasts else []
    for table in (*forecasts, _pools(diagnosis), _machine(diagnosis), _products(scaling)):
        console.print(table)
        console.print()
    if scaling.reason:
        say(console, f"Which thread count is best was not judged: {scaling.reason}.")
        console.print()
    sizes: dict[str, list[str]] = defaultdict(list)
    for choice in scaling.choices:
        sizes[export_line(choice)].append(str(choice.batch_size))
    for line, where in sizes.items():
        # Whole lines, to be copied.
        say(console, f"Best at batch size {' and '.join(where)}:")
        say(console, line)
        console.print()
    for remark in diagnosis.advice or ("Nothing to remark.",):
        say(console, f"- {remark}")


def _forecasts(noise: Noise) -> Table:
    rows = [
        (
            str(forecast.minutes),
            str(forecast.blocks),
            "too few blocks" if forecast.half_width is None else f"+- {forecast.half_width:.2%}",
            "" if forecast.detectable is None else f"{forecast.detectable:.2%}",
        )
        for forecast in noise.forecasts
    ]
    titles = ("minutes", "blocks", "interval", "smallest visible difference")
    return facts_table("Two implementations compared", titles, rows)


def _products(scaling: Scaling) -> Table:
    """Return time by thread count; where that was judged, the count to choose is marked."""
    chosen = {(choice.batch_size, choice.threads) for choice in scaling.choices}
    titles = ("batch size", "threads", "time", "to choose")
    rows = [
        (
            str(time.batch_size),
            str(time.threads),
            time.reason if time.seconds is None else f"{time.seconds * 1e3:.3g} ms",
            "best" if (time.batch_size, time.threads) in chosen else "",
        )
        for time in scaling.times
    ]
    shown = 4 if chosen else 3
    return facts_table(
        "Matrix products of a training step", titles[:shown], (row[:shown] for row in rows)
    )


def _pools(diagnosis: Diagnosis) -> Table:
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
    machine, around, clock = diagnosis.machine, diagnosis.neighbours, diagnosis.clock
    cores = f"{machine.physical_cpus or 'unknown'} cores"
    threads = {"notsupported": "none"}.get(machine.smt or "", machine.smt) or _UNKNOWN
    source = machine.clock_source or _UNKNOWN

    def processors(before: float | None, meanwhile: float | None) -> str:
        used = (_UNKNOWN if value is None else f"{value:.2f}" for value in (before, meanwhile))
        return " processors before, ".join(used) + " while measuring"

    facts = {
        "processor": machine.cpu,
        "processors": f"{machine.usable_cpus} usable of {machine.logical_cpus}, {cores}",
        "hardware threads": threads,
        "quota": "none" if machine.quota_cpus is None else f"{machine.quota_cpus:g} processors",
        "caches": ", ".join(f"{name} {size}" for name, size in machine.caches.items()),
        "governor": machine.governor or _UNKNOWN,
        "turbo": machine.turbo or _UNKNOWN,
        "hypervisor": machine.hypervisor or "none seen",
        "clock": f"{source}, {clock.cost * 1e9:.0f} ns a reading, {clock.step * 1e9:.0f} ns a step",
        "load average": f"{around.load[0]:.2f}",
        "pressure": _UNKNOWN if around.pressure is None else f"{around.pressure:.1%} of 10 s",
        "used by others": processors(around.foreign, diagnosis.noise.foreign),
        "stolen": processors(around.stolen, diagnosis.noise.stolen),
        "exported": " ".join(f"{name}={value}" for name, value in machine.environment.items())
        or "no relevant variables",
        "GPU": "; ".join(map(_gpu, diagnosis.gpus.devices)) or diagnosis.gpus.reason or _UNKNOWN,
    }
    return facts_table("Machine", ("fact", "value"), facts.items())


def _gpu(device: Accelerator) -> str:
    """Return one device in short; of its clocks only the highest, for nothing runs on it now."""
    memory, clock = device.memory_bytes, device.most_clock_mhz
    parts = [
        device.name,
        f"driver {device.driver or _UNKNOWN}",
        _UNKNOWN if memory is None else f"{memory / 2**30:.0f} GiB",
    ]
    if clock is not None:
        parts.append(f"up to {clock} MHz")
    temperatures = (reading.temperature for reading in device.readings)
    parts += [f"{degrees} °C" for degrees in temperatures if degrees is not None]
    return ", ".join(parts)
