"""How implementations look in every picture, figures as data, and keys to their lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from bench.observations.points import Condition
from impls.registry import ROWS
from impls.row import Row
from reports import charts, templates
from reports.charts.rowchart import Shape
from reports.context import Context
from reports.facts.devices import CPU

_MOST_DRAWN = 12
"""Of more groups than this only those of the fastest condition are drawn; tables hold them all."""
_FEW = 3
"""Of more figures than this, all but the first group are folded."""

WORDS: dict[Shape, str] = {
    "dense": "dense, CPU",
    "sparse": "sparse: skips zeros",
    "gpu": "GPU",
}
"""The marker of each kind of implementation, in words."""


@dataclass(frozen=True)
class Figure:
    """A chart, and what a reader can filter it by."""

    chart: Markup
    batch_size: int | None = None
    place: int | None = None


@dataclass(frozen=True)
class Group:
    """The figures of one condition; ``folded`` ones open on demand."""

    title: str
    figures: tuple[Figure, ...]
    folded: bool


@dataclass(frozen=True)
class LegendEntry:
    """A name, and a piece of its line."""

    name: str
    swatch: Markup
    series: str


def slots(names: Sequence[str], known: Mapping[str, Row]) -> dict[str, int]:
    """Return places of the registry's trainers, of those that documents know, and of ``names``.

    Those that are measured unless others are named come first, so that they share no colour as
    long as there are enough; those on a processor before those on a device.
    """
    ours = [row for row in ROWS if row.role == "trainer"]
    ours.sort(key=lambda row: (row.by_name_only, row.device != CPU))
    theirs = [row.name for row in known.values() if row.role == "trainer"]
    others = [name for name in names if name not in known]
    every = dict.fromkeys([*(row.name for row in ours), *theirs, *others])
    return {name: slot for slot, name in enumerate(every)}


def shape_of(context: Context, name: str) -> Shape:
    """Return the marker of an implementation."""
    row = context.rows.get(name)
    if row is not None and row.on_device:
        return "gpu"
    # Documents of earlier versions hold rows that do not say so yet.
    ours = [candidate for candidate in ROWS if row is not None and candidate.target == row.target]
    sparse = any(candidate.sparse for candidate in ours) or (row is not None and row.sparse)
    return "sparse" if sparse else "dense"


def style(context: Context, name: str) -> charts.Style:
    """Return how ``name`` looks in every chart of this report."""
    return charts.style_of(context.slots.get(name))


def legend(
    context: Context, names: Iterable[str], *, section: str, dots: bool = False
) -> tuple[LegendEntry, ...]:
    """Return the legend of the lines, or ``dots``, of ``names`` in one section."""
    return legend_of([(name, style(context, name)) for name in names], section=section, dots=dots)


def legend_of(
    styles: Iterable[tuple[str, charts.Style]], *, section: str, dots: bool = False
) -> tuple[LegendEntry, ...]:
    """Return the legend of lines, or ``dots``, with these names and styles."""
    return tuple(
        LegendEntry(name, charts.swatch(look, key=section, dots=dots), look.series)
        for name, look in styles
    )


def figure(
    context: Context,
    chart: Markup | charts.RowChart,
    *,
    batch_size: int | None = None,
    condition: Condition | None = None,
) -> Figure:
    """Return a figure with what it can be filtered by; a chart of rows has its batch size."""
    place = None if condition is None else context.place(condition)
    if isinstance(chart, charts.RowChart):
        return Figure(templates.fill("rowchart.html", it=chart), chart.batch_size, place)
    return Figure(chart, batch_size, place)


def drawn(context: Context) -> frozenset[Condition]:
    """Return the conditions whose groups are drawn: all, unless the page would become heavy."""
    groups = [condition for condition, _, _ in context.groups()]
    winners = context.winners
    if len(groups) <= _MOST_DRAWN or not winners:
        return frozenset(groups)
    return frozenset({winners[0].best.condition})


def grouped(context: Context, figures: dict[Condition, list[Figure]]) -> tuple[Group, ...]:
    """Return figures by condition; of many, only those of the fastest condition are open."""
    winners = context.winners
    shown = winners[0].best.condition if winners else None
    if shown not in figures:
        shown = next(iter(figures), None)
    few = sum(map(len, figures.values())) <= _FEW
    return tuple(
        Group(context.label(condition), tuple(some), folded=not few and condition != shown)
        for condition, some in figures.items()
    )
