"""The devices of implementations that run on one: limits, and their state around each timing."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from markupsafe import Markup

from bench.observations.points import Point
from bench.provenance.records import Accelerator, AcceleratorReading
from bench.stats.disturbed import tells
from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.devices import accelerators, held_back
from reports.section import TRUST, Absence, Section, Status
from reports.tables import Table, TableCell

_ABSENT = "No implementation was measured on a GPU."


def render(context: Context) -> Markup | Absence:
    """Return one row for each cell that ran on a device, and one for each device."""
    points = [point for point in context.whole.points.values() if accelerators(point)]
    if not points:
        return Absence(_ABSENT)
    everything = [accelerator for point in points for accelerator in accelerators(point)]
    return templates.section(
        "accelerators",
        devices=[_facts(device) for device in _devices(everything)],
        unknown=sorted({one.reason for one in everything if one.reason}),
        untold=any(not tells(one) for one in everything),
        slow=sum(bool(held_back(point)) for point in points),
        number=len(points),
        table=_table(context, [point for point in points if point.key in context.points]),
    )


def _devices(everything: Iterable[Accelerator]) -> list[Accelerator]:
    """Return every device once, whatever was read of it."""
    found = {(one.name, one.driver): one for one in everything if one.name}
    return list(found.values())


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


def _table(context: Context, points: list[Point]) -> Table:
    """Return the state of the device of each point."""
    return tables.of_cells(
        context,
        "State of the device before and after the timing",
        [(point.key, point) for point in points],
        {
            "Clock": lambda point: _course(point, lambda one: one.clock_mhz, _megahertz),
            "Memory clock": lambda p: _course(p, lambda one: one.memory_clock_mhz, _megahertz),
            "Temperature": lambda p: _course(p, lambda one: one.temperature, "{} °C".format),
            "In use": lambda p: _course(p, lambda one: one.used_bytes, text.byte_count),
            "Held back": _held_back,
        },
    )


def _held_back(point: Point) -> TableCell:
    held = held_back(point)
    return TableCell(held) if held else tables.word("no" if _is_told(point) else "unknown")


def _is_told(point: Point) -> bool:
    return all(tells(accelerator) for accelerator in accelerators(point))


def _course(
    point: Point,
    told: Callable[[AcceleratorReading], int | None],
    shown: Callable[[int], str],
) -> TableCell:
    """Return the range over processes after the timing, and that before it in small."""
    ends, begins = (
        [
            value
            for device in accelerators(point)
            if device.readings and (value := told(device.readings[at])) is not None
        ]
        for at in (-1, 0)
    )
    if not ends:
        return tables.word("unknown")
    before = (f"before: {_range(begins, shown)}",) if begins else ()
    return TableCell(_range(ends, shown), max(ends), before)


def _range(values: list[int], shown: Callable[[int], str]) -> str:
    low, high = min(values), max(values)
    return shown(low) if low == high else f"{shown(low)} to {shown(high)}"


def status(context: Context) -> Status:
    """In how many cells the device was held back."""
    points = [point for point in context.points.values() if accelerators(point)]
    slow = sum(bool(held_back(point)) for point in points)
    return Status(f"held back in {slow} of {text.count(len(points), 'cell')}", not slow)


SECTION = Section("accelerators", "GPU", 96, render, TRUST, status)
