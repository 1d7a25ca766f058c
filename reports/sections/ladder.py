"""What each rung of the ladder gained, beside what the articles published."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from markupsafe import Markup

from bench.observations.points import Condition, Point, PointKey
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict
from reports import articles, charts, figures, rounding, tables, templates
from reports import format as text
from reports.charts import ChartRow, RowChart, Segment
from reports.context import Context
from reports.section import TIME, Absence, Section
from reports.tables import Table, TableCell


@dataclass(frozen=True)
class _Step:
    """A rung, its point, and its gain over the rung measured before it."""

    rung: int
    point: Point
    seconds: float
    gain: Ratio | None
    follows: int | None


def render(context: Context) -> Markup | Absence:
    """Return a waterfall per group and one table of gains per condition."""
    shown: dict[Condition, list[figures.Figure]] = {}
    climbs: dict[Condition, dict[int, list[_Step]]] = {}
    for condition, batch_size, _ in context.groups():
        # A gain is over the rung before, so that no rung is left out of a large grid.
        steps = _steps(context, context.whole.group(condition, batch_size))
        if len(steps) > 1:
            chart = _chart(context, condition, batch_size, steps)
            figure = figures.figure(context, chart, condition=condition)
            shown.setdefault(condition, []).append(figure)
            climbs.setdefault(condition, {})[batch_size] = steps
    if not shown:
        return Absence("Fewer than two rungs of the ladder were measured together.")
    verdicts = _verdicts(context, climbs)
    return templates.section(
        "ladder",
        groups=figures.grouped(context, shown),
        tables=[_table(context, condition, climb, verdicts) for condition, climb in climbs.items()],
        reasons=tables.reasons(context, "Verdicts on the gains of the rungs", verdicts),
        epochs=articles.EPOCHS,
        machine=articles.MACHINE,
        published=articles.PUBLISHED,
        comparable=any(_comparable(context, condition) for condition in shown),
    )


def _steps(context: Context, group: dict[str, Point]) -> list[_Step]:
    """Return the rungs that have an epoch, from the baseline up."""
    steps: list[_Step] = []
    for rung, name in context.ladder:
        point = group.get(name)
        if point is not None and point.epoch is not None:
            before = steps[-1] if steps else None
            gain = context.judged.ratio(before.point, point) if before else None
            follows = before.rung if before else None
            steps.append(_Step(rung, point, point.epoch.value, gain, follows))
    return steps


def _verdicts(
    context: Context, climbs: dict[Condition, dict[int, list[_Step]]]
) -> dict[PointKey, Verdict]:
    """Return the verdict on every gain of one rung over the one before."""
    pairs = (
        (before.point, after.point)
        for climb in climbs.values()
        for steps in climb.values()
        for before, after in pairwise(steps)
    )
    judged = {after.key: context.judged.verdict(before, after) for before, after in pairs}
    return {key: verdict for key, verdict in judged.items() if verdict is not None}


def _comparable(context: Context, condition: Condition) -> bool:
    """Return whether the network is the one of the articles."""
    network = context.network(condition.scope)
    if network is None or network.convolutions:
        return False
    return network.layers == articles.LAYERS


def _chart(context: Context, condition: Condition, batch_size: int, steps: list[_Step]) -> RowChart:
    """From the time of the rung before to its own: equal lengths are equal factors."""
    seconds = [step.seconds for step in steps]
    axis = charts.log_axis(seconds, (), text.tick_seconds)
    rows = []
    before = None
    for step in steps:
        start, end = sorted((before or step.seconds, step.seconds))
        tip = text.seconds(step.seconds)
        gained = before is None or step.seconds <= before
        bar = charts.segment(axis, start, end, "2" if gained else "1", tip)
        mark = Segment(axis.at(step.seconds), 0.5, "ink", tip)
        name = step.point.implementation
        rows.append(
            ChartRow(
                name,
                rounding.seconds(step.point.epoch) if step.point.epoch else "",
                rounding.with_interval(step.gain) if step.gain else "start",
                segments=(bar, mark) if before is not None else (mark,),
            )
        )
        before = step.seconds
    caption = f"batch {batch_size}, {context.label(condition)}"
    return RowChart(caption, tuple(rows), axis, ("epoch", "gain"), batch_size=batch_size)


def _table(
    context: Context,
    condition: Condition,
    climbs: dict[int, list[_Step]],
    verdicts: dict[PointKey, Verdict],
) -> Table:
    """Rungs against batch sizes under one condition; the last row is the whole ladder."""
    steps = {step.point.key: step for climb in climbs.values() for step in climb}
    measured = {name for name, _, _ in steps}
    rungs = {name: rung for rung, name in context.ladder if name in measured}
    table = tables.of_grid(
        context,
        f"Gain over the rung before, with {context.label(condition)}",
        [(name, condition) for name in rungs],
        climbs,
        lambda key: _cell(context, steps.get(key), verdicts.get(key)),
        heading=lambda name: TableCell(name, notes=(f"rung {rungs[name]}",)),
        with_condition=False,
    )
    total = [TableCell("whole ladder", notes=("product of the gains",))]
    total += [_total(context, climb) for climb in climbs.values()]
    return replace(table, rows=(*table.rows, tables.row(context, total, condition=condition)))


def _cell(context: Context, step: _Step | None, verdict: Verdict | None) -> TableCell:
    """Return the gain with its interval and verdict, the epoch time, and what was published."""
    if step is None:
        return tables.word("not measured")
    notes = [text.seconds(step.seconds)]
    printed = None
    if _comparable(context, step.point.condition):
        row = context.rows[step.point.implementation]
        printed = articles.published(articles.STEPS.get(row.target), step.point.batch_size)
    if printed is not None:
        factor = articles.published_factor(printed.step, step.point.batch_size)
        gained = f"{text.times(factor)} by step {printed.step}, " if factor else ""
        notes.append(f"published: {gained}{text.seconds(printed.epoch_seconds)}")
    if step.gain is None:
        return TableCell("start", notes=tuple(notes))
    shown = tables.ratio(step.gain, verdict=verdict)
    if step.follows != step.rung - 1:
        notes.insert(0, f"over rung {step.follows}")
    return replace(shown, notes=(*shown.notes, *notes), strong=True)


def _total(context: Context, steps: list[_Step]) -> TableCell:
    """Return the product of all gains, checked against first and last rung measured as one."""
    product = math.prod(step.gain.value for step in steps if step.gain)
    whole = context.judged.ratio(steps[0].point, steps[-1].point)
    check = (f"{text.times(whole.value)} first to last",) if whole else ()
    return TableCell(text.times(product), product, check, strong=True)


SECTION = Section("ladder", "Ladder", 60, render, TIME)
