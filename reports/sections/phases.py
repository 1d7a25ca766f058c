"""Where the time of a step goes, for implementations that can tell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median

from markupsafe import Markup

from bench.documents.timings import STEP
from bench.observations.points import Condition, Point
from impls.contract import PHASES
from reports import charts, figures, tables, templates
from reports import format as text
from reports.charts import ChartRow, RowChart, Segment
from reports.context import Context
from reports.section import TIME, Absence, Section
from reports.tables import TableCell

MOST_PROBE = 0.005
"""A probe that costs more than this share of the step is marked."""
MOST_RESIDUAL = 0.03
"""A residual beyond this share of the step is given a reason."""

_INSEPARABLE, _HATCH = "not separable", "hatch"


@dataclass(frozen=True)
class _Split:
    """A step and its phases in seconds.

    ``whole`` is the undisturbed step, or the sum of the phases where it was not timed.  ``total``
    is that sum, None unless all of them and the step were timed.  ``probe`` is the share of the
    step that reading the clock after each phase costs, the median of all processes; None where it
    is not known.
    """

    point: Point
    parts: dict[str, float]
    whole: float
    total: float | None
    probe: float | None

    @property
    def marks(self) -> tuple[str, ...]:
        """A word for a row whose phases the probe disturbs notably."""
        known = self.probe is not None and self.probe > MOST_PROBE
        return (f"probe {text.percent(self.probe or 0)}",) if known else ()


def _split(point: Point) -> _Split | None:
    """Return the step of ``point`` with its phases, None where neither was timed."""
    parts: dict[str, float] = {
        phase: point.durations[phase].value for phase in PHASES if phase in point.durations
    }
    if not parts and point.step is None:
        return None
    total = sum(parts.values())
    whole = point.step.value if point.step else total
    costs = [cell.probe_seconds for cell in point.measured if cell.probe_seconds is not None]
    known = costs and parts and point.step
    return _Split(
        point,
        parts,
        whole,
        total if len(parts) == len(PHASES) and point.step else None,
        median(costs) * len(parts) / whole if known else None,
    )


def render(context: Context) -> Markup | Absence:
    """Return two charts per group, in milliseconds and in percent, and the table behind them."""
    shown: dict[str, dict[Condition, list[figures.Figure]]] = {"ms": {}, "share": {}}
    splits: list[_Split] = []
    drawn = figures.drawn(context)
    for condition, batch_size, group in context.groups():
        timed = [split for point in group.values() if (split := _split(point))]
        if not any(split.parts for split in timed):
            continue
        splits += timed
        for unit, of_unit in shown.items() if condition in drawn else ():
            caption = f"batch {batch_size}, {context.label(condition)}"
            chart = _chart(context, caption, batch_size, timed, is_share=unit == "share")
            figure = figures.figure(context, chart, condition=condition)
            of_unit.setdefault(condition, []).append(figure)
    if not splits:
        return Absence("No phase was timed apart from the others, so the step cannot be split.")
    return templates.section(
        "phases",
        units=[(unit, figures.grouped(context, of_unit)) for unit, of_unit in shown.items()],
        phases=[*((str(slot), phase) for slot, phase in enumerate(PHASES)), (_HATCH, _INSEPARABLE)],
        is_cut=len(drawn) < len({condition for condition, _, _ in context.groups()}),
        most_probe=MOST_PROBE,
        most_residual=MOST_RESIDUAL,
        table=tables.of_cells(
            context,
            "Phases of one step, their sum, the undisturbed step, the residual, and the probe",
            [(split.point.key, split) for split in splits],
            {
                **{phase: partial(_phase, phase) for phase in PHASES},
                "Sum": lambda split: tables.duration(split.total, missing="-"),
                "Step": lambda split: tables.estimate(split.point.step),
                "Residual": _residual,
                "Probe": _probe,
            },
            lambda split: split.marks,
        ),
    )


def _chart(
    context: Context, caption: str, batch_size: int, timed: list[_Split], *, is_share: bool
) -> RowChart:
    """Return stacked phases of each implementation, the lowest time first, the step as a mark."""

    def unit(split: _Split) -> float:
        return split.whole if is_share else 1.0

    ends = [max(split.whole, sum(split.parts.values())) / unit(split) for split in timed]
    axis = charts.linear_axis(max(ends), text.percent if is_share else text.tick_seconds)
    rows = []
    for split in sorted(timed, key=lambda split: split.whole):
        name = split.point.implementation
        pieces = [
            # A tip for one of the units is enough: the page is sent around.
            (fill, seconds / unit(split), "" if is_share else tip)
            for fill, seconds, tip in _pieces(split, is_floor=context.is_floor(name))
        ]
        mark = Segment(axis.at(split.whole / unit(split)), 0.4, "ink", "")
        segments = (*charts.stacked(axis, pieces), mark)
        shown = text.seconds(split.whole, 2)
        rows.append(ChartRow(name, shown, ", ".join(split.marks), segments=segments))
    return RowChart(caption, tuple(rows), axis, ("step", ""), batch_size=batch_size)


def _pieces(split: _Split, *, is_floor: bool) -> Iterator[tuple[str, float, str]]:
    """Yield fill, seconds and tip of each phase, and of what cannot be separated."""

    def tip(what: str, seconds: float) -> str:
        return f"{what}: {text.seconds(seconds)}, {seconds / split.whole:.0%}"

    for slot, phase in enumerate(PHASES):
        if phase in split.parts:
            yield str(slot), split.parts[phase], tip(phase, split.parts[phase])
    rest = split.whole - sum(split.parts.values())
    if len(split.parts) < len(PHASES) and rest > 0 and not is_floor:
        yield _HATCH, rest, tip(_INSEPARABLE, rest)


def _phase(phase: str, split: _Split) -> TableCell:
    return tables.duration(split.parts.get(phase), missing=_INSEPARABLE)


def _probe(split: _Split) -> TableCell:
    probe = split.probe
    if probe is None:
        return tables.word("not measured")
    return TableCell(text.percent(probe), round(probe, 6))


def _residual(split: _Split) -> TableCell:
    """Return step less phases as a share of the step, with the reason if it is large.

    The spreads of the step and of its phases make it uncertain.  Each counts with the share of the
    step that it is one of; they add up as those of independent durations do.
    """
    if split.total is None:
        return tables.word("-")
    step = split.whole
    residual = (step - split.total) / step
    if abs(residual) <= MOST_RESIDUAL:
        return TableCell(text.percent(residual), residual)
    durations = [split.point.durations[name] for name in (STEP, *PHASES)]
    if abs(residual) <= math.hypot(
        *(duration.spread * duration.value / step for duration in durations)
    ):
        reason = "within the spread"
    elif residual > 0:
        reason = "more than its phases"
    elif -residual <= (split.probe or 0):
        reason = "the probe"
    else:
        reason = "gains by doing them together"
    return TableCell(text.percent(residual), residual, (reason,), strong=True)


SECTION = Section("phases", "Phases", 50, render, TIME)
