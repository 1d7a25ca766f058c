"""Where the time of a step goes, for implementations that can tell."""

from __future__ import annotations

from markupsafe import Markup

from impls.contract import PHASES
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Stack
from reports.context import Context
from reports.points import Condition, Point
from reports.section import Absence, Section
from reports.tables import Cell, Row, Table

_INSEPARABLE = "not separable"


def render(context: Context) -> Markup | Absence:
    """One chart per group, and the table of phases, step and residual."""
    shown: dict[Condition, list[figures.Figure]] = {}
    rows: list[Row] = []
    for condition, batch_size, group in context.groups():
        timed = {name: point for name, point in group.items() if _timed(point)}
        if not any(_parts(point) for point in timed.values()):
            continue
        chart = _chart(context, condition, batch_size, timed)
        figure = figures.figure(context, chart, batch_size=batch_size, condition=condition)
        shown.setdefault(condition, []).append(figure)
        rows += [_row(context, point) for point in timed.values()]
    if not rows:
        return Absence("No phase was timed apart from the others, so the step cannot be split.")
    titles = ("Implementation", "Condition", "Batch size", *PHASES, "Sum", "Step", "Residual")
    caption = "Phases of one step, their sum, the undisturbed step, and the residual"
    return templates.section(
        "phases",
        groups=figures.grouped(context, shown),
        phases=list(enumerate(PHASES)),
        table=Table(caption, tables.columns(*titles, text_columns=2), tuple(rows)),
    )


def _parts(point: Point) -> dict[str, float]:
    """Seconds of the phases that were timed."""
    return {phase: point.durations[phase].value for phase in PHASES if phase in point.durations}


def _timed(point: Point) -> bool:
    """Whether there is anything to draw for ``point``."""
    return bool(_parts(point)) or point.step is not None


def _chart(
    context: Context, condition: Condition, batch_size: int, timed: dict[str, Point]
) -> Markup:
    """Stacked phases with the step as a mark."""
    rows = []
    for name, point in timed.items():
        parts = _parts(point)
        complete = len(parts) == len(PHASES) or context.is_floor(name)
        whole = point.step.value if point.step else sum(parts.values())
        shares = [parts[phase] / whole if phase in parts else None for phase in PHASES]
        rows.append(Stack(name, tuple(shares), whole, "" if complete else _INSEPARABLE))
    title = f"batch {batch_size}, {context.label(condition)}"
    described = f"Phases of a step at {title}; the values are in the table."
    return charts.stacked(title, rows, description=described)


def _row(context: Context, point: Point) -> Row:
    """One point: phases, sum, step and what they differ by."""
    parts = _parts(point)
    step = point.step.value if point.step else None
    cells = [
        Cell(point.implementation),
        Cell(context.label(point.condition)),
        Cell(str(point.batch_size), point.batch_size),
    ]
    cells += [tables.duration(parts.get(phase), missing=_INSEPARABLE) for phase in PHASES]
    if len(parts) == len(PHASES) and step is not None:
        total = sum(parts.values())
        residual = (step - total) / step
        cells += [
            tables.duration(total),
            tables.duration(step),
            Cell(f"{text.percent(residual)}", residual),
        ]
    else:
        cells += [tables.word("-"), tables.duration(step), tables.word("-")]
    return tables.row(
        context, cells, implementation=point.implementation, batch_size=point.batch_size,
        condition=point.condition,
    )  # fmt: skip


SECTION = Section("phases", "Phases", 50, render)
