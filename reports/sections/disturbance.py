"""What else happened on the machine while rounds were timed, and whether it matters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from statistics import median

from markupsafe import Markup

from bench.documents.timings import Disturbance
from bench.observations.points import Condition, Key
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


def render(context: Context) -> Markup | Absence:
    """Totals, the course of the run, and every cell with and without disturbed rounds."""
    whole = context.whole
    rounds = _watched(whole)
    if not rounds:
        return Absence(
            "No round was watched for disturbances: documents of pytest-benchmark and of version 1 "
            "hold nothing about them."
        )
    together = [one for some in rounds.values() for one in some]
    epochs = {key: of_the_epoch(some) for key, some in rounds.items()}
    effects = {key: change for key, some in epochs.items() if (change := effect(some))}
    changes = {
        key: abs(effects[key].change or 0.0)
        for key in effects
        if effects[key].change is not None and any(one.is_disturbed for one in epochs[key])
    }
    worst = max(changes, key=changes.__getitem__, default=None)
    names = [name for name in context.implementations if any(key[0] == name for key in rounds)]
    shown = {key: some for key, some in rounds.items() if key in context.points}
    charts_of = {
        condition: [figures.figure(context, _chart(context, condition, some), condition=condition)]
        for condition in context.conditions
        if (some := [one for key in shown if key[1] == condition for one in epochs[key]])
    }
    return templates.section(
        "disturbance",
        share=DISTURBED_SHARE,
        resolution=RESOLUTION_SECONDS,
        total=len(together),
        disturbed=sum(one.is_disturbed for one in together),
        provisional=" ".join(provisional(whole)),
        worst=None
        if worst is None
        else (changes[worst], f"{worst[0]}, batch {worst[2]}, {context.label(worst[1])}"),
        spoilt=sum(one.undisturbed is None for one in effects.values()),
        cells=len(effects),
        totals=_totals(context, rounds, effects),
        key=figures.key(context, names, section="disturbance", dots=True),
        groups=figures.grouped(context, charts_of),
        table=_cells(context, shown, effects),
    )


def _watched(context: Context) -> dict[Key, list[WatchedRound]]:
    """Return the rounds of every cell of which something was recorded beside them."""
    if "watched" not in context.memory:
        rounds = {key: watched(point) for key, point in context.points.items()}
        context.memory["watched"] = {key: some for key, some in rounds.items() if some}
    kept: dict[Key, list[WatchedRound]] = context.memory["watched"]
    return kept


def _totals(
    context: Context, rounds: dict[Key, list[WatchedRound]], effects: dict[Key, Effect]
) -> Table:
    """Return each implementation under each condition, all batch sizes together."""
    lines: dict[tuple[str, Condition], list[Key]] = {}
    for key in rounds:
        lines.setdefault(key[:2], []).append(key)
    shown = {key[:2] for key in context.points}
    rows = []
    for condition in context.conditions:
        for name in context.implementations:
            keys = lines.get((name, condition), []) if (name, condition) in shown else []
            if not keys:
                continue
            together = [one for key in keys for one in rounds[key]]
            changes = [
                (change, key[2])
                for key in keys
                if key in effects and (change := effects[key].change) is not None
            ]
            largest = tables.word("-")
            if changes:
                change, batch_size = max(changes, key=lambda one: (abs(one[0]), *one))
                notes = (f"batch {batch_size}",) if change else ()
                largest = TableCell(_signed(change), change, notes)
            cells = [
                TableCell(name),
                TableCell(context.label(condition)),
                *(cell(together) for cell in _SHARES.values()),
                largest,
            ]
            rows.append(tables.row(context, cells, implementation=name, condition=condition))
    titles = ("Implementation", "Condition", *_SHARES, "Largest change")
    caption = "Disturbance: shares of the time of all rounds of step and epoch"
    return Table(caption, tables.columns(*titles, text_columns=2), tuple(rows))


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
            "Epoch, all rounds": lambda one: tables.duration(
                one[1].everything.value if one[1] else None, missing="not watched"
            ),
            "Epoch, undisturbed": lambda one: _undisturbed(one[1]),
            "Change": lambda one: (
                tables.word("-" if one[1] else "not watched")
                if one[1] is None or one[1].change is None
                else TableCell(_signed(one[1].change), one[1].change)
            ),
        },
    )


def _share(rounds: Sequence[WatchedRound], of: Callable[[Disturbance], float | None]) -> TableCell:
    taken = share(rounds, of)
    if taken is None:
        return tables.word("unknown")
    return TableCell(text.percent(taken), round(taken, 5))


def _disturbed(rounds: Sequence[WatchedRound]) -> TableCell:
    number = sum(one.is_disturbed for one in rounds)
    return TableCell(str(number), number, strong=bool(number))


_SHARES: dict[str, Callable[[Sequence[WatchedRound]], TableCell]] = {
    "Rounds": lambda rounds: tables.whole(len(rounds)),
    "Disturbed": _disturbed,
    "Waited": lambda rounds: _share(rounds, lambda one: one.waited),
    "Others": lambda rounds: _share(rounds, lambda one: one.foreign),
    "Stolen": lambda rounds: _share(rounds, lambda one: one.stolen),
}


def _of_rounds(
    cell: Callable[[Sequence[WatchedRound]], TableCell],
    one: tuple[list[WatchedRound], Effect | None],
) -> TableCell:
    return cell(one[0])


def _undisturbed(found: Effect | None) -> TableCell:
    """Return the estimate from undisturbed rounds, and how many processes have none."""
    if found is None or found.undisturbed is None:
        return tables.word("none left" if found else "not watched")
    lost = found.everything.processes - found.undisturbed.processes
    notes = (f"{text.count(lost, 'process', 'processes')} fewer",) if lost else ()
    return TableCell(text.seconds(found.undisturbed.value), found.undisturbed.value, notes)


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
        key=lambda one: (one.started_at, places[one.point.implementation], one.point.batch_size),
    )
    seconds: dict[Key, list[float]] = {}
    for one in ordered:
        seconds.setdefault(one.point.key, []).append(one.epoch_seconds)
    middles = {key: median(values) for key, values in seconds.items()}
    marks: dict[str, list[tuple[int, float, bool]]] = {}
    for number, one in enumerate(ordered, start=1):
        off = one.epoch_seconds / middles[one.point.key] - 1
        marks.setdefault(one.point.implementation, []).append((number, off, one.is_disturbed))
    tracks = [
        Track(figures.style(context, name), *zip(*some, strict=True))
        for name, some in marks.items()
    ]
    starts = [
        number
        for number, (one, following) in enumerate(pairwise(ordered), start=2)
        if one.block != following.block
    ]
    in_turn = len(starts) < len({one.block for one in ordered})
    label = context.label(condition)
    described = (
        f"Rounds of the epoch in the order of their processes with {label}, in percent off the "
        "median of their cell, disturbed ones crossed; cells are in the table."
    )
    return charts.timeline(label, tracks, starts if in_turn else [], description=described)


def status(context: Context) -> Status:
    """How many rounds of step and epoch were disturbed, and whether most of the epoch's were."""
    rounds = [one for some in _watched(context).values() for one in some]
    number = sum(one.is_disturbed for one in rounds)
    said = f"{number} of {text.count(len(rounds), 'round')} disturbed"
    return Status(said, not provisional(context))


SECTION = Section("disturbance", "Disturbance", 95, render, TRUST, status)
