"""What each stop gained, from the context to the cells of its tables, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.observations.points import Key, Point
from bench.stats import estimates
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict, readable
from impls.contract import PHASES
from impls.row import Row
from reports import format as text
from reports import markdown
from reports.context import Context
from reports.markdown import escape


@dataclass(frozen=True)
class Line:
    """One batch size under one condition; empty texts where there is nothing to compare with."""

    batch_size: int
    condition: str
    epoch: str
    gain: str
    whole: str
    floor: str


@dataclass(frozen=True)
class Phases:
    """Seconds per epoch, before and after, of every phase at each batch size."""

    condition: str
    batch_sizes: tuple[int, ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Gains:
    """What was measured of one stop.

    ``before`` is the stop that it is compared with, ``baseline`` the first one; each is empty where
    there is none.  ``absence`` says why there is no line, where there is none.
    """

    before: str
    baseline: str
    lines: tuple[Line, ...]
    phases: Phases | None
    absence: str


def gains(context: Context, stops: Sequence[Row]) -> dict[str, Gains]:
    """Return the gains of all ``stops``, in the order of the walk, by name.

    A floor is no stop to gain on: what it is compared with stands at the others.
    """
    before = _before(context, stops)
    verdicts = _over_the_one_before(context, before)
    return {row.name: _gains(context, row, before[row.name], verdicts) for row in stops}


def _before(context: Context, stops: Sequence[Row]) -> dict[str, str]:
    """The name of the last measured stop before each; empty for the first and for a floor."""
    measured = {name for name, _, _ in context.points}
    found, last = {}, ""
    for row in stops:
        found[row.name] = "" if row.is_floor else last
        last = row.name if row.name in measured else last
    return found


def _over_the_one_before(context: Context, before: Mapping[str, str]) -> dict[Key, Verdict]:
    """Return how much faster each stop is than the one before it, where both were measured."""
    pairs = [
        (reference, point)
        for (name, condition, batch_size), point in context.points.items()
        if (reference := context.point(before.get(name, ""), condition, batch_size))
    ]
    found = zip(pairs, context.judged.verdicts(pairs), strict=True)
    return {point.key: verdict for (_, point), verdict in found if verdict is not None}


def blocks(found: Gains) -> list[str]:
    """Return the tables of a stop, and what has to be said beside them."""
    if found.absence:
        return [f"Not in these results: {found.absence}."]
    columns = {
        f"over {found.before}": [line.gain for line in found.lines],
        f"over {found.baseline}": [line.whole for line in found.lines],
        "times the floor's time": [line.floor for line in found.lines],
    }
    filled = {heading: cells for heading, cells in columns.items() if any(cells)}
    rows = [
        [line.condition, str(line.batch_size), line.epoch, *(cell or "-" for cell in cells)]
        for line, *cells in zip(found.lines, *filled.values(), strict=True)
    ]
    shown = [markdown.table(["with", "batch", "epoch", *filled], rows)]
    if found.phases:
        headings = [f"batch {size}" for size in found.phases.batch_sizes]
        first = f"phase, with {found.phases.condition}"
        lines = [[phase, *cells] for phase, cells in found.phases.lines]
        shown.append(markdown.table([first, *headings], lines))
    if found.before and not any(line.gain for line in found.lines):
        shown.append(f"These results hold nothing of {found.before} to compare it with.")
    return shown


def _gains(context: Context, row: Row, before: str, verdicts: Mapping[Key, Verdict]) -> Gains:
    groups = [
        (condition, size)
        for condition in context.conditions
        for size in context.batch_sizes(condition.scope)
    ]
    if not any((row.name, *group) in context.points for group in groups):
        reasons = dict.fromkeys(context.absence(row.name, *group) for group in groups)
        return Gains(before, "", (), None, text.listing(list(reasons)) or "nothing was measured")
    return Gains(
        before,
        context.baseline or "",
        tuple(_line(context, (row.name, *group), verdicts) for group in groups),
        _phases(context, row.name, before),
        "",
    )


def _line(context: Context, key: Key, verdicts: Mapping[Key, Verdict]) -> Line:
    name, condition, batch_size = key
    label = escape(context.label(condition))
    point = context.point(name, condition, batch_size)
    if point is None or point.epoch is None:
        absence = "phases only" if point else context.absence(name, condition, batch_size)
        return Line(batch_size, label, absence, "", "", "")
    verdict = verdicts.get(key)
    floor = None if context.is_floor(name) else context.over_floor.get(key)
    whole = None if name == context.baseline else context.speed_ups.get(key)
    return Line(
        batch_size,
        label,
        text.seconds(point.epoch.value),
        shown(verdict.ratio, verdict) if verdict else "",
        shown(whole, context.verdicts.get(key)) if whole else "",
        shown(floor) if floor else "",
    )


def shown(ratio: Ratio, verdict: Verdict | None = None) -> str:
    """Return a ratio with its interval, and the verdict where it is not that it is faster."""
    times = f"{readable(ratio.value)} \N{MULTIPLICATION SIGN}"
    if ratio.low is None or ratio.high is None:
        return times
    kind = "" if verdict is None or verdict.kind == "faster" else f", {verdict.kind}"
    return f"{times} ({readable(ratio.low)} to {readable(ratio.high)}){kind}"


def _phases(context: Context, name: str, before: str) -> Phases | None:
    """Phases under the first condition that has any; None where none was timed apart."""
    for condition in context.conditions:
        sizes = context.batch_sizes(condition.scope)
        now = [context.point(name, condition, size) for size in sizes]
        then = [context.point(before, condition, size) for size in sizes]
        pairs = list(zip(then, now, strict=True))
        lines = tuple(
            (phase, tuple(_change(one, other, phase) for one, other in pairs))
            for phase in PHASES
            if any(point and point.rounds(phase) for point in now)
        )
        if lines:
            return Phases(escape(context.label(condition)), sizes, lines)
    return None


def _change(before: Point | None, after: Point | None, phase: str) -> str:
    """Return seconds per epoch in a phase, with those of the stop before where it has them."""
    seconds = [_seconds(point, phase) for point in (before, after)]
    return (
        " \N{RIGHTWARDS ARROW} ".join(
            text.seconds(second) for second in seconds if second is not None
        )
        or "-"
    )


def _seconds(point: Point | None, phase: str) -> float | None:
    rounds = point.rounds(phase, point.examples) if point else {}
    return estimates.estimate(list(rounds.values())).value if rounds else None
