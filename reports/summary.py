"""The answer in plain sentences, shared by the terminal and the HTML report."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass

from bench.stats import CONFIDENCE, Ratio
from bench.threads import variables as thread_variables
from reports import format as text
from reports.context import Context, fastest
from reports.points import Point, Scope, speed_up

_CLOSE = 1.05
"""Without an interval, a lead smaller than this is not called a lead."""


@dataclass(frozen=True)
class Finding:
    """What is fastest at one batch size, and the ``seconds`` that an epoch takes with it.

    ``rivals`` are the best points of all other trainers with the lead of ``best`` over each, the
    closest first.  ``speed_up`` is over the baseline and ``over_floor`` over the floor, both under
    the condition of ``best``.
    """

    scope: Scope
    batch_size: int
    best: Point
    seconds: float
    rivals: tuple[tuple[Point, Ratio], ...]
    speed_up: Ratio | None
    over_floor: Ratio | None

    @property
    def undecided(self) -> tuple[str, ...]:
        """Implementations that may be as fast as the best."""
        return tuple(point.implementation for point, lead in self.rivals if may_be_equal(lead))


def may_be_equal(lead: Ratio) -> bool:
    """Whether a lead is too small or too uncertain to be called one."""
    if lead.low is None:
        return lead.value < _CLOSE
    return lead.low <= 1


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
        name: fastest([p for c in conditions if (p := context.point(name, c, batch_size))])
        for name in context.trainers
    }
    timed = [point for point in candidates.values() if point]
    best = fastest(timed)
    if best is None or best.epoch is None:
        return None
    leads = [(point, speed_up(point, best)) for point in timed if point is not best]
    rivals = sorted(((p, lead) for p, lead in leads if lead), key=lambda pair: pair[1].value)
    key = (best.implementation, best.condition, batch_size)
    is_baseline = best.implementation == context.baseline
    return Finding(
        scope,
        batch_size,
        best,
        best.epoch.value,
        tuple(rivals),
        None if is_baseline else context.speed_ups.get(key),
        context.over_floor.get(key),
    )


def certainty(ratio: Ratio) -> str:
    """How sure a ratio is: its interval, or why it has none."""
    if not ratio.paired:
        return "measured in different blocks, so without an interval"
    if ratio.low is None or ratio.high is None:
        processes = text.count(ratio.processes, "process", "processes")
        return f"from {processes}, too few for an interval"
    low, high = text.significant(ratio.low), text.significant(ratio.high)
    return f"{CONFIDENCE:.0%} interval {low} to {high}".replace("%", " %")


def headline(context: Context, finding: Finding) -> str:
    """A finding in one sentence: who, where, how fast, by how much, how sure."""
    best = finding.best
    sentence = (
        f"At batch {finding.batch_size} with {context.label(best.condition)}, "
        f"{best.implementation} trains an epoch of {best.examples} examples in "
        f"{text.seconds(finding.seconds)}"
    )
    clauses = []
    if finding.speed_up:
        value = text.significant(finding.speed_up.value)
        clauses.append(
            f"{value} times as fast as {context.baseline} ({certainty(finding.speed_up)})"
        )
    elif best.implementation == context.baseline:
        clauses.append("it is the baseline itself")
    if finding.over_floor:
        value = text.significant(finding.over_floor.value)
        clauses.append(f"{value} times the time of the floor")
    return f"{sentence}: {', '.join(clauses)}." if clauses else f"{sentence}."


def lead(context: Context, finding: Finding) -> str:
    """How the best stands to the closest other implementation, or that there is none."""
    if not finding.rivals:
        return "No other implementation was measured at this batch size."
    rival, ratio = finding.rivals[0]
    place = (
        ""
        if rival.condition == finding.best.condition
        else f" with {context.label(rival.condition)}"
    )
    value, sure = text.significant(ratio.value), certainty(ratio)
    if not may_be_equal(ratio):
        return f"{rival.implementation}{place} comes next: it takes {value} times as long ({sure})."
    return (
        f"Whether it is faster than {rival.implementation}{place} is unresolved: that one takes "
        f"{value} times as long ({sure})."
    )


def export_line(point: Point) -> str:
    """The shell line that gives a process the thread count and the setting of ``point``.

    Empty where nothing was asked for.
    """
    setting = dict(point.cell.setting)
    wanted = {**thread_variables(point.cell.threads), **setting}
    assignments = [f"{name}={shlex.quote(value)}" for name, value in wanted.items() if value]
    unset = [name for name, value in setting.items() if value is None]
    parts = [f"unset {' '.join(unset)}"] if unset else []
    if assignments:
        parts.append(f"export {' '.join(assignments)}")
    return "; ".join(parts)


def failure_details(context: Context) -> tuple[tuple[str, str], ...]:
    """The end of what failed workers printed, each text once, with the name of the first cell."""
    found: dict[str, str] = {}
    for gap in context.gaps:
        if gap.detail:
            found.setdefault(gap.detail, gap.cell.id)
    return tuple((cell, detail) for detail, cell in found.items())


def gap_sentences(context: Context) -> tuple[str, ...]:
    """What was not measured and why, one sentence per implementation, outcome and reason."""
    counted = Counter((gap.kind, gap.cell.implementation, gap.reason) for gap in context.gaps)
    return tuple(
        f"{name}: {kind} ({text.count(number, 'outcome')}): {reason.rstrip('.')}."
        for (kind, name, reason), number in counted.items()
    )


def remarks(context: Context) -> tuple[str, ...]:
    """What a reader must know about the documents as a whole before trusting them."""
    found = []
    if not all(document.complete for document in context.results):
        found.append("The run was interrupted: what is shown is valid, but not all was measured.")
    if any(scope.run for scope in context.scopes):
        found.append(
            "The documents are shown as separate runs: they hold the same cells or disagree about "
            "machine, data or network, so nothing is compared across them."
        )
    if not all(p.whole_epochs for p in context.points.values() if p.epoch):
        found.append("Where no whole epoch was timed, it is reckoned from steps.")
    found += [dataset.note for dataset in context.datasets() if dataset.note]
    return tuple(found)


def sentences(context: Context) -> tuple[str, ...]:
    """The whole answer: the headline first, then what else is known and what is not."""
    found: list[str] = []
    for place, finding in enumerate(findings(context)):
        found.append(headline(context, finding))
        if place == 0:
            found.append(lead(context, finding))
            line = export_line(finding.best)
            found += [f"Reproduce with: {line}"] if line else []
    if not found:
        found.append("Nothing was measured, so nothing can be compared.")
    return (*found, *gap_sentences(context), *remarks(context))
