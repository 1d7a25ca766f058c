"""The devices of implementations that run on one: limits, and their state around each timing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from markupsafe import Markup

from bench.observations.points import Point
from bench.provenance.records import Accelerator
from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.facts.devices import accelerators, held_back
from reports.section import TRUST, Absence, Section, Status
from reports.tables import TableCell

_ABSENT = "No implementation was measured on a GPU."


def render(context: Context) -> Markup | Absence:
    """Return one row for each cell that ran on a device, and one for each device."""
    points = [point for point in context.whole.points.values() if accelerators(point)]
    if not points:
        return Absence(_ABSENT)
    everything = [accelerator for point in points for accelerator in accelerators(point)]
    # Every device once, whatever was read of it.
    devices = {(device.name, device.driver): device for device in everything if device.name}
    return templates.section(
        "accelerators",
        devices=[_facts(device) for device in devices.values()],
        unknown=sorted({device.reason for device in everything if device.reason}),
        untold=any(not device.records_throttling for device in everything),
        slow=sum(bool(held_back(point)) for point in points),
        number=len(points),
        table=tables.of_cells(
            context,
            "State of the device before and after the timing",
            [(point.key, point) for point in points if point.key in context.points],
            {
                "Clock": partial(_course, "clock_mhz", _megahertz),
                "Memory clock": partial(_course, "memory_clock_mhz", _megahertz),
                "Temperature": partial(_course, "temperature", "{} °C".format),
                "In use": partial(_course, "used_bytes", text.byte_count),
                "Held back": _held_back,
            },
        ),
    )


def _facts(device: Accelerator) -> list[tuple[str, str]]:
    memory = device.memory_bytes
    return [
        ("device", device.name),
        ("driver", device.driver or "unknown"),
        ("memory", "unknown" if memory is None else text.byte_count(memory)),
        ("highest clock", _megahertz(device.most_clock_mhz)),
        ("highest memory clock", _megahertz(device.most_memory_clock_mhz)),
    ]


def _megahertz(clock: int | None) -> str:
    return "unknown" if clock is None else f"{clock} MHz"


def _held_back(point: Point) -> TableCell:
    held = held_back(point)
    if held:
        return TableCell(held)
    is_known = all(device.records_throttling for device in accelerators(point))
    return tables.word("no" if is_known else "unknown")


def _course(field: str, shown: Callable[[int], str], point: Point) -> TableCell:
    """Return the range of a reading over processes after the timing, that before it in small."""
    begins, ends = (
        [
            value
            for device in accelerators(point)
            if device.readings and (value := getattr(device.readings[at], field)) is not None
        ]
        for at in (0, -1)
    )
    if not ends:
        return tables.word("unknown")
    notes = (f"before: {_range(begins, shown)}",) if begins else ()
    return TableCell(_range(ends, shown), max(ends), notes)


def _range(values: list[int], shown: Callable[[int], str]) -> str:
    low, high = min(values), max(values)
    return shown(low) if low == high else f"{shown(low)} to {shown(high)}"


def status(context: Context) -> Status:
    """Return in how many cells the device was held back."""
    points = [point for point in context.points.values() if accelerators(point)]
    slow = sum(bool(held_back(point)) for point in points)
    return Status(f"held back in {slow} of {text.count(len(points), 'cell')}", not slow)


SECTION = Section("accelerators", "GPU", 96, render, TRUST, status)
