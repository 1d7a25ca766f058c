"""Points on a device: the fastest of the GPU against that of the processor, and what slowed it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.observations.points import Point, Scope
from bench.observations.winner import fastest
from bench.provenance.records import Accelerator
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict
from impls.registry import ROWS
from reports import format as text
from reports.context import Context

CPU, GPU = "cpu", "gpu"
"""The values of ``device`` in a cell and in a row."""


@dataclass(frozen=True)
class DeviceContest:
    """What is fastest on either device at one batch size.

    ``ratio`` is the time on the GPU over the time on the CPU: below 1 the GPU is faster.
    ``verdict`` is on the CPU against the GPU, None where one implementation ran on both.
    ``candidates`` says among how many each was chosen, implementations under each condition
    counted.
    """

    batch_size: int
    cpu: Point
    gpu: Point
    ratio: Ratio
    verdict: Verdict | None
    candidates: tuple[int, int]


def contests(context: Context, scope: Scope) -> tuple[DeviceContest, ...]:
    """Return one for each batch size at which both devices have an epoch, ascending."""
    contests = []
    for batch_size in context.batch_sizes(scope):
        ours, theirs = (_timed(context, scope, batch_size, device) for device in (CPU, GPU))
        cpu, gpu = fastest(ours), fastest(theirs)
        if cpu is None or gpu is None:
            continue
        ratio = context.judged.ratio(gpu, cpu)
        if ratio is not None:
            verdict = context.judged.verdict(gpu, cpu)
            contests.append(
                DeviceContest(batch_size, cpu, gpu, ratio, verdict, (len(ours), len(theirs)))
            )
    return tuple(contests)


def missing(context: Context, scope: Scope) -> str:
    """Return why no batch size of ``scope`` has both devices, in sentences."""
    sizes = context.batch_sizes(scope)
    lacking = [
        device
        for device in (GPU, CPU)
        if not any(_timed(context, scope, size, device) for size in sizes)
    ]
    if not lacking:
        return "No batch size was measured on both devices."
    return " ".join(_why(context, scope, device) for device in lacking)


def _timed(context: Context, scope: Scope, batch_size: int, device: str) -> list[Point]:
    """Return every trainer on ``device``, under every condition of ``scope``."""
    points = [
        context.point(name, condition, batch_size)
        for condition in context.conditions_of(scope)
        for name in context.trainers
    ]
    return [point for point in points if point and point.epoch and point.cell.device == device]


def _why(context: Context, scope: Scope, device: str) -> str:
    """Return what became of the implementations for ``device``.

    A plan may name a trainer for it that the run did not reach.
    """
    reasons: dict[tuple[str, str], dict[str, None]] = {}
    for gap in context.gaps:
        if gap.condition.scope == scope and gap.cell.device == device:
            reasons.setdefault((gap.kind, gap.reason), {})[gap.cell.implementation] = None
    if reasons:
        outcomes = "; ".join(
            f"{text.listing(names)} {kind}: {reason.rstrip('.')}"
            for (kind, reason), names in reasons.items()
        )
        return f"Nothing was measured on the {device.upper()}. {outcomes}."
    documents = [
        document
        for run, document in enumerate(context.results, start=1)
        if document.plan.network.name == scope.network and scope.run in (0, run)
    ]
    known = {row.name: row for document in documents for row in (*ROWS, *document.rows)}
    rows = [known.get(name) for document in documents for name in document.plan.implementations]
    if any(row and row.device == device and row.role == "trainer" for row in rows):
        return f"No epoch was measured on the {device.upper()}."
    return f"No implementation that trains on the {device.upper()} was asked for."


def accelerators(point: Point) -> list[Accelerator]:
    """Return the device as each process found it; empty for a point on the processor."""
    recorded = (cell.process.accelerator for cell in point.measured)
    return [accelerator for accelerator in recorded if accelerator is not None]


def held_back(point: Point) -> str:
    """In how many processes the device was held back, and how in the worst; empty where in none."""
    devices = accelerators(point)
    slow = [device for device in devices if device.throttle_reasons]
    if not slow:
        return ""
    reasons = ", ".join(min(slow, key=_last_clock).throttle_reasons)
    where = f" in {len(slow)} of {len(devices)} processes" if len(devices) > 1 else ""
    return f"device held back{where}: {reasons}"


def _last_clock(device: Accelerator) -> float:
    clock = device.readings[-1].clock_mhz
    return math.inf if clock is None else clock
