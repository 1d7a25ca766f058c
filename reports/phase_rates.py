"""What measured limits say of each phase: its rate, its least time, and how close it came."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bench.documents.results import Measured
from bench.documents.timings import STEP, Peaks
from bench.observations.points import Condition, Point, Scope
from bench.roofline.bound import MOST_SHARE, Bound, bound, largest_cache
from bench.roofline.work import Work, work_of
from impls.contract import PHASES
from reports.context import Context
from reports.devices import CPU

DEVICE = CPU
"""Limits are measured with NumPy, so they hold for this device alone."""


@dataclass(frozen=True)
class Roof:
    """The limits under one condition: the best and the worst of several processes.

    ``cache_bytes`` is what the caches may hold: the largest one for each thread, as each may run
    beside one of its own; infinite where no size is known.
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
    # The cells of one process share its peaks.
    found = {
        (block, one.process.started_at): (one.peaks, one.process.affinity)
        for block, one in _floor_processes(context, condition)
        if one.peaks is not None
    }
    if not found:
        return None
    peaks = [one for one, _ in found.values()]
    threads = condition.threads or max(affinity for _, affinity in found.values())
    cache = largest_cache(context.results[max(condition.scope.run - 1, 0)].machine.caches)
    return Roof(
        best=Peaks(
            gemm=max(peak.gemm for peak in peaks),
            copy=max(peak.copy for peak in peaks),
            cached_copy=max(peak.cached_copy for peak in peaks),
        ),
        worst=Peaks(
            gemm=min(peak.gemm for peak in peaks),
            copy=min(peak.copy for peak in peaks),
            cached_copy=min(peak.cached_copy for peak in peaks),
        ),
        processes=len(peaks),
        cache_bytes=math.inf if cache is None else cache * threads,
    )


def _floor_processes(context: Context, condition: Condition) -> Iterator[tuple[int, Measured]]:
    """Yield what was measured of the floor under ``condition``, with its block."""
    whole, floor = context.whole, context.floors.get(DEVICE, "")
    for batch_size in whole.batch_sizes(condition.scope):
        point = whole.point(floor, condition, batch_size)
        for block, measured in point.processes.items() if point else ():
            yield from ((block, one) for one in measured)


def model_of(context: Context, scope: Scope, batch_size: int) -> dict[str, Work] | None:
    """Return the work of one step, or None where no document describes its network and training."""
    known: dict[tuple[Scope, int], dict[str, Work] | None]
    known = context.memory.setdefault("models", {})
    if (scope, batch_size) not in known:
        known[scope, batch_size] = _model(context, scope, batch_size)
    return known[scope, batch_size]


def _model(context: Context, scope: Scope, batch_size: int) -> dict[str, Work] | None:
    network = context.network(scope)
    for run, document in enumerate(context.results, start=1):
        plan = document.plan
        if network is None or plan.network != network or scope.run not in (0, run):
            continue
        for training in plan.trainings:
            if training.batch_size == batch_size:
                return work_of(network, training, min(batch_size, plan.examples))
    return None


def parts_of(context: Context, point: Point, roof: Roof) -> dict[str, PhaseRate]:
    """The step and the phases that were timed; empty where the limits or the model do not fit.

    The floor does the products and nothing else, so they alone bound it.
    """
    model = model_of(context, point.condition.scope, point.batch_size)
    if model is None or point.cell.device != DEVICE:
        return {}
    found = {}
    for phase in (STEP, *PHASES):
        if phase in point.durations:
            work = model[phase]
            done = Work(work.products, 0, 0) if context.is_floor(point.implementation) else work
            least = bound(done, roof.best, roof.cache_bytes)
            found[phase] = PhaseRate(point.durations[phase].value, work, least, roof.best.gemm)
    return found
