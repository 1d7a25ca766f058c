"""What is fastest at each batch size, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

from bench.observations.points import Point, Scope
from bench.observations.winner import Candidates
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict
from reports import format as text
from reports.context import Context

Lead = tuple[Point, Ratio]


@dataclass(frozen=True)
class Winner:
    """What is fastest at one batch size, and the ``seconds`` that an epoch takes with it.

    ``rivals`` are the best points of all other trainers with the lead of ``best`` over each, the
    closest first, those without an interval last; ``undecided`` names those over which, under
    whatever condition, the verdict on the lead is not *faster*, and ``unranked`` are points that
    took less time than ``best`` in too few blocks to count.
    ``verdict`` is that on the lead over the closest, None where there is no rival.
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
        return f"not distinguished from {names}" if names else ""


def findings(context: Context) -> tuple[Winner, ...]:
    """One finding per scope and batch size; that of the first batch size asked for comes first."""
    whole = context.whole
    if "findings" not in whole.memory:
        whole.memory["findings"] = _findings(whole)
    found: tuple[Winner, ...] = whole.memory["findings"]
    return tuple(one for one in found if one.scope in context.scopes)


def _findings(context: Context) -> tuple[Winner, ...]:
    found = [_finding(context, candidates) for candidates in context.judged.candidates]
    asked = context.results[0].plan.trainings
    first = asked[0].batch_size if asked else None
    start = context.scopes[0] if context.scopes else None
    order = {scope: place for place, scope in enumerate(context.scopes)}

    def place(one: Winner) -> tuple[object, ...]:
        is_first = one.scope != start, one.batch_size != first
        return *is_first, order[one.scope], one.batch_size

    return tuple(sorted(found, key=place))


def unranked(context: Context) -> str:
    """What took less time than the fastest in too few blocks to count; empty where nothing did."""
    named = [
        f"{point.implementation} at batch {finding.batch_size} with "
        f"{context.label(point.condition)} ({text.seconds(point.epoch.value)}, from "
        f"{text.count(point.epoch.processes, 'process', 'processes')})"
        for finding in findings(context)
        for point in finding.unranked
        if point.epoch
    ]
    if not named:
        return ""
    return f"Not ranked, with too few blocks, although they took less time: {'; '.join(named)}."


def _finding(context: Context, candidates: Candidates) -> Winner:
    """Return the fastest of the candidates, with its leads."""
    best = candidates.fastest
    leads = [
        (point, lead) for point in candidates.rivals if (lead := context.judged.ratio(point, best))
    ]
    closest: dict[str, Lead] = {}
    for point, lead in sorted(leads, key=_order):
        closest.setdefault(point.implementation, (point, lead))
    verdicts = {point: context.judged.verdict(point, best) for point, _ in leads}
    behind = (point for point, one in verdicts.items() if one is None or one.kind != "faster")
    rivals = tuple(closest.values())
    seconds = best.epoch.value if best.epoch else 0.0
    return Winner(
        best.condition.scope,
        best.batch_size,
        best,
        seconds,
        rivals,
        tuple(dict.fromkeys(point.implementation for point in behind)),
        tuple(p for p in candidates.points if p.epoch and p.epoch.value < seconds),
        verdicts[rivals[0][0]] if rivals else None,
        None if best.implementation == context.baseline else context.speed_ups.get(best.key),
        context.verdicts.get(best.key),
        context.over_floor.get(best.key),
    )


def _order(lead: Lead) -> tuple[bool, float]:
    """Closest first, without an interval last."""
    return lead[1].error is None, lead[1].value
