"""What measured limits say of each phase: its rate, its least time, and how close it came."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.documents.timings import STEP, Peaks
from bench.observations.points import Condition, Point, Scope
from bench.roofline import MOST_SHARE, Bound, Work, bound, largest_cache, work_of
from impls.contract import PHASES
from reports.context import Context
from reports.facts.devices import CPU

DEVICE = CPU
"""Limits are measured with NumPy, so they hold for this device alone."""


@dataclass(frozen=True)
class Roof:
    """The limits under one condition: the best and the worst of several processes.

    ``cache_bytes`` is what the caches may hold: the largest one for each thread, as each may have
    one; infinite where no size is known.
    """

    best: Peaks
    worst: Peaks
    processes: int
    cache_bytes: float


@dataclass(frozen=True)
class PhaseRate:
    """The step or one phase of it: as timed, as the work model has it, and its least time.

    ``peak`` is the best rate of a matrix product.
    """

    seconds: float
    work: Work
    bound: Bound
    peak: float

    @property
    def rate(self) -> float:
        """Operations in matrix products per second."""
        return self.work.products / self.seconds

    @property
    def share(self) -> float:
        """The least time over the time measured: 1 is as fast as the limits allow."""
        return self.bound.seconds / self.seconds

    @property
    def is_impossible(self) -> bool:
        """Whether a limit is passed by more than limits are uncertain."""
        return self.share > MOST_SHARE


def roof_of(context: Context, condition: Condition) -> Roof | None:
    """Return the limits measured under ``condition``, or None where none were."""
    whole, floor = context.whole, context.floors.get(DEVICE, "")
    points = [whole.point(floor, condition, size) for size in whole.batch_sizes(condition.scope)]
    # The cells of one process share its peaks.
    processes = {
        (block, cell.process.started_at): cell
        for point in points
        if point
        for block, cells in point.processes.items()
        for cell in cells
    }
    peaks = [cell.peaks for cell in processes.values() if cell.peaks is not None]
    if not peaks:
        return None
    affinity = max(cell.process.affinity for cell in processes.values() if cell.peaks is not None)
    cache = largest_cache(context.results[max(condition.scope.run - 1, 0)].machine.caches)
    best, worst = (
        Peaks(
            gemm=choose(peak.gemm for peak in peaks),
            copy=choose(peak.copy for peak in peaks),
            cached_copy=choose(peak.cached_copy for peak in peaks),
        )
        for choose in (max, min)
    )
    return Roof(
        best=best,
        worst=worst,
        processes=len(peaks),
        cache_bytes=math.inf if cache is None else cache * (condition.threads or affinity),
    )


def model_of(context: Context, scope: Scope, batch_size: int) -> dict[str, Work] | None:
    """Return the work of one step, or None where no document describes its network and training."""
    network = context.network(scope)
    for run, document in enumerate(context.results, start=1):
        plan = document.plan
        if network is not None and plan.network == network and scope.run in (0, run):
            for training in plan.trainings:
                if training.batch_size == batch_size:
                    return work_of(network, training, min(batch_size, plan.examples))
    return None


def parts_of(context: Context, point: Point, roof: Roof) -> dict[str, PhaseRate]:
    """Return the step and the phases that were timed; empty where limits or model do not fit.

    The floor does the products and nothing else, so they alone bound it.
    """
    model = model_of(context, point.condition.scope, point.batch_size)
    if model is None or point.cell.device != DEVICE:
        return {}
    rates = {}
    for phase in (STEP, *PHASES):
        if phase in point.durations:
            work = model[phase]
            done = Work(work.products, 0, 0) if context.is_floor(point.implementation) else work
            least = bound(done, roof.best, roof.cache_bytes)
            rates[phase] = PhaseRate(point.durations[phase].value, work, least, roof.best.gemm)
    return rates
