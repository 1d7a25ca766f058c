"""All stops side by side: epoch times with bars of blocks, one table per condition."""

from __future__ import annotations

from collections.abc import Sequence

from bench.observations.points import Condition
from impls.row import Row
from reports import format as text
from reports import markdown
from reports.context import Context

WIDTH = 16
"""Characters of the longest bar."""
_EIGHTHS = "▏▎▍▌▋▊▉█"


def overviews(context: Context, stops: Sequence[Row]) -> list[tuple[str, str]]:
    """Return a condition and its table, for each in which any stop has an epoch."""
    return [
        (context.label(condition), _table(context, stops, condition))
        for condition in context.conditions
        if any(p.epoch for (_, where, _), p in context.points.items() if where == condition)
    ]


def _table(context: Context, stops: Sequence[Row], condition: Condition) -> str:
    sizes = context.batch_sizes(condition.scope)
    seconds = {
        (row.name, size): point.epoch.value
        for row in stops
        for size in sizes
        if (point := context.point(row.name, condition, size)) and point.epoch
    }
    longest = {
        size: max((value for (_, other), value in seconds.items() if other == size), default=0.0)
        for size in sizes
    }
    rows = [
        [
            f"[{row.name}](#{markdown.anchor(row.name)})",
            *(_cell(seconds.get((row.name, size)), longest[size]) for size in sizes),
        ]
        for row in stops
    ]
    headings = ["", *(f"batch {size}" for size in sizes)]
    return markdown.table(headings, rows, left=range(len(headings)))


def _cell(seconds: float | None, longest: float) -> str:
    """Return a time above its bar; a dash where there is none."""
    if seconds is None:
        return "-"
    return f"{text.seconds(seconds)}<br>{bar(seconds / longest)}"


def bar(share: float) -> str:
    """A bar as long as ``share`` of :data:`WIDTH`, to an eighth of a character, one at least."""
    eighths = max(1, round(8 * WIDTH * share))
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest - 1] if rest else "")
