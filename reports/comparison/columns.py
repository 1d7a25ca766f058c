"""The columns that a comparison's table has, whatever it is drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.observations.comparison import Pair
from bench.observations.selection import BATCH_SIZE, IMPLEMENTATION, RUN, THREADS, value
from bench.stats.verdicts import Kind
from reports import format as text
from reports.comparison import words
from reports.comparison.answer import Answer


@dataclass(frozen=True)
class ComparisonColumn:
    """One column: ``cells`` has one entry per pair."""

    heading: str
    cells: tuple[str, ...]
    justify: Literal["left", "right"] = "left"


def columns(answer: Answer) -> list[ComparisonColumn]:
    """Coordinates that vary, both times, and the verdict with all that belongs to it."""
    pairs = answer.comparison.pairs
    by_pair = [_coordinates(pair, answer) for pair in pairs]
    named = [ComparisonColumn(name, tuple(one[name] for one in by_pair)) for name in by_pair[0]]
    varying = [one for one in named if len(set(one.cells)) > 1 or one.heading == IMPLEMENTATION]
    values = {value(pair.other, answer.coordinate) for pair in pairs}
    other = answer.place(values.pop()) if len(values) == 1 else "compared"
    return [
        *varying,
        _numbers(answer.reference, [text.seconds(pair.reference_seconds) for pair in pairs]),
        _numbers(other, [text.seconds(pair.other_seconds) for pair in pairs]),
        _numbers("change of time", [words.signed_change(pair) for pair in pairs]),
        _numbers("95 % interval", [words.signed_interval(pair) for pair in pairs]),
        ComparisonColumn("verdict", tuple(pair.verdict.kind for pair in pairs)),
        ComparisonColumn("why", tuple(pair.verdict.code for pair in pairs)),
    ]


def constant(answer: Answer) -> list[str]:
    """Return what all rows have in common and no column shows."""
    by_pair = [_coordinates(pair, answer) for pair in answer.comparison.pairs]
    found = {name: {one[name] for one in by_pair} for name in by_pair[0]}
    network = {pair.other.cell.network for pair in answer.comparison.pairs}
    shown = {IMPLEMENTATION, answer.coordinate, *([RUN] if len(answer.labels) == 1 else [])}
    shared = [
        f"{name} {next(iter(values))}"
        for name, values in found.items()
        if len(values) == 1 and values != {""} and name not in shown
    ]
    return [f"network {text.listing(sorted(network))}", *shared]


def kinds(answer: Answer) -> list[Kind]:
    """Return the verdict of each row."""
    return [pair.verdict.kind for pair in answer.comparison.pairs]


def _numbers(heading: str, cells: Sequence[str]) -> ComparisonColumn:
    return ComparisonColumn(heading, tuple(cells), "right")


def _coordinates(pair: Pair, answer: Answer) -> dict[str, str]:
    """Return where a pair stands, by the name of the coordinate."""
    cell = pair.other.cell
    here, there = pair.other.label, pair.reference.label
    crossing = here if answer.coordinate == RUN or here == there else f"{there} → {here}"
    setting = tuple(one for one in cell.setting if one[0] != answer.coordinate)
    return {
        IMPLEMENTATION: cell.implementation,
        "device": cell.device,
        BATCH_SIZE: str(cell.batch_size),
        THREADS: value(pair.other, THREADS),
        "setting": text.setting(setting),
        answer.coordinate: value(pair.other, answer.coordinate),
        RUN: crossing,
    }
