"""How long each implementation trains until a test accuracy is held."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from statistics import median

from markupsafe import Markup

from bench.observations.points import Condition, Point, PointKey, Timed
from bench.observations.ratios import Pairing, ratios_of
from bench.stats import estimates
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Series
from reports.context import Context
from reports.facts.trainings import held_in
from reports.section import RESULT, Absence, Section
from reports.tables import TableCell

_TICKS = 6
_ROOM = 0.06
"""Share of the axis that it goes beyond the accuracies, to either side."""


def render(context: Context) -> Markup | Absence:
    """Return a chart of accuracy over time for each group, and the times with their failures.

    The reference of a group is the baseline, or else its first.
    """
    trained: list[Point] = []
    references: set[PointKey] = set()
    ratios: dict[PointKey, Ratio] = {}
    pairs: list[tuple[PointKey, PointKey]] = []
    shown: dict[Condition, list[figures.Figure]] = {}
    for condition, batch_size, points in context.groups():
        group = {name: point for name, point in points.items() if point.trainings}
        if not group:
            continue
        reference = group.get(context.baseline or "") or next(iter(group.values()))
        trained += group.values()
        references.add(reference.key)
        of_group = _ratios(reference, list(group.values()))
        ratios |= of_group
        pairs += [(reference.key, key) for key in of_group]
        figure = figures.figure(
            context,
            _chart(context, list(group.values())),
            batch_size=batch_size,
            condition=condition,
        )
        shown.setdefault(condition, []).append(figure)
    if not trained:
        return Absence(
            "No accuracy was asked for; mlpbench run --metric time-to-accuracy --target 0.96 "
            "measures how long it takes to reach one."
        )
    targets = {run.learning.target for point in trained for run in point.trainings.values()}
    names = dict.fromkeys(point.implementation for point in trained)
    verdicts = _verdicts(context.for_ranking, pairs)

    def relative(point: Point) -> TableCell:
        if point.key in references:
            return tables.word("reference")
        if point.key not in ratios:
            return tables.word("no block in common")
        cell = tables.ratio(ratios[point.key], verdict=verdicts.get(point.key))
        return cell if point.key in verdicts else replace(cell, notes=(*cell.notes, "not judged"))

    return templates.section(
        "time_to_accuracy",
        targets=text.listing(text.target(target) for target in sorted(targets)),
        groups=figures.grouped(context, shown),
        key=figures.legend(context, names, section="time-to-accuracy")
        if len(names) > charts.MOST_NAMED
        else (),
        table=tables.of_cells(
            context,
            "Training time until the target accuracy is held",
            [(point.key, point) for point in trained],
            {
                "Held in": lambda point: TableCell(held_in(point), len(point.seconds_to_target)),
                "Time": _time,
                "Epochs": _epochs,
                "Relative speed": relative,
                "Best accuracy": _best_accuracy,
            },
        ),
        reasons=tables.reasons(context, "Verdicts on time to accuracy", verdicts)
        if verdicts
        else None,
    )


def _ratios(reference: Point, group: Sequence[Point]) -> dict[PointKey, Ratio]:
    """Return how many times sooner each held the target, over blocks in which both did."""
    theirs = reference.seconds_to_target
    pairings = {
        point.key: Pairing(Timed(theirs, {}), Timed(point.seconds_to_target, {}))
        for point in group
        if point is not reference and point.seconds_to_target.keys() & theirs.keys()
    }
    ratios = zip(pairings, ratios_of(list(pairings.values())), strict=True)
    return {key: ratio for key, ratio in ratios if ratio is not None}


def _verdicts(
    ranked: Context, keys: Iterable[tuple[PointKey, PointKey]]
) -> dict[PointKey, Verdict]:
    """Return the verdicts on relative speeds of cells of which every training held the target.

    A ratio over the blocks in which both were lucky is shown, and not judged.
    """
    pairs = [
        (ranked.points[reference], ranked.points[key])
        for reference, key in keys
        if reference in ranked.points and key in ranked.points
    ]
    judged = zip(pairs, ranked.judged.verdicts(pairs), strict=True)
    return {point.key: verdict for (_, point), verdict in judged if verdict is not None}


def _time(point: Point) -> TableCell:
    """Return seconds to the target over the trainings that reached it, with the interval."""
    if not point.seconds_to_target:
        return tables.word("never held")
    seconds = estimates.estimate(list(point.seconds_to_target.values()))
    note = (
        f"{text.seconds(seconds.low)} to {text.seconds(seconds.high)}"
        if seconds.low is not None and seconds.high is not None
        else f"from {text.count(seconds.blocks, 'training')}"
    )
    return TableCell(text.seconds(seconds.value), seconds.value, (note,))


def _epochs(point: Point) -> TableCell:
    """Return the median number of epochs of the trainings that reached the target."""
    needed = [run.learning.reached_epoch for run in point.trainings.values()]
    known = [epoch for epoch in needed if epoch is not None]
    if not known:
        return tables.word("-")
    return TableCell(text.significant(median(known)), median(known))


def _best_accuracy(point: Point) -> TableCell:
    best = max(max(run.learning.accuracies) for run in point.trainings.values())
    return TableCell(text.accuracy(best), best)


def _chart(context: Context, group: Sequence[Point]) -> Markup:
    """Test accuracy against training time, in the first block of each implementation."""
    firsts = {point.implementation: next(iter(point.trainings.values())) for point in group}
    series = [
        Series(figures.style(context, name), first.ends, first.learning.accuracies, name=name)
        for name, first in firsts.items()
    ]
    longest = max(first.ends[-1] for first in firsts.values())
    lowest = min(min(first.learning.accuracies) for first in firsts.values())
    room = max(_ROOM * (1 - lowest), 0.001)
    point = group[0]
    title = f"batch {point.batch_size}, {context.label(point.condition)}"
    return charts.lines(
        title,
        series,
        ("training time (s)", "test accuracy"),
        text.percent,
        description=f"Test accuracy against training time at {title}; the times are in the table.",
        ticks=[longest * tick / _TICKS for tick in range(_TICKS + 1)],
        y_limits=(lowest - room, 1 + room),
        x_format=lambda value: text.significant(value, 2),
        x_room=0.0,
    )


SECTION = Section("time-to-accuracy", "Time to accuracy", 35, render, RESULT)
