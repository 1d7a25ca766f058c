"""What else happened on the machine while rounds were timed, and whether it matters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from statistics import median

from markupsafe import Markup

from bench.observations.points import Condition
from bench.stats.disturbed import DISTURBED_SHARE, RESOLUTION_SECONDS
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Track
from reports.context import Context
from reports.disturbed_rounds import (
    Effect,
    WatchedRound,
    effect,
    of_the_epoch,
    provisional,
    share,
    watched,
)
from reports.section import TRUST, Absence, Section, Status
from reports.tables import Table, TableCell

Key = tuple[str, Condition, int]

_ABSENT = (
    "No round was watched for disturbances: documents of pytest-benchmark and of version 1 hold "
    "nothing about them."
)


def render(context: Context) -> Markup | Absence:
    """Totals, the course of the run, and every cell with and without disturbed rounds."""
    whole = context.whole
    rounds = _watched(whole)
    if not rounds:
        return Absence(_ABSENT)
    together = [one for some in rounds.values() for one in some]
    effects = {
        key: change for key, some in rounds.items() if (change := effect(of_the_epoch(some)))
    }
    partly = {
        key: found
        for key, found in effects.items()
        if found.change is not None and any(one.is_disturbed for one in of_the_epoch(rounds[key]))
    }
    names = [name for name in context.implementations if any(key[0] == name for key in rounds)]
    shown = {key: found for key, found in rounds.items() if key in context.points}
    by_condition: dict[Condition, list[WatchedRound]] = {}
    for condition in context.conditions:
        some = [one for key, found in shown.items() if key[1] == condition for one in found]
        if of_the_epoch(some):
            by_condition[condition] = of_the_epoch(some)
    return templates.section(
        "disturbance",
        share=DISTURBED_SHARE,
        resolution=RESOLUTION_SECONDS,
        total=len(together),
        disturbed=sum(one.is_disturbed for one in together),
        provisional=" ".join(provisional(whole)),
        worst=_worst(context, partly),
        partly=len(partly),
        spoilt=sum(found.undisturbed is None for found in effects.values()),
        cells=len(effects),
        totals=_totals(context, rounds, effects),
        key=figures.key(context, names, section="disturbance", dots=True),
        groups=figures.grouped(context, _figures(context, by_condition)),
        table=_cells(context, shown, effects),
    )


def _watched(context: Context) -> dict[Key, list[WatchedRound]]:
    """Return the rounds of every cell of which something was recorded beside them."""
    if "watched" not in context.memory:
        found = {key: watched(point) for key, point in context.points.items()}
        context.memory["watched"] = {key: some for key, some in found.items() if some}
    kept: dict[Key, list[WatchedRound]] = context.memory["watched"]
    return kept


def _worst(context: Context, effects: dict[Key, Effect]) -> tuple[float, str] | None:
    """Return the largest change of a cell's epoch, and which cell that is."""
    changes = [
        (abs(change), key) for key, found in effects.items() if (change := found.change) is not None
    ]
    if not changes:
        return None
    change, (name, condition, batch_size) = max(changes, key=lambda one: one[0])
    return change, f"{name}, batch {batch_size}, {context.label(condition)}"


def _totals(
    context: Context, rounds: dict[Key, list[WatchedRound]], effects: dict[Key, Effect]
) -> Table:
    """Return each implementation under each condition, all batch sizes together."""
    rows = []
    lines: dict[tuple[str, Condition], list[Key]] = {}
    for key in rounds:
        lines.setdefault(key[:2], []).append(key)
    shown = {key[:2] for key in context.points}
    for condition in context.conditions:
        for name in context.implementations:
            keys = lines.get((name, condition), []) if (name, condition) in shown else []
            some = [one for key in keys for one in rounds[key]]
            if some:
                largest = _largest({key: effects[key] for key in keys if key in effects})
                cells = [
                    TableCell(name),
                    TableCell(context.label(condition)),
                    *(cell(some) for cell in _SHARES.values()),
                    largest,
                ]
                rows.append(tables.row(context, cells, implementation=name, condition=condition))
    titles = ("Implementation", "Condition", *_SHARES, "Largest change")
    caption = "Disturbance: shares of the time of all rounds of step and epoch"
    return Table(caption, tables.columns(*titles, text_columns=2), tuple(rows))


def _largest(effects: dict[Key, Effect]) -> TableCell:
    """Return the largest change among the batch sizes of one implementation."""
    changes = [
        (abs(change), change, batch_size)
        for (_, _, batch_size), found in effects.items()
        if (change := found.change) is not None
    ]
    if not changes:
        return tables.word("-")
    _, change, batch_size = max(changes)
    return TableCell(_signed(change), change, (f"batch {batch_size}",) if change else ())


_SHARES: dict[str, Callable[[Sequence[WatchedRound]], TableCell]] = {
    "Rounds": lambda rounds: tables.whole(len(rounds)),
    "Disturbed": lambda rounds: _number(sum(one.is_disturbed for one in rounds)),
    "Waited": lambda rounds: _share(share(rounds, lambda one: one.waited)),
    "Others": lambda rounds: _share(share(rounds, lambda one: one.foreign)),
    "Stolen": lambda rounds: _share(share(rounds, lambda one: one.stolen)),
}


def _number(disturbed: int) -> TableCell:
    return TableCell(str(disturbed), disturbed, strong=bool(disturbed))


def _share(value: float | None) -> TableCell:
    if value is None:
        return tables.word("unknown")
    return TableCell(text.percent(value), round(value, 5))


def _cells(
    context: Context, rounds: dict[Key, list[WatchedRound]], effects: dict[Key, Effect]
) -> Table | None:
    """Cells with a disturbed round: the epoch from all rounds and from undisturbed ones alone."""
    disturbed = [
        (key, (some, effects.get(key)))
        for key, some in rounds.items()
        if any(one.is_disturbed for one in some)
    ]
    if not disturbed:
        return None
    return tables.of_cells(
        context,
        "Cells with disturbed rounds: the epoch with and without them",
        disturbed,
        {
            **{title: partial(_of_rounds, cell) for title, cell in _SHARES.items()},
            "Epoch, all rounds": lambda one: _everything(one[1]),
            "Epoch, undisturbed": lambda one: _undisturbed(one[1]),
            "Change": lambda one: _change(one[1]),
        },
    )


def _of_rounds(
    cell: Callable[[Sequence[WatchedRound]], TableCell],
    one: tuple[list[WatchedRound], Effect | None],
) -> TableCell:
    return cell(one[0])


def _everything(found: Effect | None) -> TableCell:
    return tables.duration(found.everything.value if found else None, missing="not watched")


def _undisturbed(found: Effect | None) -> TableCell:
    """Return the estimate from undisturbed rounds, and how many processes have none."""
    if found is None or found.undisturbed is None:
        return tables.word("none left" if found else "not watched")
    lost = found.everything.processes - found.undisturbed.processes
    notes = (f"{text.count(lost, 'process', 'processes')} fewer",) if lost else ()
    return TableCell(text.seconds(found.undisturbed.value), found.undisturbed.value, notes)


def _change(found: Effect | None) -> TableCell:
    if found is None or found.change is None:
        return tables.word("-" if found else "not watched")
    return TableCell(_signed(found.change), found.change)


def _signed(change: float) -> str:
    """Return a change with its sign, which matters here, unless nothing is left of it."""
    shown = text.percent(abs(change))
    if shown == text.percent(0):
        return shown
    return f"{'+' if change > 0 else '-'}{shown}"


def _figures(
    context: Context, by_condition: dict[Condition, list[WatchedRound]]
) -> dict[Condition, list[figures.Figure]]:
    """Return the course of the run under each condition."""
    return {
        condition: [
            figures.figure(context, _chart(context, condition, rounds), condition=condition)
        ]
        for condition, rounds in by_condition.items()
    }


def _chart(context: Context, condition: Condition, rounds: list[WatchedRound]) -> Markup:
    """Rounds of the epoch in the order of their processes, off the median of their cell."""
    places = {name: place for place, name in enumerate(context.implementations)}
    ordered = sorted(
        rounds,
        key=lambda one: (one.started_at, places[one.point.implementation], one.point.batch_size),
    )
    label = context.label(condition)
    described = (
        f"Rounds of the epoch in the order of their processes with {label}, in percent off the "
        "median of their cell, disturbed ones crossed; cells are in the table."
    )
    return charts.timeline(
        label, _tracks(context, ordered), _starts(ordered), description=described
    )


def _tracks(context: Context, ordered: Sequence[WatchedRound]) -> list[Track]:
    """Places and shares of each implementation's rounds."""
    cells: dict[tuple[str, int], list[float]] = {}
    for one in ordered:
        cells.setdefault(_cell(one), []).append(one.epoch_seconds)
    middles = {cell: median(values) for cell, values in cells.items()}
    found: dict[str, list[tuple[int, float, bool]]] = {}
    for number, one in enumerate(ordered, start=1):
        off = one.epoch_seconds / middles[_cell(one)] - 1
        found.setdefault(one.point.implementation, []).append((number, off, one.is_disturbed))
    return [
        Track(figures.style(context, name), *zip(*some, strict=True))
        for name, some in found.items()
    ]


def _cell(one: WatchedRound) -> tuple[str, int]:
    """Return what names the round's cell under one condition."""
    return one.point.implementation, one.point.batch_size


def _starts(ordered: Sequence[WatchedRound]) -> list[int]:
    """Return where a block begins; none where blocks are not one after the other."""
    found = [
        number
        for number, (one, other) in enumerate(pairwise(ordered), start=2)
        if one.block != other.block
    ]
    return found if len(found) < len({one.block for one in ordered}) else []


def status(context: Context) -> Status:
    """How many rounds of step and epoch were disturbed, and whether most of the epoch's were."""
    rounds = [one for some in _watched(context).values() for one in some]
    number = sum(one.is_disturbed for one in rounds)
    said = f"{number} of {text.count(len(rounds), 'round')} disturbed"
    return Status(said, not provisional(context))


SECTION = Section("disturbance", "Disturbance", 95, render, TRUST, status)
