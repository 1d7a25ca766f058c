"""How close each phase comes to what the machine can do: measured limits and a model of the work.

Model and bound are those of :mod:`bench.roofline`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from markupsafe import Markup

from bench.documents.timings import STEP, Peaks
from bench.observations.points import Condition, Point
from bench.roofline import MOST_SHARE
from impls.contract import PHASES
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Series
from reports.context import Context
from reports.facts.network_facts import structure
from reports.facts.phase_rates import DEVICE, PhaseRate, Roof, model_of, parts_of, roof_of
from reports.figures import shape_of
from reports.section import TIME, Absence, Section
from reports.tables import Table, TableCell, TableRow

_PHASES = ("forward", "backward")
"""Besides the step, these have matrix products, and so a rate."""
_MOST_NAMED = 8
"""How many impossible shares are named; the table has them all."""


_Entry = tuple[Point, Mapping[str, PhaseRate]]
"""A point with what the limits say of each phase."""


def render(context: Context) -> Markup | Absence:
    """Return limits, charts, shares and the model."""
    roofs = {
        condition: roof for condition in context.conditions if (roof := roof_of(context, condition))
    }
    if not roofs:
        floor = context.floors.get(DEVICE)
        if any(name == floor for name, _, _ in context.points):
            return Absence(
                "The document of this run holds no limits of the machine, so there is no roofline."
            )
        return Absence(
            "The limits of the machine are found beside the floor, which was not measured."
        )
    # The model counts dense products, which rows that skip zeros do not compute.
    sparse = [name for name in context.implementations if shape_of(context, name) == "sparse"]
    every = [
        (point, parts)
        for condition, _, group in context.whole.groups()
        if (roof := roofs.get(condition) or roof_of(context, condition))
        for point in group.values()
        if point.implementation not in sparse
        if (parts := parts_of(context, point, roof))
    ]
    entries = [(point, parts) for point, parts in every if point.key in context.points]
    names = dict.fromkeys(point.implementation for point, _ in entries)
    # How much the caches are taken to hold, where a size is known.
    caches = sorted(
        {roof.cache_bytes for roof in roofs.values() if math.isfinite(roof.cache_bytes)}
    )
    return templates.section(
        "roofline",
        limits=_limits(context, roofs),
        missing=[
            context.label(condition) for condition in context.conditions if condition not in roofs
        ],
        caches=[text.byte_count(int(size)) for size in caches],
        most=MOST_SHARE,
        most_named=_MOST_NAMED,
        impossible=_impossible(context, every),
        sparse=sparse,
        key=figures.legend(context, names, section="roofline"),
        figures=_charts(context, roofs, entries, (STEP,)),
        phases=_charts(context, roofs, entries, _PHASES),
        shares=tables.of_cells(
            context,
            "Share of what is possible: least time by the limits over time measured",
            [(point.key, parts) for point, parts in entries],
            {name: partial(_share, name) for name in (STEP, *PHASES)},
        ),
        models=_models(context, roofs),
    )


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


def _impossible(context: Context, entries: Sequence[_Entry]) -> list[str]:
    """Return everything that passes a limit by more than limits are uncertain, the worst first."""
    passing = [
        (part.share, point, name)
        for point, parts in entries
        for name, part in parts.items()
        if part.is_impossible
    ]
    return [
        f"{point.implementation}, batch {point.batch_size}, {context.label(point.condition)}: "
        f"{name} {text.percent(share)}"
        for share, point, name in sorted(passing, key=lambda share: -share[0])
    ]


def _charts(
    context: Context,
    roofs: Mapping[Condition, Roof],
    entries: Sequence[_Entry],
    phases: tuple[str, ...],
) -> list[figures.Figure]:
    """Return one chart for each condition and phase.

    Each implementation goes from its smallest batch to its largest, under the roof.
    """
    shown = []
    for condition, roof in roofs.items():
        for phase in phases:
            lines: dict[str, list[PhaseRate]] = {}
            for point, parts in entries:
                if point.condition == condition and phase in parts:
                    lines.setdefault(point.implementation, []).append(parts[phase])
            if not lines:
                continue
            paths = [
                Series(
                    figures.style(context, name),
                    [part.work.intensity for part in parts],
                    [part.rate for part in parts],
                    tips=[_tip(name, part) for part in parts] if phase == STEP else (),
                )
                for name, parts in lines.items()
            ]
            title = f"{phase}, {context.label(condition)}"
            described = (
                f"Roofline of {title}: rate against operations per byte; shares are in the table."
            )
            chart = charts.roofline(title, paths, roof.best, description=described)
            shown.append(figures.figure(context, chart, condition=condition))
    return shown


def _tip(name: str, part: PhaseRate) -> str:
    """Return the rate of one point, and how much of what is possible it is."""
    rate = text.significant(part.rate / 1e9)
    return f"{text.printable(name)}: {rate} GFLOP/s, {text.percent(part.share)} of what is possible"


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
    """Return the work model of every network: operations and bytes of each phase by batch size."""
    models = []
    for scope in dict.fromkeys(condition.scope for condition in roofs):
        network = context.network(scope)
        rows = []
        for batch_size in context.batch_sizes(scope):
            model = model_of(context, scope, batch_size) or {}
            for name in (*PHASES, STEP):
                if name in model:
                    work = model[name]
                    cells = (
                        TableCell(name),
                        tables.whole(batch_size),
                        TableCell(text.significant(work.products / 1e6), work.products),
                        TableCell(text.significant(work.elementwise / 1e6), work.elementwise),
                        TableCell(text.byte_count(work.bytes), work.bytes),
                        TableCell(text.significant(work.intensity), work.intensity),
                    )
                    rows.append(TableRow(cells, batch_size=batch_size))
        if network is not None and rows:
            caption = f"Least work of {network.name}, {structure(network)}, {network.dtype}"
            columns = tables.columns(
                "Phase", "Batch size", "Products, million", "Element-wise, million", "Bytes",
                "Operations per byte",
            )  # fmt: skip
            models.append(Table(caption, columns, tuple(rows)))
    return models


SECTION = Section("roofline", "Roofline", 75, render, TIME)
