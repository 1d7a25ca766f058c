"""How long each implementation trains until a test accuracy is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import NamedTuple

from markupsafe import Markup

from bench.observations.points import Condition, Key, Point, Timed
from bench.observations.ratios import Pairing, ratios_of
from bench.stats import estimates
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Axes, Series
from reports.context import Context
from reports.section import RESULT, Absence, Section
from reports.tables import TableCell
from reports.trainings import held_in

_TICKS = 6
_ROOM = 0.06
"""Share of the axis that it goes beyond the accuracies, to either side."""


class _Training(NamedTuple):
    """A point that was trained, and the reference of its group."""

    point: Point
    reference: Point


def render(context: Context) -> Markup | Absence:
    """Return a chart of accuracy over time for each group, and the times with their failures."""
    groups = _groups(context)
    if not groups:
        return Absence(
            "No accuracy was asked for; mlpbench run --metric time-to-accuracy --target 0.96 "
            "measures how long it takes to reach one."
        )
    shown: dict[Condition, list[figures.Figure]] = {}
    for group in groups:
        point = group[0].point
        figure = figures.figure(
            context,
            _chart(context, group),
            batch_size=point.batch_size,
            condition=point.condition,
        )
        shown.setdefault(point.condition, []).append(figure)
    trained = [one for group in groups for one in group]
    targets = {run.learning.target for one in trained for run in one.point.trainings.values()}
    names = dict.fromkeys(one.point.implementation for one in trained)
    ratios = {key: ratio for group in groups for key, ratio in _ratios(group).items()}
    verdicts = _verdicts(context, [one for one in trained if one.point.key in ratios])
    return templates.section(
        "time_to_accuracy",
        targets=text.listing(text.target(target) for target in sorted(targets)),
        groups=figures.grouped(context, shown),
        key=figures.key(context, names, section="time-to-accuracy")
        if len(names) > charts.MOST_NAMED
        else (),
        table=tables.of_cells(
            context,
            "Training time until the target accuracy is held",
            [(one.point.key, one) for one in trained],
            {
                "Held in": lambda one: TableCell(
                    held_in(one.point), len(one.point.seconds_to_target)
                ),
                "Time": _time,
                "Epochs": _epochs,
                "Relative speed": lambda one: _relative(one, ratios, verdicts),
                "Best accuracy": _best_accuracy,
            },
        ),
        reasons=tables.reasons(context, "Verdicts on time to accuracy", verdicts)
        if verdicts
        else None,
    )


def _groups(context: Context) -> list[list[_Training]]:
    """Every group in which something was trained; the reference is the baseline or the first."""
    groups = []
    for _, _, points in context.groups():
        trained = {name: point for name, point in points.items() if point.trainings}
        if trained:
            name = context.baseline if context.baseline in trained else next(iter(trained))
            groups.append([_Training(point, trained[name]) for point in trained.values()])
    return groups


def _ratios(group: Sequence[_Training]) -> dict[Key, Ratio]:
    """How many times sooner each got there than the reference, over blocks in which both did."""
    theirs = group[0].reference.seconds_to_target
    pairings = {
        one.point.key: Pairing(Timed(theirs, {}), Timed(one.point.seconds_to_target, {}))
        for one in group
        if one.point is not one.reference and one.point.seconds_to_target.keys() & theirs.keys()
    }
    ratios = zip(pairings, ratios_of(list(pairings.values())), strict=True)
    return {key: ratio for key, ratio in ratios if ratio is not None}


def _verdicts(context: Context, trained: Sequence[_Training]) -> dict[Key, Verdict]:
    """Return the verdicts on relative speeds of cells of which every training held the target.

    A ratio over the blocks in which both were lucky is shown, and not judged.
    """
    ranked = context.ranked
    pairs = [
        (ranked.points[one.reference.key], ranked.points[one.point.key])
        for one in trained
        if one.reference.key in ranked.points and one.point.key in ranked.points
    ]
    judged = zip(pairs, ranked.judged.verdicts(pairs), strict=True)
    return {other.key: verdict for (_, other), verdict in judged if verdict is not None}


def _time(one: _Training) -> TableCell:
    """Return seconds to the target over the trainings that reached it, with the interval."""
    if not one.point.seconds_to_target:
        return tables.word("never held")
    seconds = estimates.estimate(list(one.point.seconds_to_target.values()))
    note = (
        f"{text.seconds(seconds.low)} to {text.seconds(seconds.high)}"
        if seconds.low is not None and seconds.high is not None
        else f"from {text.count(seconds.processes, 'training')}"
    )
    return TableCell(text.seconds(seconds.value), seconds.value, (note,))


def _epochs(one: _Training) -> TableCell:
    """Return the median number of epochs of the trainings that reached the target."""
    needed = [run.learning.reached_epoch for run in one.point.trainings.values()]
    known = [epoch for epoch in needed if epoch is not None]
    if not known:
        return tables.word("-")
    return TableCell(text.significant(median(known)), median(known))


def _relative(
    one: _Training, ratios: Mapping[Key, Ratio], verdicts: Mapping[Key, Verdict]
) -> TableCell:
    """How many times sooner than the reference, over blocks in which both held the target."""
    key = one.point.key
    if one.point is one.reference:
        return tables.word("reference")
    if key not in ratios:
        return tables.word("no block in common")
    cell = tables.ratio(ratios[key], verdict=verdicts.get(key))
    return cell if key in verdicts else replace(cell, notes=(*cell.notes, "not judged"))


def _best_accuracy(one: _Training) -> TableCell:
    best = max(max(run.learning.accuracies) for run in one.point.trainings.values())
    return TableCell(text.accuracy(best), best)


def _chart(context: Context, group: Sequence[_Training]) -> Markup:
    """Test accuracy against training time, in the first block of each implementation."""
    firsts = {one.point.implementation: next(iter(one.point.trainings.values())) for one in group}
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
    point = group[0].point
    title = f"batch {point.batch_size}, {context.label(point.condition)}"
    described = f"Test accuracy against training time at {title}; the times are in the table."
    return charts.lines(title, series, axes, description=described)


SECTION = Section("time-to-accuracy", "Time to accuracy", 35, render, RESULT)
