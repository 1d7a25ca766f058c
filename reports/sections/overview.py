"""The whole grid in numbers: epoch time, ratio to the best, speed-up, multiple of the floor."""

from __future__ import annotations

from markupsafe import Markup

from bench.judging.verdicts import OPEN, within
from bench.observations.points import Condition
from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.held_back import note
from reports.section import Absence, Section
from reports.tables import Cell, Table

_MARKED = ("same", *OPEN)
"""The kinds of verdicts that a ratio alone does not show."""


def render(context: Context) -> Markup | Absence:
    """One table per condition."""
    conditions = [one for one in context.conditions if _measured(context, one)]
    if not conditions:
        return Absence("No cell was measured, so there are no epoch times to lay out.")
    return templates.section(
        "overview",
        tables=[_table(context, condition) for condition in conditions],
        baseline=context.baseline,
        has_floor=bool(context.floors),
        marked=sorted({one.kind for one in context.verdicts.values()} & set(_MARKED)),
        margin=within(context.margin),
        reasons=_reasons(context),
        reckoned=not all(p.whole_epochs for p in context.points.values() if p.epoch),
    )


def _measured(context: Context, condition: Condition) -> bool:
    """Whether any point of ``condition`` has an epoch."""
    return any(where == condition and p.epoch for (_, where, _), p in context.points.items())


def _table(context: Context, condition: Condition) -> Table:
    """Implementations against batch sizes under one condition."""
    sizes = context.batch_sizes(condition.scope)
    rows = []
    for name in context.implementations:
        cells = [_cell(context, name, condition, size) for size in sizes]
        summary = context.rows[name].summary if name in context.rows else ""
        heading = Cell(name, notes=(summary,) if summary else ())
        rows.append(
            tables.row(context, [heading, *cells], implementation=name, condition=condition)
        )
    titles = ["Implementation", *(f"batch {size}" for size in sizes)]
    return Table(
        f"Epoch time with {context.label(condition)}", tables.columns(*titles), tuple(rows)
    )


def _cell(context: Context, name: str, condition: Condition, batch_size: int) -> Cell:
    """Epoch time with its ratios, or the outcome."""
    point = context.point(name, condition, batch_size)
    if point is None:
        return tables.word(context.absence(name, condition, batch_size))
    if point.epoch is None:
        return tables.word("phases only")
    best = context.best(condition, batch_size)
    key = (name, condition, batch_size)
    verdict = context.verdicts.get(key)
    one = point.epoch.rounds == 1
    notes = ["one round" if one else f"spread {text.percent(point.epoch.spread)}"]
    if not context.is_floor(name):
        if best is not None and best.epoch is not None:
            notes.append(f"{text.times(point.epoch.value / best.epoch.value)} best")
        if verdict:
            marked = f", {verdict.kind}" if verdict.kind in _MARKED else ""
            notes.append(f"{text.times(verdict.ratio.value)} as fast{marked}")
        if key in context.over_floor:
            notes.append(f"{text.times(context.over_floor[key].value)} floor")
    held = note(point)
    if held:
        notes.append(held)
    mark = "" if point.whole_epochs else " †"
    return Cell(
        text.seconds(point.epoch.value) + mark,
        point.epoch.value,
        tuple(notes),
        heat=None if context.is_floor(name) else tables.heat(point, best),
        strong=True,
        title=verdict.reason if verdict else "",
    )


def _reasons(context: Context) -> Table | None:
    """Why each verdict on a speed-up is as it is."""
    if not context.verdicts:
        return None
    caption = f"Verdicts on the speed-ups over {context.baseline}"
    return tables.reasons(context, caption, context.verdicts)


SECTION = Section("overview", "Overview", 20, render)
