"""The tables of a comparison: verdicts, what else differs, and what was not compared."""

from __future__ import annotations

from collections.abc import Sequence

from bench.observations.matching import Pair
from bench.observations.selection import BATCH_SIZE, IMPLEMENTATION, RUN, THREADS, value
from bench.stats.verdicts import Kind
from reports import format as text
from reports.comparison import words
from reports.comparison.answer import MOST_NAMED, Answer
from reports.tables import Column, Table, TableCell, TableRow, columns

COLOURS: dict[Kind, str] = {
    "faster": "green",
    "slower": "bold red",
    "same": "",
    "likely faster": "yellow",
    "likely slower": "yellow",
    "unclear": "yellow",
}


def verdicts(answer: Answer) -> Table:
    """Return one row per pair: coordinates that vary, both times, the verdict and its reason."""
    pairs = answer.comparison.pairs
    places = [_coordinates(pair, answer) for pair in pairs]
    values = {name: {place[name] for place in places} for name in places[0]}
    varying = [
        name for name, places_of in values.items() if len(places_of) > 1 or name == IMPLEMENTATION
    ]
    others = {value(pair.other, answer.coordinate) for pair in pairs}
    rows = [
        TableRow(
            (
                *(TableCell(place[name]) for name in varying),
                TableCell(text.seconds(pair.reference_seconds), pair.reference_seconds),
                TableCell(text.seconds(pair.other_seconds), pair.other_seconds),
                TableCell(words.signed_change(pair)),
                TableCell(words.signed_interval(pair)),
                TableCell(pair.verdict.kind, colour=COLOURS[pair.verdict.kind]),
                TableCell(pair.verdict.code),
            )
        )
        for pair, place in zip(pairs, places, strict=True)
    ]
    times = (answer.reference, answer.place(others.pop()) if len(others) == 1 else "compared")
    headings = (
        *(Column(name, numeric=False, whole=True) for name in varying),
        *columns(*times, "change of time", "95 % interval", text_columns=0),
        *(Column(name, numeric=False, whole=True) for name in ("verdict", "why")),
    )
    return Table(_constant(answer, values), headings, tuple(rows))


def stacked(table: Table) -> Table:
    """Return the table of :func:`verdicts` with what belongs together below each other."""
    first = len(table.columns) - 6
    parts = [range(first), [first], [first + 1], [first + 2, first + 3], [first + 4, first + 5]]
    return Table(
        table.caption,
        tuple(
            Column(
                "\n".join(table.columns[place].title for place in part),
                table.columns[part[0]].numeric,
                table.columns[part[0]].whole,
            )
            for part in parts
        ),
        tuple(
            TableRow(
                tuple(
                    TableCell(
                        "\n".join(row.cells[place].text for place in part),
                        colour=row.cells[part[0]].colour,
                    )
                    for part in parts
                )
            )
            for row in table.rows
        ),
    )


def differences(answer: Answer, caption: str = "", *, shortened: bool = False) -> Table:
    """Return one row per field that differs and may explain a verdict.

    ``shortened``, names of implementations are counted where they are many, and a document is named
    only where several differ.
    """
    several = len({difference.document_index for difference in answer.of_interest}) > 1
    rows = []
    for difference in answer.of_interest:
        where: Sequence[str] = difference.where
        if shortened and len(where) > MOST_NAMED:
            where = [text.count(len(where), "implementation")]
        if several or not shortened:
            where = (answer.labels[difference.document_index], *where)
        shown = (difference.reference, difference.other, ", ".join(where), difference.reason)
        rows.append(TableRow(tuple(map(TableCell, (difference.field, *shown)))))
    headings = (
        Column("field", numeric=False, whole=True),
        *columns("reference", "compared", "in", "what it means", text_columns=4),
    )
    return Table(caption, headings, tuple(rows))


def apart(answer: Answer, caption: str = "") -> Table:
    """Return one row per cell that is not compared, or not in full."""
    rows = tuple(TableRow((TableCell(cell), TableCell(reason))) for cell, reason in answer.apart)
    return Table(caption, columns("cell", "why", text_columns=2), rows)


def _constant(answer: Answer, values: dict[str, set[str]]) -> str:
    """Return what all rows have in common and no column shows."""
    shown = {IMPLEMENTATION, answer.coordinate, *([RUN] if len(answer.labels) == 1 else [])}
    shared = [
        f"{name} {next(iter(shared_values))}"
        for name, shared_values in values.items()
        if len(shared_values) == 1 and shared_values != {""} and name not in shown
    ]
    networks = sorted({pair.other.cell.network for pair in answer.comparison.pairs})
    return ", ".join([f"network {text.listing(networks)}", *shared])


def _coordinates(pair: Pair, answer: Answer) -> dict[str, str]:
    """Return where a pair stands, by the name of the coordinate."""
    cell = pair.other.cell
    here, there = pair.other.label, pair.reference.label
    crossing = here if answer.coordinate == RUN or here == there else f"{there} → {here}"
    setting = tuple(item for item in cell.setting if item[0] != answer.coordinate)
    return {
        IMPLEMENTATION: cell.implementation,
        "device": cell.device,
        BATCH_SIZE: str(cell.batch_size),
        THREADS: value(pair.other, THREADS),
        "setting": text.setting(setting),
        answer.coordinate: value(pair.other, answer.coordinate),
        RUN: crossing,
    }
