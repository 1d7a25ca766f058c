"""What is fastest at each batch size, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from bench.judging.stats import Ratio, difference_p
from bench.judging.verdicts import ALPHA, Verdict, judge_lead
from reports.context import Context, fastest
from reports.points import Point, Scope, speed_up


@dataclass(frozen=True)
class Finding:
    """What is fastest at one batch size, and the ``seconds`` that an epoch takes with it.

    ``rivals`` are the best points of all other trainers with the lead of ``best`` over each, the
    closest first; ``undecided`` names those which may be as fast, under whatever condition.
    ``verdict`` judges the lead over the closest, None where there is no rival.
    ``speed_up`` is over the baseline, judged by ``over_baseline``, and ``over_floor`` over the
    floor, all under the condition of ``best``.
    """

    scope: Scope
    batch_size: int
    best: Point
    seconds: float
    rivals: tuple[tuple[Point, Ratio], ...]
    undecided: tuple[str, ...]
    verdict: Verdict | None
    speed_up: Ratio | None
    over_baseline: Verdict | None
    over_floor: Ratio | None


def findings(context: Context) -> tuple[Finding, ...]:
    """One finding per scope and batch size; that of the first batch size asked for comes first."""
    found = []
    for scope in context.scopes:
        for batch_size in context.batch_sizes(scope):
            finding = _finding(context, scope, batch_size)
            if finding:
                found.append(finding)
    asked = context.results[0].plan.trainings
    first = asked[0].batch_size if asked else None
    start = context.scopes[0] if context.scopes else None
    return tuple(sorted(found, key=lambda one: (one.scope != start, one.batch_size != first)))


def _finding(context: Context, scope: Scope, batch_size: int) -> Finding | None:
    """What is fastest at ``batch_size``, over all conditions of ``scope``."""
    conditions = context.conditions_of(scope)
    candidates = {
        name: [p for c in conditions if (p := context.point(name, c, batch_size)) and p.epoch]
        for name in context.trainers
    }
    best = fastest([point for some in candidates.values() for point in some])
    if best is None or best.epoch is None:
        return None
    leads = {
        name: [(point, lead) for point in some if (lead := speed_up(point, best))]
        for name, some in candidates.items()
        if some and name != best.implementation
    }
    closest = [min(some, key=lambda pair: pair[1].value) for some in leads.values()]
    ratios = [lead for some in leads.values() for _, lead in some]
    number = sum(map(len, candidates.values()))
    key = (best.implementation, best.condition, batch_size)
    return Finding(
        scope,
        batch_size,
        best,
        best.epoch.value,
        tuple(sorted(closest, key=lambda pair: pair[1].value)),
        tuple(name for name, some in leads.items() if any(_may_be_equal(one) for _, one in some)),
        judge_lead(ratios, number, context.margin) if ratios else None,
        None if best.implementation == context.baseline else context.speed_ups.get(key),
        context.verdicts.get(key),
        context.over_floor.get(key),
    )


def _may_be_equal(lead: Ratio) -> bool:
    """Whether the evidence for a lead is too weak."""
    p = difference_p(lead)
    return lead.value <= 1 or p is None or p > ALPHA
