"""How close each phase comes to what the machine can do: measured limits and a model of the work.

The model is that of :mod:`bench.roofline.work`, the bound that of :mod:`bench.roofline.bound`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from bench.documents.timings import STEP, Peaks
from bench.observations.points import Condition, Point
from bench.roofline.bound import MOST_SHARE
from bench.roofline.work import Work
from impls.contract import PHASES
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Series
from reports.context import Context
from reports.palette import shape_of
from reports.phase_rates import DEVICE, PhaseRate, Roof, model_of, parts_of, roof_of
from reports.section import TIME, Absence, Section
from reports.tables import Table, TableCell, TableRow
from reports.trained_words import structure

_PHASES = ("forward", "backward")
"""Besides the step, these have matrix products, and so a rate."""
_MOST_NAMED = 8
"""How many impossible shares are named; the table has them all."""


@dataclass(frozen=True)
class _Entry:
    """One point with what the limits say of it."""

    point: Point
    parts: Mapping[str, PhaseRate]


def render(context: Context) -> Markup | Absence:
    """Limits, charts, shares and the model."""
    roofs = {one: roof for one in context.conditions if (roof := roof_of(context, one))}
    if not roofs:
        return Absence(_why_not(context))
    # The model counts dense products, which rows that skip zeros do not compute.
    sparse = [name for name in context.implementations if shape_of(context, name) == "sparse"]
    every = [
        _Entry(point, parts)
        for condition, _, group in context.whole.groups()
        if (roof := roofs.get(condition) or roof_of(context, condition))
        for point in group.values()
        if point.implementation not in sparse
        if (parts := parts_of(context, point, roof))
    ]
    entries = [entry for entry in every if entry.point.key in context.points]
    names = dict.fromkeys(entry.point.implementation for entry in entries)
    return templates.section(
        "roofline",
        limits=_limits(context, roofs),
        missing=[context.label(one) for one in context.conditions if one not in roofs],
        caches=_caches(roofs),
        most=MOST_SHARE,
        most_named=_MOST_NAMED,
        impossible=_impossible(context, every),
        sparse=sparse,
        key=figures.key(context, names, section="roofline"),
        figures=_charts(context, roofs, entries, (STEP,)),
        phases=_charts(context, roofs, entries, _PHASES),
        shares=_shares(context, entries),
        models=_models(context, roofs),
    )


def _why_not(context: Context) -> str:
    """Return why there are no limits."""
    floor = context.floors.get(DEVICE)
    if any(name == floor for name, _, _ in context.points):
        return "The document of this run holds no limits of the machine, so there is no roofline."
    return "The limits of the machine are found beside the floor, which was not measured."


def _limits(context: Context, roofs: Mapping[Condition, Roof]) -> Table:
    """Return the measured limits under each condition."""
    rates: list[tuple[Callable[[Peaks], float], str]] = [
        (lambda peaks: peaks.gemm, "GFLOP/s"),
        (lambda peaks: peaks.copy, "GB/s"),
        (lambda peaks: peaks.cached_copy, "GB/s"),
    ]
    rows = []
    for condition, roof in roofs.items():
        cells = [TableCell(context.label(condition))]
        for rate, unit in rates:
            best, worst = rate(roof.best), rate(roof.worst)
            spread = f"{text.significant(worst / 1e9)} to {text.significant(best / 1e9)}"
            notes = (spread,) if roof.processes > 1 else ()
            cells.append(TableCell(f"{text.significant(best / 1e9)} {unit}", best, notes))
        balance = roof.best.gemm / roof.best.copy
        cells += [TableCell(text.significant(balance), balance), TableCell(str(roof.processes))]
        rows.append(tables.row(context, cells, condition=condition))
    titles = ("Condition", "Products", "Copy, memory", "Copy, cache", "Balance", "Processes")
    caption = "Limits: the best rates of all processes, and their range"
    return Table(caption, tables.columns(*titles), tuple(rows))


def _caches(roofs: Mapping[Condition, Roof]) -> list[str]:
    """Return how much the caches are taken to hold, in words; empty where no size is known."""
    sizes = sorted({roof.cache_bytes for roof in roofs.values()})
    return [text.byte_count(int(size)) for size in sizes if math.isfinite(size)]


def _impossible(context: Context, entries: list[_Entry]) -> list[str]:
    """Return everything that passes a limit by more than limits are uncertain, the worst first."""
    found = [
        (part.share, f"{_where(context, entry.point)}: {name} {text.percent(part.share)}")
        for entry in entries
        for name, part in entry.parts.items()
        if part.is_impossible
    ]
    return [shown for _, shown in sorted(found, key=lambda one: -one[0])]


def _where(context: Context, point: Point) -> str:
    """Return a cell in words."""
    label = context.label(point.condition)
    return f"{point.implementation}, batch {point.batch_size}, {label}"


def _charts(
    context: Context,
    roofs: Mapping[Condition, Roof],
    entries: list[_Entry],
    phases: tuple[str, ...],
) -> list[figures.Figure]:
    """Return one chart for each condition and phase."""
    shown = []
    for condition, roof in roofs.items():
        for name in phases:
            lines: dict[str, list[PhaseRate]] = {}
            for entry in entries:
                if entry.point.condition == condition and name in entry.parts:
                    lines.setdefault(entry.point.implementation, []).append(entry.parts[name])
            if lines:
                title = f"{name}, {context.label(condition)}"
                chart = _chart(context, title, roof, lines, has_tips=name == STEP)
                shown.append(figures.figure(context, chart, condition=condition))
    return shown


def _chart(
    context: Context,
    title: str,
    roof: Roof,
    lines: Mapping[str, list[PhaseRate]],
    *,
    has_tips: bool,
) -> Markup:
    """Implementations, each from its smallest batch to its largest, under the roof."""
    paths = [
        Series(
            figures.style(context, name),
            tuple(part.work.intensity for part in parts),
            tuple(part.rate for part in parts),
            tips=tuple(_tip(name, part) for part in parts) if has_tips else (),
        )
        for name, parts in lines.items()
    ]
    described = f"Roofline of {title}: rate against operations per byte; shares are in the table."
    return charts.roofline(title, paths, roof.best, description=described)


def _tip(name: str, part: PhaseRate) -> str:
    """Return the rate of one point, and how much of what is possible it is."""
    rate = text.significant(part.rate / 1e9)
    return f"{text.printable(name)}: {rate} GFLOP/s, {text.percent(part.share)} of what is possible"


def _shares(context: Context, entries: list[_Entry]) -> Table:
    """Least time over time measured, with the rate where there are products."""
    return tables.of_cells(
        context,
        "Share of what is possible: least time by the limits over time measured",
        [(entry.point.key, entry.parts) for entry in entries],
        {name: partial(_share, name) for name in (STEP, *PHASES)},
    )


def _share(name: str, parts: Mapping[str, PhaseRate]) -> TableCell:
    """Return a share with the times behind it, and the rate with its share of the best product's.

    Where products set the least time, the two shares are the same.
    """
    part = parts.get(name)
    if part is None:
        return tables.word("not timed")
    least = text.seconds(part.bound.seconds)
    notes = [f"{least} of {text.seconds(part.seconds)}, {part.bound.limit}"]
    if part.work.products:
        rate = f"{text.significant(part.rate / 1e9)} GFLOP/s"
        of_peak = f", {text.percent(part.rate / part.peak)} of products"
        notes.append(rate if part.bound.limit == "products" else rate + of_peak)
    # The value only sorts: all of its digits would be a tenth of the table.
    value = float(text.significant(part.share, 5))
    return TableCell(text.percent(part.share), value, tuple(notes), strong=part.is_impossible)


def _models(context: Context, roofs: Mapping[Condition, Roof]) -> list[Table]:
    """Return the work model of every network, by batch size."""
    found = []
    for scope in dict.fromkeys(condition.scope for condition in roofs):
        network = context.network(scope)
        rows = []
        for batch_size in context.batch_sizes(scope):
            model = model_of(context, scope, batch_size) or {}
            rows += [
                TableRow(_counts(batch_size, name, model[name]), batch_size=batch_size)
                for name in (*PHASES, STEP)
                if name in model
            ]
        if network is not None and rows:
            caption = f"Least work of {network.name}, {structure(network)}, {network.dtype}"
            columns = tables.columns(
                "Phase", "Batch size", "Products, million", "Element-wise, million", "Bytes",
                "Operations per byte",
            )  # fmt: skip
            found.append(Table(caption, columns, tuple(rows)))
    return found


def _counts(batch_size: int, name: str, work: Work) -> tuple[TableCell, ...]:
    """Operations, bytes and operations per byte of one phase."""
    return (
        TableCell(name),
        TableCell(str(batch_size), batch_size),
        TableCell(text.significant(work.products / 1e6), work.products),
        TableCell(text.significant(work.elementwise / 1e6), work.elementwise),
        TableCell(text.byte_count(work.bytes), work.bytes),
        TableCell(text.significant(work.intensity), work.intensity),
    )


SECTION = Section("roofline", "Roofline", 75, render, TIME)
