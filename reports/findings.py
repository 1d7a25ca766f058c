"""What is fastest at each batch size, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from bench.judging.leads import Standing, Winner, judge_leads
from bench.judging.stats import Ratio
from bench.judging.verdicts import Verdict
from reports import format as text
from reports.context import Context, fastest
from reports.points import Point, Scope, speed_up

Lead = tuple[Point, Ratio]


@dataclass(frozen=True)
class Finding:
    """What is fastest at one batch size, and the ``seconds`` that an epoch takes with it.

    ``rivals`` are the best points of all other trainers with the lead of ``best`` over each, the
    closest first, those without an interval last; ``undecided`` names those which may be as fast,
    under whatever condition, and ``unranked`` are points that took less time than ``best`` in too
    few blocks to count.
    ``verdict`` judges the lead over the closest, None where there is no rival; all of a scope are
    one family.
    ``speed_up`` is over the baseline, judged by ``over_baseline``, and ``over_floor`` over the
    floor, all under the condition of ``best``.
    """

    scope: Scope
    batch_size: int
    best: Point
    seconds: float
    rivals: tuple[Lead, ...]
    undecided: tuple[str, ...]
    unranked: tuple[Point, ...]
    verdict: Verdict | None
    speed_up: Ratio | None
    over_baseline: Verdict | None
    over_floor: Ratio | None

    @property
    def is_too_few(self) -> bool:
        """Whether there were too few blocks to judge the lead over the closest."""
        return self.verdict is not None and self.verdict.code == "too-few"

    @property
    def doubt(self) -> str:
        """What speaks against calling it the fastest; empty where nothing does."""
        if self.is_too_few:
            return "too few blocks to rank"
        names = text.listing(list(self.undecided))
        return f"not told apart from {names}" if names else ""


@dataclass(frozen=True)
class _Contest:
    """The candidates at one batch size, the best of them and its leads over all others."""

    batch_size: int
    candidates: tuple[Point, ...]
    best: Point
    seconds: float
    leads: tuple[Lead, ...]


def findings(context: Context) -> tuple[Finding, ...]:
    """One finding per scope and batch size; that of the first batch size asked for comes first."""
    found = []
    for scope in context.scopes:
        sizes = context.batch_sizes(scope)
        contests = [one for size in sizes if (one := _contest(context, scope, size))]
        found += _judged(context, scope, contests)
    asked = context.results[0].plan.trainings
    first = asked[0].batch_size if asked else None
    start = context.scopes[0] if context.scopes else None
    return tuple(sorted(found, key=lambda one: (one.scope != start, one.batch_size != first)))


def unranked(context: Context) -> str:
    """What took less time than the fastest in too few blocks to count; empty where nothing did."""
    named = [
        f"{point.implementation} at batch {one.batch_size} with {context.label(point.condition)} "
        f"({text.seconds(point.epoch.value)}, from "
        f"{text.count(point.epoch.processes, 'process', 'processes')})"
        for one in findings(context)
        for point in one.unranked
        if point.epoch
    ]
    if not named:
        return ""
    return f"Not ranked, for want of blocks, although they took less time: {'; '.join(named)}."


def _contest(context: Context, scope: Scope, batch_size: int) -> _Contest | None:
    """All trainers at ``batch_size`` over all conditions of ``scope``; None where none has run."""
    candidates = tuple(
        point
        for name in context.trainers
        for condition in context.conditions_of(scope)
        if (point := context.point(name, condition, batch_size)) and point.epoch
    )
    best = fastest(list(candidates))
    if best is None or best.epoch is None:
        return None
    leads = tuple(
        (point, lead)
        for point in candidates
        if point.implementation != best.implementation and (lead := speed_up(point, best))
    )
    return _Contest(batch_size, candidates, best, best.epoch.value, leads)


def _judged(context: Context, scope: Scope, contests: list[_Contest]) -> list[Finding]:
    """The findings of one scope: all leads are judged as one family."""
    contested = [one for one in contests if one.leads]
    winners = [
        Winner(tuple(lead for _, lead in one.leads), len(one.candidates)) for one in contested
    ]
    standings = judge_leads(winners, context.margin)
    of_size = {one.batch_size: found for one, found in zip(contested, standings, strict=True)}
    return [_finding(context, scope, one, of_size.get(one.batch_size)) for one in contests]


def _finding(
    context: Context, scope: Scope, contest: _Contest, standing: Standing | None
) -> Finding:
    """What a contest and how its winner stands come to."""
    best = contest.best
    closest: dict[str, Lead] = {}
    for point, lead in sorted(contest.leads, key=_order):
        closest.setdefault(point.implementation, (point, lead))
    ahead = standing.ahead if standing else ()
    behind = (p for (p, _), sure in zip(contest.leads, ahead, strict=True) if not sure)
    key = (best.implementation, best.condition, contest.batch_size)
    return Finding(
        scope,
        contest.batch_size,
        best,
        contest.seconds,
        tuple(closest.values()),
        tuple(dict.fromkeys(point.implementation for point in behind)),
        tuple(p for p in contest.candidates if p.epoch and p.epoch.value < contest.seconds),
        standing.verdict if standing else None,
        None if best.implementation == context.baseline else context.speed_ups.get(key),
        context.verdicts.get(key),
        context.over_floor.get(key),
    )


def _order(lead: Lead) -> tuple[bool, float]:
    """Closest first, without an interval last."""
    return lead[1].error is None, lead[1].value
