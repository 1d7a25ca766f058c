"""Which trainings to a target there are, and which of them are not ranked.

Only cells of which every training held the target are: all others are counted and named.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.observations.points import Point, Scope
from bench.stats import estimates
from bench.stats.estimates import Estimate
from bench.stats.verdicts import Verdict
from reports.context import Context
from reports.templates import sentence


def held_in(point: Point) -> str:
    """Return how many trainings held the target: ``2 of 3``."""
    return f"{len(point.seconds_to_target)} of {len(point.trainings)}"


def not_held(context: Context) -> tuple[str, ...]:
    """Return a sentence for each batch size: which cells are not ranked, as trainings failed."""
    return tuple(
        sentence(
            "remarks",
            "not_held",
            batch_size=batch_size,
            target=context.target(scope),
            missed=[
                f"{point.implementation} with {context.label(point.condition)} ({held_in(point)})"
                for point in missed
            ],
            anything_held=len(missed) < len(points),
        )
        for scope, batch_size, points in of_targets(context)
        if (missed := [point for point in points if not point.held_target])
    )


def of_targets(context: Context) -> Iterator[tuple[Scope, int, list[Point]]]:
    """Yield every point that was trained to a target, by scope and batch size."""
    for scope in context.scopes:
        if context.target(scope) is None:
            continue
        for batch_size in context.batch_sizes(scope):
            trained = [
                point
                for name in context.implementations
                for condition in context.conditions_of(scope)
                if (point := context.point(name, condition, batch_size)) and point.trainings
            ]
            if trained:
                yield scope, batch_size, trained


def as_data(context: Context) -> dict[str, Any]:
    """Return the answer for programs: every cell trained, and the fastest of each batch size.

    Seconds of a cell are those of the trainings that held the target, null where none did.  The
    lead of the fastest is over the closest of the others.
    """
    ranking = context.for_ranking
    cells = []
    for point in (point for _, _, points in of_targets(context) for point in points):
        times = point.seconds_to_target
        cells.append(
            {
                **_place(point),
                "target": context.target(point.condition.scope),
                "trainings": len(point.trainings),
                "held": len(times),
                "ranked": point.held_target,
                **_seconds(estimates.estimate(list(times.values())) if times else None),
                "over_baseline": _verdict_data(ranking.verdicts.get(point.key)),
            }
        )
    fastest = [
        {
            **_place(winner.best),
            **_seconds(winner.best.epoch),
            "lead": _verdict_data(winner.verdict),
            "undecided": list(winner.undecided),
        }
        for winner in ranking.winners
        if context.target(winner.scope) is not None
    ]
    return {"cells": cells, "fastest": fastest}


def _seconds(estimate: Estimate | None) -> dict[str, float | None]:
    if estimate is None:
        return {"seconds": None, "low": None, "high": None}
    return {"seconds": estimate.value, "low": estimate.low, "high": estimate.high}


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
