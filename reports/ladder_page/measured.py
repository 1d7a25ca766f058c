"""What was measured of the stops: an overview of all, and the tables of each, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.observations.points import Condition, Point, PointKey
from bench.stats import estimates
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict, readable
from impls.contract import PHASES
from impls.row import Row
from reports import format as text
from reports import markdown
from reports.context import Context
from reports.markdown import escape

WIDTH = 16
"""Characters of the longest bar."""
_EIGHTHS = "▏▎▍▌▋▊▉█"


def overviews(context: Context, stops: Sequence[Row]) -> list[tuple[str, str]]:
    """Return a condition and its table, for each in which any stop has an epoch.

    A cell is an epoch time above its bar; of each column, the longest bar is the longest time.
    """
    return [
        (context.label(condition), _overview(context, stops, condition))
        for condition in context.conditions
        if any(p.epoch for (_, where, _), p in context.points.items() if where == condition)
    ]


def _overview(context: Context, stops: Sequence[Row], condition: Condition) -> str:
    columns = []
    for size in context.batch_sizes(condition.scope):
        points = [context.point(row.name, condition, size) for row in stops]
        times = [point.epoch.value if point and point.epoch else None for point in points]
        longest = max((time for time in times if time is not None), default=0.0)
        cells = [
            "-" if time is None else f"{text.seconds(time)}<br>{bar(time / longest)}"
            for time in times
        ]
        columns.append([f"batch {size}", *cells])
    names = ["", *(f"[{row.name}](#{markdown.anchor(row.name)})" for row in stops)]
    headings, *rows = zip(names, *columns, strict=True)
    return markdown.table(headings, rows, left=range(len(headings)))


def bar(share: float) -> str:
    """Return a bar as long as ``share`` of :data:`WIDTH`, to an eighth of a character."""
    eighths = max(1, round(8 * WIDTH * share))
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest - 1] if rest else "")


def gains(context: Context, stops: Sequence[Row]) -> dict[str, list[str]]:
    """Return the tables of each stop, and what has to be said beside them, by name.

    A stop is compared with the last one before it that was measured.  A floor is no stop to gain
    on: what it is compared with stands at the others.
    """
    measured = {name for name, _, _ in context.points}
    before, last = {}, ""
    for row in stops:
        before[row.name] = "" if row.is_floor else last
        last = row.name if row.name in measured else last
    pairs = [
        (reference, point)
        for (name, condition, batch_size), point in context.points.items()
        if (reference := context.point(before.get(name, ""), condition, batch_size))
    ]
    judged = zip(pairs, context.judged.verdicts(pairs), strict=True)
    verdicts = {point.key: verdict for (_, point), verdict in judged if verdict is not None}
    return {row.name: _gains(context, row.name, before[row.name], verdicts) for row in stops}


def _gains(
    context: Context, name: str, before: str, verdicts: Mapping[PointKey, Verdict]
) -> list[str]:
    keys = [
        PointKey(name, condition, size)
        for condition in context.conditions
        for size in context.batch_sizes(condition.scope)
    ]
    if not any(key in context.points for key in keys):
        reasons = dict.fromkeys(context.absence(*key) for key in keys)
        return [f"Not in these results: {text.listing(reasons) or 'nothing was measured'}."]
    headings = (
        "with", "batch", "epoch", f"over {before}", f"over {context.baseline}",
        "times the floor's time",
    )  # fmt: skip
    lines = [_line(context, key, verdicts.get(key)) for key in keys]
    # The stop before and the baseline share a heading, and so a column, where they are the same;
    # where there is nothing to compare with, a column is left out.
    columns = dict(zip(headings, zip(*lines, strict=True), strict=True))
    filled = {heading: cells for heading, cells in columns.items() if any(cells)}
    rows = [[cell or "-" for cell in row] for row in zip(*filled.values(), strict=True)]
    shown = [markdown.table(list(filled), rows)]
    phases = _phases(context, name, before)
    shown += [phases] if phases else []
    if before and not any(key in verdicts for key in keys):
        shown.append(f"These results hold nothing of {before} to compare it with.")
    return shown


def _line(context: Context, key: PointKey, verdict: Verdict | None) -> tuple[str, ...]:
    """Return one batch size under one condition; empty where there is nothing to compare with."""
    name, condition, batch_size = key
    label = escape(context.label(condition))
    point = context.points.get(key)
    if point is None or point.epoch is None:
        return (
            label,
            str(batch_size),
            "phases only" if point else context.absence(*key),
            *[""] * 3,
        )
    whole = None if name == context.baseline else context.speed_ups.get(key)
    floor = None if context.is_floor(name) else context.over_floor.get(key)
    return (
        label,
        str(batch_size),
        text.seconds(point.epoch.value),
        _shown(verdict.ratio, verdict) if verdict else "",
        _shown(whole, context.verdicts.get(key)) if whole else "",
        _shown(floor) if floor else "",
    )


def _shown(ratio: Ratio, verdict: Verdict | None = None) -> str:
    """Return a ratio with its interval, and the verdict where it is not that it is faster."""
    times = f"{readable(ratio.value)} \N{MULTIPLICATION SIGN}"
    if ratio.low is None or ratio.high is None:
        return times
    kind = "" if verdict is None or verdict.kind == "faster" else f", {verdict.kind}"
    return f"{times} ({readable(ratio.low)} to {readable(ratio.high)}){kind}"


def _phases(context: Context, name: str, before: str) -> str | None:
    """Return phases under the first condition that has any; None where none was timed apart.

    A cell has the seconds per epoch, after those of the stop before where it has them.
    """
    for condition in context.conditions:
        sizes = context.batch_sizes(condition.scope)
        now = [context.point(name, condition, size) for size in sizes]
        then = [context.point(before, condition, size) for size in sizes]
        rows = [
            [phase, *(_change(phase, *pair) for pair in zip(then, now, strict=True))]
            for phase in PHASES
            if any(point and point.rounds(phase) for point in now)
        ]
        if rows:
            first = f"phase, with {escape(context.label(condition))}"
            return markdown.table([first, *(f"batch {size}" for size in sizes)], rows)
    return None


def _change(phase: str, *points: Point | None) -> str:
    rounds = [point.rounds(phase, point.examples) for point in points if point]
    seconds = [estimates.estimate(list(some.values())).value for some in rounds if some]
    return " \N{RIGHTWARDS ARROW} ".join(map(text.seconds, seconds)) or "-"
