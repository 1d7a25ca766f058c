"""Where memory goes: libraries, examples, what an implementation adds, and the device."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from bench.documents.results import Measured
from bench.documents.timings import Memory
from bench.observations.points import Condition, Point
from reports import charts, tables, templates
from reports import format as text
from reports.context import Context
from reports.section import TIME, Absence, Section
from reports.tables import Table, TableCell

_MIB = 2**20
_PIECES = ("libraries", "examples", "data", "training")
_ABSENT = (
    "The memory of single stages is unknown: documents of pytest-benchmark and of versions 1 "
    "and 2 hold one peak for the whole process."
)


@dataclass(frozen=True)
class Stages:
    """Resident bytes of one point, each the median over its processes; None where not told.

    ``libraries`` is the process after import, of which ``imported`` came with the implementation;
    the others are what each stage added.  ``peak`` is all of it together.  ``device`` is the most
    on a device, ``device_since_start`` whether earlier batch sizes and the gate may be in it.
    """

    peak: float | None
    libraries: float | None
    imported: float | None
    examples: float | None
    left_before: float | None
    data: float | None
    training: float | None
    device: float | None
    device_since_start: bool


def stages(point: Point) -> Stages | None:
    """Return what was recorded of ``point``; None where nothing was."""
    known = [(cell, cell.memory) for cell in point.measured if cell.memory is not None]
    if not known:
        return None

    def typical(told: Callable[[Measured, Memory], int | None]) -> float | None:
        values = [value for cell, memory in known if (value := told(cell, memory)) is not None]
        return median(values) if values else None

    return Stages(
        peak=typical(lambda cell, _: cell.peak_memory_bytes),
        libraries=typical(lambda _, memory: memory.imported),
        imported=typical(lambda _, memory: _added(memory.started, memory.imported)),
        examples=typical(lambda _, memory: _added(memory.imported, memory.loaded)),
        left_before=typical(lambda _, memory: _added(memory.loaded, memory.begun)),
        data=typical(lambda _, memory: _added(memory.begun, memory.bound)),
        training=typical(lambda cell, memory: _added(memory.bound, cell.peak_memory_bytes)),
        device=typical(lambda cell, _: cell.device_memory_bytes),
        device_since_start=any(
            cell.device_memory_bytes is not None and not memory.device_peak_of_timing
            for cell, memory in known
        ),
    )


def _added(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before


def render(context: Context) -> Markup | Absence:
    """Return the table of the headline's group; folded, those of other sizes or conditions."""
    groups: dict[tuple[Condition, int], list[tuple[Point, Stages]]] = {}
    for condition, batch_size, group in context.groups():
        known = [(point, of) for point in group.values() if (of := stages(point))]
        if known:
            groups[condition, batch_size] = known
    if not groups:
        return Absence(_ABSENT)
    headlines = [(finding.best.condition, finding.batch_size) for finding in context.winners[:1]]
    first = next((where for where in headlines if where in groups), next(iter(groups)))
    # Memory hardly depends on threads and batch size at once: one of them at a time will do.
    near = [
        where
        for where in groups
        if where != first and (where[0] == first[0] or where[1] == first[1])
    ]
    rest = [entry for where in near for entry in groups[where]]
    peaks = [entry for entry in groups[first] if entry[1].peak is not None]
    title = f"batch {first[1]}, {context.label(first[0])}"
    return templates.section(
        "memory",
        chart=_chart(title, peaks) if peaks else None,
        pieces=[(str(slot), piece) for slot, piece in enumerate(_PIECES)],
        table=_table(context, title, groups[first]),
        rest=_table(context, "one thing changed", rest) if rest else None,
        left_out=len(groups) - 1 - len(near),
        whole_life=any(
            measured.memory is not None and not measured.memory.peak_of_timing
            for point in context.whole.points.values()
            for measured in point.measured
        ),
    )


def _chart(caption: str, peaks: list[tuple[Point, Stages]]) -> charts.RowChart:
    """Return what each stage added, stacked up to the peak, the smallest peak first."""
    ordered = sorted(peaks, key=lambda entry: entry[1].peak or 0.0)
    axis = charts.linear_axis((ordered[-1][1].peak or 0.0) / _MIB, lambda size: f"{size:g} MiB")
    rows = []
    for point, of in ordered:
        data = (of.left_before or 0.0) + (of.data or 0.0)
        sizes = [size or 0.0 for size in (of.libraries, of.examples, data, of.training)]
        segments = charts.stacked(
            axis,
            [
                (str(slot), size / _MIB, f"{_PIECES[slot]}: {_words(size)}")
                for slot, size in enumerate(sizes)
            ],
        )
        # Two digits are as well as memory repeats.
        peak = text.byte_count(round(of.peak or 0.0), 2)
        device = (
            "" if of.device is None else f"{text.byte_count(round(of.device), 2)} on the device"
        )
        name = point.implementation
        rows.append(charts.ChartRow(name, peak, device, segments=segments))
    return charts.RowChart(caption, tuple(rows), axis, ("peak", ""))


def _table(context: Context, place: str, entries: Iterable[tuple[Point, Stages]]) -> Table:
    def libraries(of: Stages) -> TableCell:
        own = () if of.imported is None else (f"{_words(of.imported)} with its import",)
        return _bytes(of.libraries, own)

    def device(of: Stages) -> TableCell:
        notes = ("since the process began",) if of.device_since_start else ()
        return _bytes(of.device, notes, missing="none")

    return tables.of_cells(
        context,
        f"Memory: {place}",
        [(point.key, of) for point, of in entries],
        {
            "Peak": lambda of: _bytes(of.peak),
            "Libraries": libraries,
            "Examples": lambda of: _bytes(of.examples),
            "Left before": lambda of: _bytes(of.left_before),
            "Data": lambda of: _bytes(of.data),
            "Training": lambda of: _bytes(of.training),
            "Device": device,
        },
    )


def _bytes(value: float | None, notes: tuple[str, ...] = (), missing: str = "unknown") -> TableCell:
    return tables.word(missing) if value is None else TableCell(_words(value), round(value), notes)


def _words(value: float) -> str:
    """Return bytes with their sign: memory may also be given back."""
    sign = "\N{MINUS SIGN}" if value < 0 else ""
    return sign + text.byte_count(round(abs(value)))


SECTION = Section("memory", "Memory", 105, render, TIME)
