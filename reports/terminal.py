"""The table that a terminal shows after a run."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from bench.observations.points import Condition, Key, trainings
from bench.stats.estimates import MINIMUM_PROCESSES
from bench.stats.verdicts import Kind, within
from reports import format as text
from reports import rounding
from reports.context import Context
from reports.trainings import held_in

_MARKS: Mapping[Kind, str] = {
    "same": " =",
    "likely faster": " (likely)",
    "likely slower": " (likely)",
    "unclear": " ?",
}
"""What follows a speed-up that is none, or that may be none."""
_FIRST = "implementation"
_BORDER = 3
"""Characters of a column that hold no text."""


@dataclass(frozen=True)
class _Column:
    """One batch size under one condition."""

    condition: Condition
    batch_size: int
    heading: Text
    cells: list[Text]

    @property
    def width(self) -> int:
        """Characters that it takes, its border included."""
        lines = [line for one in (self.heading, *self.cells) for line in one.plain.splitlines()]
        return max(map(len, lines), default=0) + _BORDER


def epoch_tables(context: Context, width: int) -> Group:
    """Epoch time of each implementation, one column per batch size and condition.

    One line per implementation, the least time first.  Where there is a target it is the time of
    training until that was held, and in how many trainings it was.  Each cell also gives the
    speed-up over the baseline, with its interval where there is one column alone, or the outcome
    where nothing was measured.  Marks tell what a speed-up does not say.  Columns that do not fit
    into ``width`` characters go into further tables.
    """
    ranking = context.ranked
    title = _what(context) + (f", speed-up over {context.baseline}" if context.baseline else "")
    names = _tried(context)
    first = max([len(_FIRST), *map(len, names)]) + _BORDER + 1
    places = _places(context)
    columns = [
        _column(context, ranking, names, *place, is_alone=len(places) == 1) for place in places
    ]
    tables: list[Table] = []
    for part in _fitting(columns, width - first):
        table = Table(
            title=None if tables else Text(title), title_justify="left", box=box.SIMPLE_HEAD
        )
        table.add_column(_FIRST, no_wrap=True)
        for column in part:
            table.add_column(column.heading, justify="right")
        for row in _by_time(ranking, names, part):
            # Text, not str: rich would read square brackets in a name as markup.
            table.add_row(Text(names[row]), *(column.cells[row] for column in part))
        tables.append(table)
    tables[-1].caption = _legend(ranking)
    return Group(*tables)


def _what(context: Context) -> str:
    """Return what the cells are the time of, as the title has it."""
    targets = {context.target(scope) for scope in context.scopes} or {None}
    times = ["Epoch time"] if None in targets else []
    times += [
        f"Training until a test accuracy of {text.target(target)} is held"
        for target in sorted(one for one in targets if one is not None)
    ]
    return " or ".join([*times[:1], *(f"{time[:1].lower()}{time[1:]}" for time in times[1:])])


def _places(context: Context) -> list[tuple[Condition, int]]:
    """Return every condition and batch size, sizes of one condition side by side."""
    return [
        (condition, batch_size)
        for scope in context.scopes
        for condition in context.conditions_of(scope)
        for batch_size in context.batch_sizes(scope)
    ]


def _tried(context: Context) -> list[str]:
    """The implementations that could run; what cannot run here is named once above the table."""
    tried = {key[0] for key in context.points}
    tried |= {gap.cell.implementation for gap in context.gaps if gap.kind != "unavailable"}
    found = [name for name in context.implementations if name in tried]
    return found or list(context.implementations)


def _by_time(ranking: Context, names: Sequence[str], part: Sequence[_Column]) -> list[int]:
    """Places of ``names`` by the geometric mean of their times in a table; those without come last.

    A name without a time in some of the columns stands where the others put it.
    """

    def key(row: int) -> tuple[bool, float]:
        points = [
            ranking.points.get((names[row], column.condition, column.batch_size)) for column in part
        ]
        logs = [math.log(point.epoch.value) for point in points if point and point.epoch]
        return not logs, statistics.mean(logs) if logs else 0.0

    return sorted(range(len(names)), key=key)


def _column(
    context: Context,
    ranking: Context,
    names: Sequence[str],
    condition: Condition,
    batch_size: int,
    *,
    is_alone: bool,
) -> _Column:
    heading = Text(f"batch {batch_size}\n{context.label(condition)}")
    keys = [(name, condition, batch_size) for name in names]
    return _Column(
        condition,
        batch_size,
        heading,
        _aligned([_parts(context, ranking, key, with_interval=is_alone) for key in keys]),
    )


def _aligned(rows: Sequence[_Parts]) -> list[Text]:
    """Return one line for each: its parts below each other."""
    number = max((len(row.texts) for row in rows), default=0)
    filled = [(*row.texts, *[""] * (number - len(row.texts))) for row in rows if row.texts]
    widths = [max(map(len, column)) for column in zip(*filled, strict=True)]
    return [
        Text(
            "  ".join(
                part.rjust(wide) for part, wide in zip(row.texts, widths, strict=False) if wide
            ),
            style=row.style,
        )
        if row.texts
        else Text(row.word, style=row.style)
        for row in rows
    ]


def _fitting(columns: list[_Column], width: int) -> list[list[_Column]]:
    """``columns`` in parts that fit; a single one that does not is a part of its own.

    Those of one condition stay together where they fit into a part.
    """
    parts: list[list[_Column]] = [[]]
    for _, group in itertools.groupby(columns, key=lambda column: column.condition):
        together = list(group)
        if parts[-1] and _width([*parts[-1], *together]) > width:
            parts.append([])
        for column in together:
            if parts[-1] and _width([*parts[-1], column]) > width:
                parts.append([])
            parts[-1].append(column)
    return parts


def _width(columns: list[_Column]) -> int:
    return sum(column.width for column in columns)


def _legend(context: Context) -> Text | None:
    """Return what the marks in the table mean; None where there are none."""
    codes = {verdict.code for verdict in context.verdicts.values()}
    words = []
    if "within-margin" in codes:
        words.append(f"= the same {within(context.margin)}")
    if any(one.kind.startswith("likely") for one in context.verdicts.values()):
        words.append("(likely) faster or slower alone, not among all comparisons")
    unclear = {one.code for one in context.verdicts.values() if one.kind == "unclear"}
    if unclear - {"too-few"}:
        words.append("? unclear")
    elif "too-few" in codes:
        words.append(f"? unclear: fewer than {MINIMUM_PROCESSES} blocks")
    return Text(", ".join(words)) if words else None


@dataclass(frozen=True)
class _Parts:
    """What a cell says: texts that stand below those of other rows, or one word."""

    texts: tuple[str, ...] = ()
    word: str = ""
    style: str = ""


def _cell(context: Context, ranking: Context, key: Key) -> Text:
    """Return one cell by itself."""
    return _aligned([_parts(context, ranking, key, with_interval=False)])[0]


def _parts(context: Context, ranking: Context, key: Key, *, with_interval: bool) -> _Parts:
    """Time, speed-up, interval and mark; the fastest trainer of a column is bold."""
    _, condition, batch_size = key
    measured, point = context.points.get(key), ranking.points.get(key)
    held = held_in(measured) if measured and trainings(measured) else ""
    if measured is not None and point is None and held:
        return _Parts(word=f"not ranked, held in {held}", style="dim")
    if point is None or point.epoch is None:
        word = context.absence(*key) if point is None else "phases only"
        return _Parts(word=word, style="dim")
    texts = [rounding.seconds(point.epoch)]
    verdict = ranking.verdicts.get(key)
    ratio = rounding.times(verdict.ratio) if verdict else ""
    texts.append(ratio + (_MARKS.get(verdict.kind, "") if verdict else ""))
    if with_interval:
        ends = rounding.interval(verdict.ratio) if verdict else ""
        texts.append(f"({ends})" if ends else "")
    if held:
        texts.append(f"held in {held}")
    is_best = point is ranking.best(condition, batch_size)
    return _Parts(tuple(texts), style="bold" if is_best else "")
