"""Time to accuracy: trainings up to a target, ranked and judged by what ranks and judges epochs.

A training that never held its target has no time.  The mean of the others of its cell would be that
of the lucky ones, so that only cells of which every training held the target are ranked; all others
are counted and named.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from bench.documents.results import Measured
from bench.documents.timings import EPOCH, Learning
from bench.judging import stats
from bench.judging.verdicts import Verdict
from reports import format as text
from reports.context import Context, Key
from reports.families import judged
from reports.findings import Finding, findings
from reports.gather import compared, speed_ups
from reports.points import Point, Scope


@dataclass(frozen=True)
class Trained:
    """One training: the seconds at the end of each epoch, and how accuracy grew."""

    ends: tuple[float, ...]
    learning: Learning

    @property
    def seconds(self) -> float | None:
        """Training time up to the epoch from which on the target was held; None where not."""
        reached = self.learning.reached_epoch
        return None if reached is None else self.ends[reached - 1]


@dataclass(frozen=True)
class Arrival(Point):
    """A point that is ranked by its training up to the target instead of its epoch.

    :attr:`epoch_rounds`, and with them :attr:`epoch`, are the seconds of that training, one round
    for each block.
    """

    @cached_property
    def whole_epochs(self) -> bool:
        """A training is made of whole epochs."""
        return True

    @cached_property
    def epoch_rounds(self) -> dict[int, tuple[float, ...]]:
        """Seconds of training until the target was held, by block."""
        return reached(trainings(self))


def trainings(point: Point) -> dict[int, Trained]:
    """The trainings of a point by block; empty where none was asked for."""
    return {
        block: Trained(_ends(one), one.learning)
        for block, processes in sorted(point.processes.items())
        for one in processes
        if one.learning is not None
    }


def reached(found: Mapping[int, Trained]) -> dict[int, tuple[float, ...]]:
    """Seconds to the target by block, where it was reached; each training is one round."""
    return {block: (one.seconds,) for block, one in found.items() if one.seconds is not None}


def held_in(point: Point) -> str:
    """How many trainings held the target: ``2 of 3``."""
    found = trainings(point)
    return f"{len(reached(found))} of {len(found)}"


def holds(point: Point) -> bool:
    """Whether there were trainings and every one held its target."""
    found = trainings(point)
    return bool(found) and len(reached(found)) == len(found)


def ranked(context: Context) -> Context:
    """``context`` by what was asked: where there is a target, points are trainings up to it.

    There, a point is left out unless every one of its trainings held the target, and nothing is
    held against the floor, which cannot learn.
    """
    if not has_target(context):
        return context
    points = _arrivals(context, context.points)
    over_baseline = speed_ups(points, context.baseline)
    return dataclasses.replace(
        context,
        points=points,
        controls=_arrivals(context, context.controls),
        speed_ups=over_baseline,
        over_floor={
            key: ratio
            for key, ratio in context.over_floor.items()
            if context.target(key[1].scope) is None
        },
        verdicts=judged(compared(over_baseline, context.baseline, context.floors), context.margin),
    )


def has_target(context: Context) -> bool:
    """Whether any run was asked for the time to an accuracy."""
    return any(context.target(scope) is not None for scope in context.scopes)


def not_held(context: Context) -> tuple[str, ...]:
    """A sentence for each batch size on cells that are not ranked, for trainings without a time."""
    said = []
    for scope, batch_size, some in _of_targets(context):
        missed = [point for point in some if not holds(point)]
        if not missed:
            continue
        names = text.listing(
            [
                f"{point.implementation} with {context.label(point.condition)} ({held_in(point)})"
                for point in missed
            ]
        )
        accuracy = text.accuracy(context.target(scope) or 0.0)
        if len(missed) < len(some):
            start = f"Not ranked at batch {batch_size}, because not every training held {accuracy}"
        else:
            start = (
                f"At batch {batch_size} nothing held a test accuracy of {accuracy} in every "
                "training, so nothing is ranked"
            )
        said.append(f"{start}: {names}.")
    return tuple(said)


def as_data(context: Context) -> dict[str, Any]:
    """The answer for programs: every cell that was trained, and the fastest of each batch size."""
    ranking = ranked(context)
    return {
        "cells": [
            _cell_data(context, point, ranking.verdicts)
            for _, _, some in _of_targets(context)
            for point in some
        ],
        "fastest": [
            _finding_data(one) for one in findings(ranking) if context.target(one.scope) is not None
        ],
    }


def _arrivals(context: Context, points: Mapping[Key, Point]) -> dict[Key, Point]:
    found: dict[Key, Point] = {}
    for key, point in points.items():
        if context.target(key[1].scope) is None:
            found[key] = point
        elif holds(point):
            fields = {one.name: getattr(point, one.name) for one in dataclasses.fields(point)}
            found[key] = Arrival(**fields)
    return found


def _of_targets(context: Context) -> Iterator[tuple[Scope, int, list[Point]]]:
    """Every point that was trained to a target, by scope and batch size."""
    for scope in context.scopes:
        if context.target(scope) is None:
            continue
        for batch_size in context.batch_sizes(scope):
            some = [
                point
                for name in context.implementations
                for condition in context.conditions_of(scope)
                if (point := context.point(name, condition, batch_size)) and trainings(point)
            ]
            if some:
                yield scope, batch_size, some


def _cell_data(context: Context, point: Point, verdicts: Mapping[Key, Verdict]) -> dict[str, Any]:
    """One cell; seconds are those of the trainings that held the target, null where none did."""
    found = trainings(point)
    times = reached(found)
    estimate = stats.estimate(list(times.values())) if times else None
    verdict = verdicts.get((point.implementation, point.condition, point.batch_size))
    return {
        **_place(point),
        "target": context.target(point.condition.scope),
        "trainings": len(found),
        "held": len(times),
        "ranked": holds(point),
        "seconds": estimate.value if estimate else None,
        "low": estimate.low if estimate else None,
        "high": estimate.high if estimate else None,
        "over_baseline": _verdict_data(verdict),
    }


def _finding_data(finding: Finding) -> dict[str, Any]:
    """The fastest at one batch size; its lead is over the closest of the others."""
    epoch = finding.best.epoch
    return {
        **_place(finding.best),
        "seconds": finding.seconds,
        "low": epoch.low if epoch else None,
        "high": epoch.high if epoch else None,
        "lead": _verdict_data(finding.verdict),
        "undecided": list(finding.undecided),
    }


def _place(point: Point) -> dict[str, Any]:
    return {
        "implementation": point.implementation,
        "batch_size": point.batch_size,
        "threads": point.condition.threads,
        "setting": dict(point.condition.setting),
    }


def _verdict_data(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    return {
        "ratio": verdict.ratio.value,
        "low": verdict.ratio.low,
        "high": verdict.ratio.high,
        "p": verdict.p,
        "verdict": verdict.kind,
        "reason": verdict.reason,
    }


def _ends(measured: Measured) -> tuple[float, ...]:
    epochs = next(timing for timing in measured.timings if timing.phase == EPOCH)
    return tuple(accumulate(epochs.round_seconds))
