"""What else happened on the machine while rounds were timed, and whether it matters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from markupsafe import Markup

from bench.documents.timings import Disturbance
from bench.observations.points import Condition, PointKey, WatchedRound, of_the_epoch
from bench.stats.disturbed import DISTURBED_SHARE, RESOLUTION_SECONDS
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Track
from reports.context import Context
from reports.facts.disturbed_rounds import Effect, effect, provisional, share
from reports.section import TRUST, Absence, Section, Status
from reports.tables import Table, TableCell


class _DisturbedCell(NamedTuple):
    """The rounds of a cell, and what the disturbed ones do to its epoch; None without an epoch."""

    rounds: Sequence[WatchedRound]
    effect: Effect | None = None

    @property
    def disturbed(self) -> int:
        return sum(timed.is_disturbed for timed in self.rounds)


def render(context: Context) -> Markup | Absence:
    """Totals, the course of the run, and every cell with and without disturbed rounds."""
    whole = context.whole
    cells = _watched(whole)
    if not cells:
        return Absence(
            "No round was watched for disturbances: documents of pytest-benchmark and of version 1 "
            "hold nothing about them."
        )
    effects = [cell.effect for cell in cells.values() if cell.effect]
    changes = {
        key: abs(cell.effect.change)
        for key, cell in cells.items()
        if cell.effect
        and cell.effect.change is not None
        and any(timed.is_disturbed for timed in of_the_epoch(cell.rounds))
    }
    worst = max(changes, key=changes.__getitem__, default=None)
    names = [
        name for name in context.implementations if any(key.implementation == name for key in cells)
    ]
    shown = {key: cell for key, cell in cells.items() if key in context.points}
    course: dict[Condition, list[WatchedRound]] = {where: [] for where in context.conditions}
    for key, cell in shown.items():
        course[key.condition] += of_the_epoch(cell.rounds)
    return templates.section(
        "disturbance",
        share=DISTURBED_SHARE,
        resolution=RESOLUTION_SECONDS,
        total=sum(len(cell.rounds) for cell in cells.values()),
        disturbed=sum(cell.disturbed for cell in cells.values()),
        provisional=" ".join(provisional(whole)),
        worst=None
        if worst is None
        else (changes[worst], f"{worst[0]}, batch {worst[2]}, {context.label(worst[1])}"),
        spoilt=sum(effect.undisturbed is None for effect in effects),
        cells=len(effects),
        totals=_totals(context, cells),
        key=figures.legend(context, names, section="disturbance", dots=True),
        groups=figures.grouped(
            context,
            {
                condition: [
                    figures.figure(context, _chart(context, condition, rounds), condition=condition)
                ]
                for condition, rounds in course.items()
                if rounds
            },
        ),
        table=_table(context, {key: cell for key, cell in shown.items() if cell.disturbed}),
    )


@functools.lru_cache(maxsize=2)  # for the body and for its status
def _watched(context: Context) -> dict[PointKey, _DisturbedCell]:
    """Return every cell of which something was recorded beside its rounds."""
    rounds = {key: point.watched for key, point in context.points.items()}
    return {
        key: _DisturbedCell(some, effect(of_the_epoch(some)))
        for key, some in rounds.items()
        if some
    }


def _share(cell: _DisturbedCell, of: Callable[[Disturbance], float | None]) -> TableCell:
    taken = share(cell.rounds, of)
    if taken is None:
        return tables.word("unknown")
    return TableCell(text.percent(taken), round(taken, 5))


_SHARES: dict[str, Callable[[_DisturbedCell], TableCell]] = {
    "Rounds": lambda cell: tables.whole(len(cell.rounds)),
    "Disturbed": lambda cell: TableCell(
        str(cell.disturbed), cell.disturbed, strong=cell.disturbed > 0
    ),
    "Waited": lambda cell: _share(cell, lambda disturbance: disturbance.waited),
    "Others": lambda cell: _share(cell, lambda disturbance: disturbance.foreign),
    "Stolen": lambda cell: _share(cell, lambda disturbance: disturbance.stolen),
}


def _totals(context: Context, cells: Mapping[PointKey, _DisturbedCell]) -> Table:
    """Return each implementation under each condition, all batch sizes together."""
    lines: dict[tuple[str, Condition], dict[int, _DisturbedCell]] = {}
    for (name, condition, batch_size), cell in cells.items():
        lines.setdefault((name, condition), {})[batch_size] = cell
    shown = {(key.implementation, key.condition) for key in context.points}
    rows = []
    for condition in context.conditions:
        for name in context.implementations:
            sizes = lines.get((name, condition))
            if sizes is None or (name, condition) not in shown:
                continue
            changes = [
                (abs(cell.effect.change), cell.effect.change, batch_size)
                for batch_size, cell in sizes.items()
                if cell.effect and cell.effect.change is not None
            ]
            largest = tables.word("-")
            if changes:
                _, change, batch_size = max(changes)
                notes = (f"batch {batch_size}",) if change else ()
                largest = TableCell(_signed(change), change, notes)
            together = _DisturbedCell([timed for cell in sizes.values() for timed in cell.rounds])
            row = [
                TableCell(name),
                TableCell(context.label(condition)),
                *(column(together) for column in _SHARES.values()),
                largest,
            ]
            rows.append(tables.row(context, row, implementation=name, condition=condition))
    titles = ("Implementation", "Condition", *_SHARES, "Largest change")
    caption = "Disturbance: shares of the time of all rounds of step and epoch"
    return Table(caption, tables.columns(*titles, text_columns=2), tuple(rows))


def _table(context: Context, disturbed: Mapping[PointKey, _DisturbedCell]) -> Table | None:
    """Cells with a disturbed round: the epoch from all rounds and from undisturbed ones alone."""
    if not disturbed:
        return None
    return tables.of_cells(
        context,
        "Cells with disturbed rounds: the epoch with and without them",
        disturbed.items(),
        {
            **_SHARES,
            "Epoch, all rounds": lambda cell: tables.duration(
                cell.effect.everything.value if cell.effect else None, missing="not watched"
            ),
            "Epoch, undisturbed": lambda cell: _undisturbed(cell.effect),
            "Change": lambda cell: (
                tables.word("-" if cell.effect else "not watched")
                if cell.effect is None or cell.effect.change is None
                else TableCell(_signed(cell.effect.change), cell.effect.change)
            ),
        },
    )


def _undisturbed(effect: Effect | None) -> TableCell:
    """Return the estimate from undisturbed rounds, and how many processes have none."""
    if effect is None or effect.undisturbed is None:
        return tables.word("none left" if effect else "not watched")
    lost = effect.everything.blocks - effect.undisturbed.blocks
    notes = (f"{text.count(lost, 'process', 'processes')} fewer",) if lost else ()
    return TableCell(text.seconds(effect.undisturbed.value), effect.undisturbed.value, notes)


def _signed(change: float) -> str:
    """Return a change with its sign, which matters here, unless nothing is left of it."""
    shown = text.percent(abs(change))
    if shown == text.percent(0):
        return shown
    return f"{'+' if change > 0 else '-'}{shown}"


def _chart(context: Context, condition: Condition, rounds: Sequence[WatchedRound]) -> Markup:
    """Rounds of the epoch in the order of their processes, off the median of their cell.

    A line begins each block, unless blocks are not one after the other.
    """
    places = {name: place for place, name in enumerate(context.implementations)}
    ordered = sorted(
        rounds,
        key=lambda timed: (
            timed.started_at,
            places[timed.point.implementation],
            timed.point.batch_size,
        ),
    )
    seconds: dict[PointKey, list[float]] = {}
    for timed in ordered:
        seconds.setdefault(timed.point.key, []).append(timed.epoch_seconds)
    middles = {key: median(values) for key, values in seconds.items()}
    marks: dict[str, list[tuple[int, float, bool]]] = {}
    for number, timed in enumerate(ordered, start=1):
        off = timed.epoch_seconds / middles[timed.point.key] - 1
        mark = (number, off, timed.is_disturbed)
        marks.setdefault(timed.point.implementation, []).append(mark)
    tracks = [
        Track(figures.style(context, name), *zip(*of_name, strict=True))
        for name, of_name in marks.items()
    ]
    starts = [
        number
        for number, (last, first) in enumerate(pairwise(ordered), start=2)
        if last.block != first.block
    ]
    in_turn = len(starts) < len({timed.block for timed in ordered})
    label = context.label(condition)
    described = (
        f"Rounds of the epoch in the order of their processes with {label}, in percent off the "
        "median of their cell, disturbed ones crossed; cells are in the table."
    )
    return charts.timeline(label, tracks, starts if in_turn else [], description=described)


def status(context: Context) -> Status:
    """Return how many rounds were disturbed, and whether most of the epoch's were."""
    cells = _watched(context).values()
    total = text.count(sum(len(cell.rounds) for cell in cells), "round")
    disturbed = sum(cell.disturbed for cell in cells)
    return Status(f"{disturbed} of {total} disturbed", not provisional(context))


SECTION = Section("disturbance", "Disturbance", 95, render, TRUST, status)
