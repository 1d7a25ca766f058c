"""How long each implementation trains until a test accuracy is held."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from statistics import median

from markupsafe import Markup

from bench.documents.results import EPOCH, Learning, Measured
from bench.judging import stats
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Axes, Series
from reports.context import Context
from reports.points import Condition, Point
from reports.section import Absence, Section
from reports.tables import Cell, Table

_TICKS = 6
_ROOM = 0.06
"""Share of the axis that it goes beyond the accuracies, to either side."""


@dataclass(frozen=True)
class _Trained:
    """One training: the seconds at the end of each epoch, and how accuracy grew."""

    ends: tuple[float, ...]
    learning: Learning

    @property
    def seconds(self) -> float | None:
        """Training time up to the epoch from which on the target was held; None where not."""
        reached = self.learning.reached_epoch
        return None if reached is None else self.ends[reached - 1]


def render(context: Context) -> Markup | Absence:
    """A chart of accuracy over time for each group, and the times with their failures."""
    shown: dict[Condition, list[figures.Figure]] = {}
    rows = []
    names: dict[str, None] = {}
    targets: set[float] = set()
    for condition, batch_size, group in context.groups():
        trained = {name: found for name, point in group.items() if (found := _trained(point))}
        if not trained:
            continue
        names |= dict.fromkeys(trained)
        targets |= {one.learning.target for found in trained.values() for one in found.values()}
        chart = _chart(context, condition, batch_size, trained)
        figure = figures.figure(context, chart, batch_size=batch_size, condition=condition)
        shown.setdefault(condition, []).append(figure)
        reference = context.baseline if context.baseline in trained else next(iter(trained))
        rows += [
            _row(context, group[name], found, trained[reference], reference)
            for name, found in trained.items()
        ]
    if not rows:
        return Absence(
            "No accuracy was asked for; mlpbench run --metric time-to-accuracy --target 0.96 "
            "measures how long it takes to reach one."
        )
    times = ("Held in", "Time", "Epochs", "Relative speed", "Best accuracy")
    titles = ("Implementation", "Condition", "Batch size", *times)
    caption = "Training time until the target accuracy is held"
    return templates.section(
        "time_to_accuracy",
        targets=text.listing([text.percent(target) for target in sorted(targets)]),
        groups=figures.grouped(context, shown),
        key=figures.key(context, names, section="time-to-accuracy"),
        table=Table(caption, tables.columns(*titles, text_columns=2), tuple(rows)),
    )


def _trained(point: Point) -> dict[int, _Trained]:
    """The trainings of a point by block."""
    return {
        block: _Trained(_ends(one), one.learning)
        for block, processes in sorted(point.processes.items())
        for one in processes
        if one.learning is not None
    }


def _ends(measured: Measured) -> tuple[float, ...]:
    epochs = next(timing for timing in measured.timings if timing.phase == EPOCH)
    return tuple(accumulate(epochs.round_seconds))


def _reached(found: dict[int, _Trained]) -> dict[int, tuple[float, ...]]:
    """Seconds to the target by block, where it was reached; each training is one round."""
    return {block: (one.seconds,) for block, one in found.items() if one.seconds is not None}


def _row(
    context: Context,
    point: Point,
    found: dict[int, _Trained],
    reference: dict[int, _Trained],
    reference_name: str,
) -> tables.Row:
    """One point: how often the target was held, after how long, and against the reference."""
    reached = _reached(found)
    epochs = [one.learning.reached_epoch for one in found.values()]
    needed = [number for number in epochs if number is not None]
    best = max(max(one.learning.accuracies) for one in found.values())
    cells = [
        Cell(point.implementation),
        Cell(context.label(point.condition)),
        Cell(str(point.batch_size), point.batch_size),
        Cell(f"{len(reached)} of {len(found)}", len(reached)),
        _time(reached),
        tables.number(median(needed), text.significant(median(needed)), missing="-")
        if needed
        else tables.word("-"),
        _relative(point, reached, _reached(reference), reference_name),
        Cell(text.percent(best), best),
    ]
    return tables.row(
        context, cells, implementation=point.implementation, batch_size=point.batch_size,
        condition=point.condition,
    )  # fmt: skip


def _time(reached: dict[int, tuple[float, ...]]) -> Cell:
    """Seconds to the target over the trainings that reached it, with the interval."""
    if not reached:
        return tables.word("not reached")
    found = stats.estimate(list(reached.values()))
    note = (
        f"{text.seconds(found.low)} to {text.seconds(found.high)}"
        if found.low is not None and found.high is not None
        else f"from {text.count(found.processes, 'training')}"
    )
    return Cell(text.seconds(found.value), found.value, (note,))


def _relative(
    point: Point,
    reached: dict[int, tuple[float, ...]],
    reference: dict[int, tuple[float, ...]],
    reference_name: str,
) -> Cell:
    """How many times sooner than the reference, over blocks in which both reached the target."""
    if point.implementation == reference_name:
        return tables.word("reference")
    if not reached.keys() & reference.keys():
        return tables.word("no block in common")
    return tables.ratio(stats.paired_ratio(reference, reached))


def _chart(
    context: Context, condition: Condition, batch_size: int, trained: dict[str, dict[int, _Trained]]
) -> Markup:
    """Test accuracy against training time, in the first block of each implementation."""
    firsts = {name: next(iter(found.values())) for name, found in trained.items()}
    series = [
        Series(figures.style(context, name), one.ends, one.learning.accuracies)
        for name, one in firsts.items()
    ]
    longest = max(one.ends[-1] for one in firsts.values())
    lowest = min(min(one.learning.accuracies) for one in firsts.values())
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


SECTION = Section("time-to-accuracy", "Time to accuracy", 35, render)
