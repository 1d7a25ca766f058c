"""How long each implementation trains until a test accuracy is held."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median

from markupsafe import Markup

from bench.observations.pairs import Pairing, ratios_of
from bench.observations.points import (
    Condition,
    Key,
    Point,
    Timed,
    TimedTraining,
    reached,
    trainings,
)
from bench.stats import estimates
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Axes, Series
from reports.context import Context
from reports.section import RESULT, Absence, Section
from reports.tables import Table, TableCell
from reports.trainings import held_in

_TICKS = 6
_ROOM = 0.06
"""Share of the axis that it goes beyond the accuracies, to either side."""


@dataclass(frozen=True)
class _Group:
    """The implementations that were trained under one condition, and whom they are held against.

    ``ratios`` is how many times sooner each got there than ``reference``, over blocks in which
    both did.
    """

    condition: Condition
    batch_size: int
    points: dict[str, Point]
    trained: dict[str, dict[int, TimedTraining]]
    reference: str
    ratios: dict[Key, Ratio]


def render(context: Context) -> Markup | Absence:
    """Return a chart of accuracy over time for each group, and the times with their failures."""
    groups = _groups(context)
    if not groups:
        return Absence(
            "No accuracy was asked for; mlpbench run --metric time-to-accuracy --target 0.96 "
            "measures how long it takes to reach one."
        )
    verdicts = _verdicts(context, groups)
    shown: dict[Condition, list[figures.Figure]] = {}
    for group in groups:
        chart = _chart(context, group.condition, group.batch_size, group.trained)
        figure = figures.figure(
            context, chart, batch_size=group.batch_size, condition=group.condition
        )
        shown.setdefault(group.condition, []).append(figure)
    targets = {
        one.learning.target
        for group in groups
        for found in group.trained.values()
        for one in found.values()
    }
    names = dict.fromkeys(name for group in groups for name in group.trained)
    return templates.section(
        "time_to_accuracy",
        targets=text.listing([text.target(target) for target in sorted(targets)]),
        groups=figures.grouped(context, shown),
        key=figures.key(context, names, section="time-to-accuracy")
        if len(names) > charts.MOST_NAMED
        else (),
        table=_table(context, groups, verdicts),
        reasons=tables.reasons(context, "Verdicts on time to accuracy", verdicts)
        if verdicts
        else None,
    )


def _verdicts(context: Context, groups: list[_Group]) -> dict[Key, Verdict]:
    """Return the verdicts on relative speeds of cells of which every training held the target.

    A ratio over the blocks in which both were lucky is shown, and not judged.
    """
    ranked = context.ranked
    pairs = [
        (ranked.points[reference], ranked.points[key])
        for group in groups
        for key in group.ratios
        if key in ranked.points and (reference := (group.reference, *key[1:])) in ranked.points
    ]
    found = zip(pairs, ranked.judged.verdicts(pairs), strict=True)
    return {other.key: verdict for (_, other), verdict in found if verdict is not None}


def _groups(context: Context) -> list[_Group]:
    """Every group in which something was trained; the reference is the baseline or the first."""
    groups = []
    for condition, batch_size, points in context.groups():
        trained = {name: found for name, point in points.items() if (found := trainings(point))}
        if trained:
            name = context.baseline if context.baseline in trained else next(iter(trained))
            ratios = _against(points, trained, name)
            groups.append(_Group(condition, batch_size, points, trained, name, ratios))
    return groups


def _table(context: Context, groups: list[_Group], verdicts: dict[Key, Verdict]) -> Table:
    """How often each held the target, after how long, and against the reference of its group."""
    return tables.of_cells(
        context,
        "Training time until the target accuracy is held",
        [(group.points[name].key, (group, name)) for group in groups for name in group.trained],
        {
            "Held in": lambda one: _held_in(*one),
            "Time": lambda one: _time(reached(one[0].trained[one[1]])),
            "Epochs": lambda one: _epochs(*one),
            "Relative speed": lambda one: _relative(*one, verdicts),
            "Best accuracy": lambda one: _best_accuracy(*one),
        },
    )


def _against(
    group: dict[str, Point], trained: dict[str, dict[int, TimedTraining]], name: str
) -> dict[Key, Ratio]:
    """Return how many times sooner each got there than ``name``, over blocks in which both did."""
    theirs = reached(trained[name])
    times = {group[other].key: reached(found) for other, found in trained.items() if other != name}
    both = {key: ours for key, ours in times.items() if ours.keys() & theirs.keys()}
    ratios = ratios_of([Pairing(Timed(theirs, {}), Timed(ours, {})) for ours in both.values()])
    return {key: ratio for key, ratio in zip(both, ratios, strict=True) if ratio is not None}


def _held_in(group: _Group, name: str) -> TableCell:
    return TableCell(held_in(group.points[name]), len(reached(group.trained[name])))


def _epochs(group: _Group, name: str) -> TableCell:
    """Return the median number of epochs of the trainings that reached the target."""
    reached_in = (one.learning.reached_epoch for one in group.trained[name].values())
    needed = [epoch for epoch in reached_in if epoch is not None]
    middle = median(needed) if needed else None
    return tables.word("-") if middle is None else TableCell(text.significant(middle), middle)


def _best_accuracy(group: _Group, name: str) -> TableCell:
    best = max(max(one.learning.accuracies) for one in group.trained[name].values())
    return TableCell(text.accuracy(best), best)


def _time(reached: dict[int, tuple[float, ...]]) -> TableCell:
    """Return seconds to the target over the trainings that reached it, with the interval."""
    if not reached:
        return tables.word("never held")
    found = estimates.estimate(list(reached.values()))
    note = (
        f"{text.seconds(found.low)} to {text.seconds(found.high)}"
        if found.low is not None and found.high is not None
        else f"from {text.count(found.processes, 'training')}"
    )
    return TableCell(text.seconds(found.value), found.value, (note,))


def _relative(group: _Group, name: str, verdicts: dict[Key, Verdict]) -> TableCell:
    """How many times sooner than the reference, over blocks in which both held the target."""
    if name == group.reference:
        return tables.word("reference")
    key = (name, group.condition, group.batch_size)
    if key not in group.ratios:
        return tables.word("no block in common")
    cell = tables.ratio(group.ratios[key], verdict=verdicts.get(key))
    if key in verdicts:
        return cell
    return replace(cell, notes=(*cell.notes, "not judged"))


def _chart(
    context: Context,
    condition: Condition,
    batch_size: int,
    trained: dict[str, dict[int, TimedTraining]],
) -> Markup:
    """Test accuracy against training time, in the first block of each implementation."""
    firsts = {name: next(iter(found.values())) for name, found in trained.items()}
    series = [
        Series(figures.style(context, name), one.ends, one.learning.accuracies, name=name)
        for name, one in firsts.items()
    ]
    longest = max(first.ends[-1] for first in firsts.values())
    lowest = min(min(first.learning.accuracies) for first in firsts.values())
    room = max(_ROOM * (1 - lowest), 0.001)
    axes = Axes(
        "training time (s)",
        "test accuracy",
        tuple(longest * tick / _TICKS for tick in range(_TICKS + 1)),
        (lowest - room, 1 + room),
        log=False,
        y_format=text.percent,
        x_format=lambda value: text.significant(value, 2),
        x_room=0.0,
    )
    title = f"batch {batch_size}, {context.label(condition)}"
    described = f"Test accuracy against training time at {title}; the times are in the table."
    return charts.lines(title, series, axes, description=described)


SECTION = Section("time-to-accuracy", "Time to accuracy", 35, render, RESULT)
