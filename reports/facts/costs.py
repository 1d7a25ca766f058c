"""What a start costs: importing, set-up, the data, compiling, and when that is earned back."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from bench.observations.points import Point
from reports.context import Context

IMPORT_SCATTER = 0.1
"""Imports of one library differ by this share from process to process, where not by more."""
START_SCATTER_SECONDS = 0.05
"""Starts of one implementation differ by this much where they cost nothing else."""


@dataclass(frozen=True)
class Cost:
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

    @property
    def noise(self) -> float:
        """Seconds by which the cold costs of one implementation differ without a cause."""
        # A first call touches new memory, which is worth about a step.
        imports = max(self.scatter, IMPORT_SCATTER * self.importing)
        return max(imports, self.step, START_SCATTER_SECONDS)


@dataclass(frozen=True)
class Balance:
    """How a start compares with that of a reference.

    ``kind`` is ``alike``, ``pays`` after ``epochs``, ``never`` pays, ``at once`` where both
    start and epochs cost less, or ``ahead`` for ``epochs`` where only the start costs less.
    """

    kind: str
    epochs: int = 0


def costs(context: Context, group: dict[str, Point]) -> list[Cost]:
    """Return the costs of the trainers of one group."""
    return [
        _cost(point, point.epoch.value)
        for name, point in group.items()
        if point.epoch is not None and not context.is_floor(name)
    ]


def reference(context: Context, costs: list[Cost]) -> Cost:
    """Return the baseline, or else what starts cheapest."""
    for cost in costs:
        if cost.point.implementation == context.baseline:
            return cost
    return min(costs, key=lambda cost: cost.cold)


def break_even(extra: float, saved: float) -> float:
    """Return the epochs after which both have cost the same; infinite where they never have.

    ``extra`` is what one costs more at the start, ``saved`` what each of its epochs costs less, in
    seconds; either may be negative.
    """
    return extra / saved if extra * saved > 0 else math.inf


def balance(cost: Cost, other: Cost) -> Balance:
    """Return when the start of ``cost`` is earned back against ``other``."""
    extra, saved = cost.cold - other.cold, other.epoch - cost.epoch
    if abs(extra) <= max(cost.noise, other.noise):
        return Balance("alike")
    epochs = break_even(extra, saved)
    if extra > 0:
        return Balance("never") if math.isinf(epochs) else Balance("pays", math.ceil(epochs))
    return Balance("at once") if math.isinf(epochs) else Balance("ahead", math.floor(epochs))


def _cost(point: Point, epoch: float) -> Cost:
    imports = [cell.process.import_seconds for cell in point.measured]
    first_call = max(cell.first_call_seconds for cell in point.measured)
    step = point.step.value if point.step else epoch * point.batch_size / point.examples
    starts = [
        cell.first_epoch_seconds - epoch * cell.first_epoch_examples / point.examples
        for cell in point.measured
        if cell.first_epoch_seconds is not None and cell.first_epoch_examples is not None
    ]
    return Cost(
        point=point,
        importing=median(imports),
        scatter=max(imports) - min(imports),
        setup=_longest(cell.setup_seconds for cell in point.measured),
        bind=_longest(cell.bind_seconds for cell in point.measured),
        step=step,
        first_call=first_call,
        first_epoch=_longest(cell.first_epoch_seconds for cell in point.measured),
        beyond=max(0.0, first_call - step) + max([0.0, *starts]),
        epoch=epoch,
    )


def _longest(seconds: Iterable[float | None]) -> float | None:
    """Return the longest of what was recorded; None where nothing was."""
    return max((second for second in seconds if second is not None), default=None)
