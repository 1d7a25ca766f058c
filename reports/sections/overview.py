"""The whole grid in numbers: epoch time, ratio to the best, speed-up, multiple of the floor."""

from __future__ import annotations

from markupsafe import Markup

from bench.observations.points import Point, PointKey, Scope
from bench.observations.winner import fastest
from reports import format as text
from reports import rounding, tables, templates
from reports.context import Context
from reports.facts.devices import held_back
from reports.section import RESULT, Absence, Section
from reports.tables import Table, TableCell

# reports/style.css has a rule of .pick-* and .of-* for each of these: add a new ratio there too.
_BEST, _BASE, _FLOOR, _SPREAD = "best", "base", "floor", "spread"


def render(context: Context) -> Markup | Absence:
    """Return one table per scope."""
    timed = {where.scope for (_, where, _), point in context.points.items() if point.epoch}
    if not timed:
        return Absence("No cell was measured, so there are no epoch times to lay out.")
    ratios = [(_BEST, "over the best"), (_SPREAD, "spread")]
    if context.floors:
        ratios.insert(1, (_FLOOR, "over the floor"))
    if context.baseline:
        ratios.insert(0, (_BASE, f"speed-up over {context.baseline}"))
    return templates.section(
        "overview",
        tables=[_table(context, scope) for scope in context.scopes if scope in timed],
        ratios=ratios,
        baseline=context.baseline,
        has_floor=bool(context.floors),
        reasons=tables.reasons(
            context, f"Verdicts on the speed-ups over {context.baseline}", context.verdicts
        )
        if context.verdicts
        else None,
        reckoned=not all(p.whole_epochs for p in context.points.values() if p.epoch),
    )


def _table(context: Context, scope: Scope) -> Table:
    """Implementations and conditions against batch sizes."""
    sizes, conditions = context.batch_sizes(scope), context.conditions_of(scope)
    timed = {
        (key.implementation, key.condition) for key, point in context.points.items() if point.epoch
    }
    lines = [
        (name, condition)
        for name in context.implementations
        for condition in conditions
        if len(conditions) == 1 or (name, condition) in timed
    ]
    best = {
        size: fastest([p for one in conditions if (p := context.best(one, size))]) for size in sizes
    }
    label = context.scope_title(scope)

    def heading(name: str) -> TableCell:
        return TableCell(name, title=context.rows[name].summary if name in context.rows else "")

    return tables.of_grid(
        context,
        f"Epoch time, {label}" if label else "Epoch time",
        lines,
        sizes,
        lambda key: _cell(context, key, best[key.batch_size]),
        heading=heading,
    )


def _cell(context: Context, key: PointKey, best: Point | None) -> TableCell:
    """Epoch time with its ratios, or the outcome; ``best`` is over all conditions of the table."""
    point = context.points.get(key)
    if point is None:
        return tables.word(context.absence(*key))
    if point.epoch is None:
        return tables.word("phases only")
    held = held_back(point)
    return TableCell(
        rounding.seconds(point.epoch) + ("" if point.whole_epochs else " †"),
        point.epoch.value,
        (held,) if held else (),
        heat=None if context.is_floor(key.implementation) else tables.heat(point, best),
        ratios=tuple(_ratios(context, key, point, best).items()),
        strong=point is best,
    )


def _ratios(context: Context, key: PointKey, point: Point, best: Point | None) -> dict[str, str]:
    """Return every ratio of a cell by its kind; empty where there is none."""
    ratios = dict.fromkeys((_BEST, _BASE, _FLOOR, _SPREAD), "")
    if point.epoch is None:
        return ratios
    one = point.epoch.rounds == 1
    ratios[_SPREAD] = "one round" if one else text.percent(point.epoch.spread)
    if context.is_floor(key.implementation):
        return ratios
    if best is not None and best.epoch is not None:
        ratios[_BEST] = text.times(point.epoch.value / best.epoch.value, 2)
    verdict = context.verdicts.get(key)
    if verdict:
        ratios[_BASE] = f"{rounding.times(verdict.ratio)} {rounding.doubt(verdict)}".strip()
    elif key.implementation == context.baseline:
        ratios[_BASE] = "baseline"
    if key in context.over_floor:
        ratios[_FLOOR] = rounding.times(context.over_floor[key])
    return ratios


SECTION = Section("overview", "Overview", 20, render, RESULT)
