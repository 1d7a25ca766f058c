"""Where the time of a step goes, for implementations that can tell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from statistics import median

from markupsafe import Markup

from bench.documents.timings import STEP
from bench.observations.points import Condition, Point
from impls.contract import PHASES
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import Block, ChartRow, RowChart
from reports.context import Context
from reports.section import TIME, Absence, Section
from reports.tables import Table, TableCell

MOST_PROBE = 0.005
"""A probe that costs more than this share of the step is marked."""
MOST_RESIDUAL = 0.03
"""A residual beyond this share of the step is given a reason."""

_INSEPARABLE, _HATCH = "not separable", "hatch"


def render(context: Context) -> Markup | Absence:
    """Two charts per group, in milliseconds and in percent, and the table behind them."""
    shown: dict[str, dict[Condition, list[figures.Figure]]] = {"ms": {}, "share": {}}
    points: list[Point] = []
    drawn = figures.drawn(context)
    for condition, batch_size, group in context.groups():
        timed = {name: point for name, point in group.items() if _timed(point)}
        if not any(_parts(point) for point in timed.values()):
            continue
        points += timed.values()
        for unit, of_unit in shown.items() if condition in drawn else ():
            chart = _chart(context, condition, batch_size, timed, is_share=unit == "share")
            figure = figures.rows(context, chart, condition=condition)
            of_unit.setdefault(condition, []).append(figure)
    if not points:
        return Absence("No phase was timed apart from the others, so the step cannot be split.")
    return templates.section(
        "phases",
        units=[(unit, figures.grouped(context, of_unit)) for unit, of_unit in shown.items()],
        phases=[*((str(slot), phase) for slot, phase in enumerate(PHASES)), (_HATCH, _INSEPARABLE)],
        is_cut=len(drawn) < len({condition for condition, _, _ in context.groups()}),
        most_probe=MOST_PROBE,
        most_residual=MOST_RESIDUAL,
        table=_table(context, points),
    )


def _parts(point: Point) -> dict[str, float]:
    """Return the seconds of the phases that were timed."""
    return {phase: point.durations[phase].value for phase in PHASES if phase in point.durations}


def _timed(point: Point) -> bool:
    """Return whether there is anything to draw for ``point``."""
    return bool(_parts(point)) or point.step is not None


def _probe(point: Point) -> float | None:
    """Return share of the step that reading the clock after each phase costs, or None if not known.

    The median of all processes.
    """
    costs = [one.probe_seconds for one in point.measured if one.probe_seconds is not None]
    parts = _parts(point)
    if not costs or not parts or point.step is None:
        return None
    return median(costs) * len(parts) / point.step.value


def _marks(point: Point) -> tuple[str, ...]:
    """Return a word for a row whose phases the probe disturbs notably."""
    probe = _probe(point)
    return (f"probe {text.percent(probe)}",) if probe is not None and probe > MOST_PROBE else ()


def _chart(
    context: Context,
    condition: Condition,
    batch_size: int,
    timed: dict[str, Point],
    *,
    is_share: bool,
) -> RowChart:
    """Stacked phases of each implementation, the lowest time first, with the step as a mark."""
    wholes = {name: _whole(point) for name, point in timed.items()}
    ends = [max(wholes[name], sum(_parts(point).values())) for name, point in timed.items()]
    if is_share:
        most = max(end / whole for end, whole in zip(ends, wholes.values(), strict=True))
        axis = charts.linear_axis(most, text.percent)
    else:
        axis = charts.linear_axis(max(ends), text.tick_seconds)
    rows = [
        ChartRow(
            name,
            text.seconds(wholes[name], 2),
            ", ".join(_marks(timed[name])),
            blocks=tuple(
                _blocks(axis, timed[name], is_share=is_share, is_floor=context.is_floor(name))
            ),
            implementation=name,
        )
        for name in sorted(timed, key=wholes.__getitem__)
    ]
    caption = f"batch {batch_size}, {context.label(condition)}"
    return RowChart(caption, tuple(rows), axis, ("step", ""), batch_size=batch_size)


def _whole(point: Point) -> float:
    """Return the seconds of the undisturbed step, or of the phases where it was not timed."""
    return point.step.value if point.step else sum(_parts(point).values())


def _blocks(axis: charts.Axis, point: Point, *, is_share: bool, is_floor: bool) -> Iterator[Block]:
    """Yield the phases one after the other, what cannot be separated, and the end of the step."""
    parts, whole, end = _parts(point), _whole(point), 0.0
    unit = whole if is_share else 1.0

    def tip(what: str, seconds: float) -> str:
        # Once is enough for both units: the page is sent around.
        return "" if is_share else f"{what}: {text.seconds(seconds)}, {seconds / whole:.0%}"

    for slot, phase in enumerate(PHASES):
        if phase in parts:
            start, end = end, end + parts[phase]
            words = tip(phase, parts[phase])
            yield charts.block(axis, start / unit, end / unit, str(slot), words)
    if len(parts) < len(PHASES) and end < whole and not is_floor:
        words = tip(_INSEPARABLE, whole - end)
        yield charts.block(axis, end / unit, whole / unit, _HATCH, words)
    yield Block(axis.at(whole / unit), 0.4, "ink", "")


def _table(context: Context, points: list[Point]) -> Table:
    """Return the phases of every point, their sum, the step, what they differ by, and the probe."""
    return tables.of_cells(
        context,
        "Phases of one step, their sum, the undisturbed step, the residual, and the probe",
        [(point.key, point) for point in points],
        {
            **{phase: partial(_phase, phase) for phase in PHASES},
            "Sum": lambda point: tables.duration(_total(point), missing="-"),
            "Step": lambda point: tables.estimate(point.step),
            "Residual": _residual,
            "Probe": _probe_cell,
        },
        _marks,
    )


def _phase(phase: str, point: Point) -> TableCell:
    return tables.duration(_parts(point).get(phase), missing=_INSEPARABLE)


def _total(point: Point) -> float | None:
    """Return the sum of the phases; None unless all of them and the step were timed."""
    parts = _parts(point)
    return sum(parts.values()) if len(parts) == len(PHASES) and point.step else None


def _probe_cell(point: Point) -> TableCell:
    probe = _probe(point)
    if probe is None:
        return tables.word("not measured")
    return TableCell(text.percent(probe), round(probe, 6))


def _residual(point: Point) -> TableCell:
    """Return step less phases as a share of the step, with the reason if it is large."""
    total = _total(point)
    if total is None or point.step is None:
        return tables.word("-")
    step = point.step.value
    residual = (step - total) / step
    if abs(residual) <= MOST_RESIDUAL:
        return TableCell(text.percent(residual), residual)
    if abs(residual) <= _uncertainty(point, step):
        reason = "within the spread"
    elif residual > 0:
        reason = "more than its phases"
    elif -residual <= (_probe(point) or 0):
        reason = "the probe"
    else:
        reason = "gains by doing them together"
    return TableCell(text.percent(residual), residual, (reason,), strong=True)


def _uncertainty(point: Point, step: float) -> float:
    """What the spreads of the step and of its phases make of the residual, relative to the step.

    Each spread counts with the share of the step that it is one of; they add up as those of
    independent durations do.
    """
    durations = [point.durations[name] for name in (STEP, *PHASES)]
    return math.hypot(*(duration.spread * duration.value / step for duration in durations))


SECTION = Section("phases", "Phases", 50, render, TIME)
