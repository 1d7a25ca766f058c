"""The whole grid in numbers: epoch time, ratio to the best, speed-up, multiple of the floor."""

from __future__ import annotations

from markupsafe import Markup

from bench.observations.points import Condition, Key, Point, Scope
from bench.observations.winner import fastest
from reports import format as text
from reports import rounding, tables, templates
from reports.context import Context
from reports.devices import held_back
from reports.section import RESULT, Absence, Section
from reports.tables import Table, TableCell

# reports/style.css has a rule of .pick-* and .of-* for each of these: add a new ratio there too.
_BEST, _BASE, _FLOOR, _SPREAD = "best", "base", "limit", "spread"


def render(context: Context) -> Markup | Absence:
    """Return one table per scope."""
    scopes = [scope for scope in context.scopes if _measured(context, scope)]
    if not scopes:
        return Absence("No cell was measured, so there are no epoch times to lay out.")
    ratios = [(_BEST, "over the best"), (_SPREAD, "spread")]
    if context.floors:
        ratios.insert(1, (_FLOOR, "over the floor"))
    if context.baseline:
        ratios.insert(0, (_BASE, f"speed-up over {context.baseline}"))
    return templates.section(
        "overview",
        tables=[_table(context, scope) for scope in scopes],
        ratios=ratios,
        baseline=context.baseline,
        has_floor=bool(context.floors),
        reasons=_reasons(context),
        reckoned=not all(p.whole_epochs for p in context.points.values() if p.epoch),
    )


def _measured(context: Context, scope: Scope) -> bool:
    """Return whether any point of ``scope`` has an epoch."""
    return any(where.scope == scope and p.epoch for (_, where, _), p in context.points.items())


def _table(context: Context, scope: Scope) -> Table:
    """Implementations and conditions against batch sizes."""
    sizes = context.batch_sizes(scope)
    conditions = context.conditions_of(scope)
    rows = []
    for name in context.implementations:
        summary = context.rows[name].summary if name in context.rows else ""
        for condition in conditions:
            cells = [_cell(context, name, condition, size) for size in sizes]
            if len(conditions) > 1 and not any(cell.value is not None for cell in cells):
                continue
            heading = [TableCell(name, title=summary), TableCell(context.label(condition))]
            rows.append(
                tables.row(context, [*heading, *cells], implementation=name, condition=condition)
            )
    titles = ["Implementation", "Condition", *(f"batch {size}" for size in sizes)]
    label = context.scope_title(scope)
    caption = f"Epoch time, {label}" if label else "Epoch time"
    return Table(caption, tables.columns(*titles, text_columns=2), tuple(rows))


def _cell(context: Context, name: str, condition: Condition, batch_size: int) -> TableCell:
    """Epoch time with its ratios, or the outcome."""
    point = context.point(name, condition, batch_size)
    if point is None:
        return tables.word(context.absence(name, condition, batch_size))
    if point.epoch is None:
        return tables.word("phases only")
    best = _best(context, condition.scope, batch_size)
    key = (name, condition, batch_size)
    held = held_back(point)
    return TableCell(
        rounding.seconds(point.epoch) + ("" if point.whole_epochs else " †"),
        point.epoch.value,
        (held,) if held else (),
        heat=None if context.is_floor(name) else tables.heat(point, best),
        ratios=tuple(_ratios(context, key, point, best).items()),
        strong=point is best,
    )


def _best(context: Context, scope: Scope, batch_size: int) -> Point | None:
    """Return the trainer with the lowest time at a batch size, under any condition of ``scope``."""
    several = (context.best(one, batch_size) for one in context.conditions_of(scope))
    return fastest([point for point in several if point])


def _ratios(context: Context, key: Key, point: Point, best: Point | None) -> dict[str, str]:
    """Return every ratio of a cell by its kind; empty where there is none."""
    found = dict.fromkeys((_BEST, _BASE, _FLOOR, _SPREAD), "")
    if point.epoch is None:
        return found
    one = point.epoch.rounds == 1
    found[_SPREAD] = "one round" if one else text.percent(point.epoch.spread)
    if context.is_floor(key[0]):
        return found
    if best is not None and best.epoch is not None:
        found[_BEST] = text.times(point.epoch.value / best.epoch.value, 2)
    verdict = context.verdicts.get(key)
    if verdict:
        found[_BASE] = f"{rounding.times(verdict.ratio)} {rounding.doubt(verdict)}".strip()
    elif key[0] == context.baseline:
        found[_BASE] = "baseline"
    if key in context.over_floor:
        found[_FLOOR] = rounding.times(context.over_floor[key])
    return found


def _reasons(context: Context) -> Table | None:
    """Return why each verdict on a speed-up is as it is."""
    if not context.verdicts:
        return None
    caption = f"Verdicts on the speed-ups over {context.baseline}"
    return tables.reasons(context, caption, context.verdicts)


SECTION = Section("overview", "Overview", 20, render, RESULT)
