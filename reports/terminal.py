"""Tables in a terminal, and the one that it shows after a run."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

import rich.table
from rich import box
from rich.console import Group
from rich.text import Text

from bench.observations.points import Condition, PointKey
from bench.stats.estimates import BLOCKS_FOR_INTERVAL
from bench.stats.verdicts import Kind, within
from reports import format as text
from reports import rounding
from reports.context import Context
from reports.facts.trainings import held_in
from reports.tables import Column, Table, TableCell, TableRow, word

_MARKS: Mapping[Kind, str] = {
    "same": " =",
    "likely faster": " (likely)",
    "likely slower": " (likely)",
    "unclear": " ?",
}
"""What follows a speed-up that does not count as it stands."""
_BORDER = 3
"""Characters of a column that hold no text."""

_Place = tuple[Condition, int]
"""A condition and a batch size."""


def draw(
    table: Table,
    *,
    frame: box.Box = box.HEAVY_HEAD,
    lines_between: bool = False,
    narrow: bool = False,
) -> rich.table.Table:
    """Return ``table`` for a terminal; its texts are shown as they are, and obeyed by nothing.

    A ``narrow`` one has no frame, and no more room between its columns than needed.
    """
    drawn = rich.table.Table(
        title=_text(table.caption) if table.caption else None,
        title_justify="left",
        box=box.SIMPLE_HEAD if narrow else frame,
        show_lines=lines_between,
        show_edge=not narrow,
        pad_edge=not narrow,
        collapse_padding=narrow,
    )
    for column in table.columns:
        drawn.add_column(
            _text(column.title),
            justify="right" if column.numeric else "left",
            no_wrap=column.whole,
            overflow="fold",
        )
    for row in table.rows:
        drawn.add_row(*map(_cell, row.cells))
    return drawn


def _cell(cell: TableCell) -> Text:
    emphasis = "bold" if cell.strong else "dim" if cell.dim else ""
    return _text(cell.text, cell.colour or emphasis)


def _text(content: str, style: str = "") -> Text:
    """Text, not str: rich would read square brackets in a name as markup."""
    return Text("\n".join(map(text.printable, content.split("\n"))), style)


def epoch_tables(context: Context, width: int) -> Group:
    """Epoch time of each implementation, one column per batch size and condition.

    One line per implementation, the least time first.  Where there is a target it is the time of
    training until that was held, and in how many trainings it was.  Each cell also gives the
    speed-up over the baseline, with its interval where there is one column alone, or the outcome
    where nothing was measured.  Marks tell what a speed-up does not say.  Columns that do not fit
    into ``width`` characters go into further tables.
    """
    ranking = context.for_ranking
    places = [
        (condition, batch_size)
        for scope in context.scopes
        for condition in context.conditions_of(scope)
        for batch_size in context.batch_sizes(scope)
    ]
    # What cannot run here is named once above the tables.
    tried = {key.implementation for key in context.points}
    tried |= {gap.cell.implementation for gap in context.gaps if gap.kind != "unavailable"}
    names = [name for name in context.implementations if name in tried] or context.implementations
    headings = {place: Column(f"batch {place[1]}\n{context.label(place[0])}") for place in places}
    cells = {
        place: _aligned(
            [
                _time_cell(context, PointKey(name, *place), with_interval=len(places) == 1)
                for name in names
            ]
        )
        for place in places
    }
    first = Column("implementation", numeric=False, whole=True)
    widths = {place: _width(headings[place], cells[place]) for place in places}
    room = width - _width(first, list(map(TableCell, names))) - 1
    title = _what(context) + (f", speed-up over {context.baseline}" if context.baseline else "")
    drawn: list[rich.table.Table] = []
    for part in _fitting(places, widths, room):
        rows = [
            TableRow((TableCell(names[row]), *(cells[place][row] for place in part)))
            for row in _by_time(ranking, names, part)
        ]
        columns = (first, *(headings[place] for place in part))
        shown = Table("" if drawn else title, columns, tuple(rows))
        drawn.append(draw(shown, frame=box.SIMPLE_HEAD))
    drawn[-1].caption = _legend(ranking)
    return Group(*drawn)


def _what(context: Context) -> str:
    """Return what the cells are the time of, as the title has it."""
    targets = {context.target(scope) for scope in context.scopes} or {None}
    times = ["Epoch time"] if None in targets else []
    times += [
        f"Training until a test accuracy of {text.target(target)} is held"
        for target in sorted(target for target in targets if target is not None)
    ]
    return " or ".join([*times[:1], *(f"{time[:1].lower()}{time[1:]}" for time in times[1:])])


def _by_time(ranking: Context, names: Sequence[str], part: Sequence[_Place]) -> list[int]:
    """Places of ``names`` by the geometric mean of their times in a table; those without come last.

    A name without a time in some of the columns stands where the others put it.
    """

    def key(row: int) -> tuple[bool, float]:
        points = [ranking.point(names[row], *place) for place in part]
        logs = [math.log(point.epoch.value) for point in points if point and point.epoch]
        return not logs, statistics.mean(logs) if logs else 0.0

    return sorted(range(len(names)), key=key)


def _fitting(
    places: Sequence[_Place], widths: Mapping[_Place, int], room: int
) -> list[list[_Place]]:
    """Return ``places`` in parts that fit; one that is too wide is alone in its part.

    Those of one condition stay together where they fit into a part.
    """

    def fits(columns: Sequence[_Place]) -> bool:
        return sum(widths[place] for place in columns) <= room

    parts: list[list[_Place]] = [[]]
    for _, group in itertools.groupby(places, key=lambda place: place[0]):
        together = list(group)
        if parts[-1] and not fits([*parts[-1], *together]):
            parts.append([])
        for place in together:
            if parts[-1] and not fits([*parts[-1], place]):
                parts.append([])
            parts[-1].append(place)
    return parts


def _width(column: Column, cells: Sequence[TableCell]) -> int:
    """Return the characters that a column takes, its border included."""
    shown = "\n".join([column.title, *(cell.text for cell in cells)])
    return max(map(len, shown.split("\n"))) + _BORDER


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
        words.append(f"? unclear: fewer than {BLOCKS_FOR_INTERVAL} blocks")
    return Text(", ".join(words)) if words else None


def _time_cell(context: Context, key: PointKey, *, with_interval: bool) -> TableCell:
    """Return the time; speed-up, interval and mark are its notes.  A column's best is strong."""
    ranking = context.for_ranking
    measured, point = context.points.get(key), ranking.points.get(key)
    held = held_in(measured) if measured and measured.trainings else ""
    if measured is not None and point is None and held:
        return word(f"not ranked, held in {held}")
    if point is None or point.epoch is None:
        return word(context.absence(*key) if point is None else "phases only")
    verdict = ranking.verdicts.get(key)
    notes = [rounding.times(verdict.ratio) + _MARKS.get(verdict.kind, "") if verdict else ""]
    if with_interval:
        ends = rounding.interval(verdict.ratio) if verdict else ""
        notes.append(f"({ends})" if ends else "")
    if held:
        notes.append(f"held in {held}")
    is_best = point is ranking.best(key.condition, key.batch_size)
    return TableCell(rounding.seconds(point.epoch), point.epoch.value, tuple(notes), strong=is_best)


def _aligned(cells: Sequence[TableCell]) -> list[TableCell]:
    """Return the cells of a column with their notes behind the text, each below its like."""
    lines = [(cell.text, *cell.notes) for cell in cells if cell.value is not None]
    widths = [max(map(len, column)) for column in itertools.zip_longest(*lines, fillvalue="")]
    aligned = []
    for cell in cells:
        shown = cell.text
        if cell.value is not None:
            parts = zip((cell.text, *cell.notes), widths, strict=False)
            shown = "  ".join(part.rjust(wide) for part, wide in parts if wide)
        aligned.append(replace(cell, text=shown, notes=()))
    return aligned
