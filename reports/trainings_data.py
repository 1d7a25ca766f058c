"""Time to accuracy for programs: what ``mlpbench run --json`` says of trainings to a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.judging import stats
from bench.judging.verdicts import Verdict
from bench.observations.points import Key, Point, holds, reached, trainings
from reports.context import Context
from reports.findings import Finding, findings
from reports.trainings import of_targets


def as_data(context: Context) -> dict[str, Any]:
    """The answer for programs: every cell that was trained, and the fastest of each batch size."""
    ranking = context.ranked
    return {
        "cells": [
            _cell_data(context, point, ranking.verdicts)
            for _, _, some in of_targets(context)
            for point in some
        ],
        "fastest": [
            _finding_data(one) for one in findings(ranking) if context.target(one.scope) is not None
        ],
    }


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
