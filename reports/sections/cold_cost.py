"""What is paid once: importing, handing the data over, compiling, and when that is earned back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import median

from markupsafe import Markup

from bench.observations.points import Condition, Point
from reports import format as text
from reports import tables, templates
from reports.context import Context
from reports.findings import findings
from reports.section import Absence, Section
from reports.tables import Cell, Row, Table

_LEAST_MOVED_SECONDS = 1e-3
"""Whoever takes less has kept the data where they are, and moved them at no rate."""
_FLOAT32_BYTES = 4
_IMPORT_SCATTER = 0.1
"""Imports of one library differ by this share from process to process, where not by more."""
_START_SCATTER_SECONDS = 0.05
"""So much do starts of one implementation differ where they cost nothing else."""


@dataclass(frozen=True)
class _Cost:
    """Seconds paid once, and for every epoch, by one point.

    The import is the median over its processes, ``scatter`` the range of it.  The others are the
    longest: a process measures several batch sizes, and only the first of them pays for the first
    touch of a device and for compilation.  ``first_call`` is a step, ``first_epoch`` the first call
    of the epoch; ``beyond`` is what the two took more than the same work takes later, at ``step``
    and ``epoch``.  ``setup``, ``bind`` and ``first_epoch`` are None where they were not recorded.
    """

    point: Point
    importing: float
    scatter: float
    setup: float | None
    bind: float | None
    step: float
    first_call: float
    first_epoch: float | None
    beyond: float
    epoch: float

    @property
    def cold(self) -> float:
        """All that is paid once."""
        return self.importing + (self.setup or 0.0) + (self.bind or 0.0) + self.beyond


def render(context: Context) -> Markup | Absence:
    """The table of the headline's group, and the others folded."""
    groups = {
        (condition, batch_size): _costs(context, group)
        for condition, batch_size, group in context.groups()
    }
    groups = {where: costs for where, costs in groups.items() if costs}
    if not groups:
        return Absence("No implementation has both a first call and an epoch to weigh it against.")
    found = findings(context)
    first = (found[0].best.condition, found[0].batch_size) if found else next(iter(groups))
    rest = [
        row for where, costs in groups.items() if where != first for row in _rows(context, costs)
    ]
    reference = _reference(context, groups[first])
    return templates.section(
        "cold_cost",
        table=_table(context, first, _rows(context, groups[first])),
        rest=_table(context, None, rest) if rest else None,
        reference=reference.point.implementation,
        is_baseline=reference.point.implementation == context.baseline,
        import_scatter=_IMPORT_SCATTER,
        start_scatter=_START_SCATTER_SECONDS,
    )


def _costs(context: Context, group: dict[str, Point]) -> list[_Cost]:
    """The costs of the trainers of one group."""
    return [
        _cost(point, point.epoch.value)
        for name, point in group.items()
        if point.epoch is not None and not context.is_floor(name)
    ]


def _cost(point: Point, epoch: float) -> _Cost:
    imports = [one.process.import_seconds for one in point.measured]
    first_call = max(one.first_call_seconds for one in point.measured)
    step = point.step.value if point.step else epoch * point.batch_size / point.examples
    starts = [
        one.first_epoch_seconds - epoch * one.first_epoch_examples / point.examples
        for one in point.measured
        if one.first_epoch_seconds is not None and one.first_epoch_examples is not None
    ]
    return _Cost(
        point=point,
        importing=median(imports),
        scatter=max(imports) - min(imports),
        setup=_longest(one.setup_seconds for one in point.measured),
        bind=_longest(one.bind_seconds for one in point.measured),
        step=step,
        first_call=first_call,
        first_epoch=_longest(one.first_epoch_seconds for one in point.measured),
        beyond=max(0.0, first_call - step) + max([0.0, *starts]),
        epoch=epoch,
    )


def _longest(seconds: Iterable[float | None]) -> float | None:
    """The longest of what was recorded; None where nothing was."""
    return max((one for one in seconds if one is not None), default=None)


def _reference(context: Context, costs: list[_Cost]) -> _Cost:
    """The baseline, or else what starts cheapest."""
    for cost in costs:
        if cost.point.implementation == context.baseline:
            return cost
    return min(costs, key=lambda cost: cost.cold)


def break_even(extra: float, saved: float) -> float:
    """Epochs after which both have cost the same; infinite where they never have again.

    ``extra`` is what one costs more at the start, ``saved`` what each of its epochs costs less, in
    seconds; either may be negative.
    """
    return extra / saved if extra * saved > 0 else math.inf


def _rows(context: Context, costs: list[_Cost]) -> list[Row]:
    """One row per point."""
    reference = _reference(context, costs)
    rows = []
    for cost in costs:
        point = cost.point
        cells = [
            Cell(point.implementation),
            Cell(context.label(point.condition)),
            Cell(str(point.batch_size), point.batch_size),
            tables.duration(cost.importing),
            tables.duration(cost.setup, missing="not recorded"),
            _handing_over(context, cost),
            tables.duration(cost.first_call),
            tables.duration(cost.first_epoch, missing="not recorded"),
            tables.duration(cost.cold),
            tables.duration(point.step.value if point.step else None),
            tables.duration(cost.epoch),
            tables.word("reference") if cost is reference else _balance(cost, reference),
        ]
        rows.append(
            tables.row(
                context,
                cells,
                implementation=point.implementation,
                batch_size=point.batch_size,
                condition=point.condition,
            )
        )
    return rows


def _noise(cost: _Cost) -> float:
    """By how much the cold costs of one implementation may differ for nothing."""
    # A first call touches new memory, which is worth about a step.
    return max(cost.scatter, _IMPORT_SCATTER * cost.importing, cost.step, _START_SCATTER_SECONDS)


def _handing_over(context: Context, cost: _Cost) -> Cell:
    """Seconds for the data set, and their rate where it can have been moved in them."""
    cell = tables.duration(cost.bind, missing="not recorded")
    network = context.network(cost.point.condition.scope)
    if cost.bind is None or cost.bind < _LEAST_MOVED_SECONDS or network is None:
        return cell
    moved = cost.point.examples * (network.layers[0] + network.layers[-1]) * _FLOAT32_BYTES
    return replace(cell, notes=(f"{text.significant(moved / cost.bind / 1e9)} GB/s",))


def _balance(cost: _Cost, reference: _Cost) -> Cell:
    """When the cost of the start is earned back, or for how long a cheaper start is ahead."""
    extra, saved = cost.cold - reference.cold, reference.epoch - cost.epoch
    if abs(extra) <= max(_noise(cost), _noise(reference)):
        return tables.word("starts alike")
    epochs = break_even(extra, saved)
    if extra > 0:
        if math.isinf(epochs):
            return Cell("never")
        whole = math.ceil(epochs)
        return Cell(text.count(whole, "epoch"), whole)
    if math.isinf(epochs):
        return Cell("at once", 0.0)
    whole = math.floor(epochs)
    return Cell(f"ahead for {text.count(whole, 'epoch') if whole else 'less than an epoch'}")


def _table(context: Context, where: tuple[Condition, int] | None, rows: list[Row]) -> Table:
    titles = (
        "Implementation", "Condition", "Batch size", "Import", "Set-up", "Data", "First call",
        "First epoch", "Cold cost", "Steady step", "Epoch", "Break-even",
    )  # fmt: skip
    place = f"batch {where[1]}, {context.label(where[0])}" if where else "all other cells"
    return Table(f"Cold cost: {place}", tables.columns(*titles, text_columns=2), tuple(rows))


SECTION = Section("cold-cost", "Cold cost", 100, render)
