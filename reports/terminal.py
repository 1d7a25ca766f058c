"""The table that a terminal shows after a run."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from bench.stats import MINIMUM_PROCESSES
from bench.verdicts import Kind, within
from reports import format as text
from reports.context import Context
from reports.points import Condition

_MARKS: Mapping[Kind, str] = {"same": " =", "unresolved": " ?"}
"""What follows a speed-up that is none, or that may be none."""


def epoch_table(context: Context) -> Table:
    """Epoch time of each implementation, one column per batch size and condition.

    Each cell also gives the speed-up over the baseline and the share of the floor where there are
    such rows, or the outcome where nothing was measured.  Marks tell what a speed-up does not say.
    """
    title = "Epoch time" + (f", speed-up over {context.baseline}" if context.baseline else "")
    if context.floors:
        title += ", share of the floor"
    # Text, not str: rich would read square brackets in a name as markup.
    table = Table(title=Text(title), title_justify="left")
    table.add_column("implementation", no_wrap=True)
    columns = [
        (condition, batch_size)
        for scope in context.scopes
        for batch_size in context.batch_sizes(scope)
        for condition in context.conditions_of(scope)
    ]
    for condition, batch_size in columns:
        heading = Text(f"batch {batch_size}\n{context.label(condition)}")
        table.add_column(heading, justify="right")
    for name in context.implementations:
        cells = [_cell(context, name, condition, size) for condition, size in columns]
        table.add_row(Text(name), *cells)
    table.caption = _legend(context)
    return table


def _legend(context: Context) -> Text | None:
    """What the marks in the table mean; None where there are none."""
    codes = {verdict.code for verdict in context.verdicts.values()}
    words = []
    if "within-margin" in codes:
        words.append(f"= the same {within(context.margin)}")
    if codes & {"too-wide", "not-after-holm"}:
        words.append("? unresolved")
    elif "too-few" in codes:
        words.append(f"? unresolved: fewer than {MINIMUM_PROCESSES} blocks")
    return Text(", ".join(words)) if words else None


def _cell(context: Context, name: str, condition: Condition, batch_size: int) -> Text:
    """Time, speed-up and share of one cell; the fastest trainer of a column is bold."""
    point = context.point(name, condition, batch_size)
    if point is None or point.epoch is None:
        word = context.absence(name, condition, batch_size) if point is None else "phases only"
        return Text(word, style="dim")
    parts = [text.seconds(point.epoch.value)]
    key = (name, condition, batch_size)
    verdict = context.verdicts.get(key)
    if verdict:
        parts.append(text.times(verdict.ratio.value) + _MARKS.get(verdict.kind, ""))
    if not context.is_floor(name) and key in context.over_floor:
        parts.append(text.percent(1 / context.over_floor[key].value))
    is_best = point is context.best(condition, batch_size)
    return Text("\n".join(parts), style="bold" if is_best else "")
