"""Cells against cells: matched on every coordinate but one, and judged as one table.

Numbers of two runs are never merged: a cell is what one document holds of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.documents.results import Unavailable
from bench.observations.pairs import Judged
from bench.observations.points import NoResult, Point
from bench.observations.selection import BATCH_SIZE, IMPLEMENTATION, Question, key, value
from bench.stats import estimates
from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict


@dataclass(frozen=True)
class Pair:
    """Two cells that differ in one coordinate, and the verdict on the second.

    Seconds are those of an iteration, or of one example where batch sizes are compared.
    """

    reference: Point
    other: Point
    reference_seconds: float
    other_seconds: float
    verdict: Verdict

    @property
    def ratio(self) -> Ratio:
        """How many times faster the second is."""
        return self.verdict.ratio


@dataclass(frozen=True)
class Apart:
    """A cell that is not compared, or not in full, and why.

    ``lost`` says that its partner was measured and this cell was refused or failed.
    """

    point: Point
    reason: str
    lost: bool = False


@dataclass(frozen=True)
class Comparison:
    """The answer: every pair with its verdict, and every cell that has none."""

    question: Question
    pairs: tuple[Pair, ...]
    apart: tuple[Apart, ...]

    @property
    def lost(self) -> tuple[Apart, ...]:
        """Cells that were refused or failed where their partner was measured."""
        return tuple(cell for cell in self.apart if cell.lost)


def compare(points: Sequence[Point], question: Question, judged: Judged) -> Comparison:
    """Return the matches among ``points``, with the verdicts that ``judged`` holds on them.

    What is not among them, such as a comparison of runs or of a phase, is a separate family.
    """
    groups: dict[tuple[object, ...], list[Point]] = defaultdict(list)
    for point in points:
        groups[key(point, question.coordinate)].append(point)
    apart: list[Apart] = []
    matches: list[tuple[Point, Point]] = []
    for match in (match for group in groups.values() for match in _matches(group, question)):
        if isinstance(match, Apart):
            apart.append(match)
        else:
            apart += _problem(*match, question)
            matches.append(match)
    verdicts = judged.verdicts(matches, question.phase)
    pairs = tuple(
        Pair(reference, other, _seconds(reference, question), _seconds(other, question), verdict)
        for (reference, other), verdict in zip(matches, verdicts, strict=True)
        if verdict is not None
    )
    return Comparison(question, pairs, tuple(apart))


def _matches(group: Sequence[Point], question: Question) -> Iterator[tuple[Point, Point] | Apart]:
    """Yield reference and other of each match among cells that differ in one coordinate only."""

    def alone(point: Point) -> Apart:
        trouble = _trouble(point, question.phase)
        return Apart(point, f"only {question.place(point)}" + (f"; {trouble}" if trouble else ""))

    references = [
        point for point in group if value(point, question.coordinate) == question.baseline
    ]
    matched = []
    for other in (point for point in group if point not in references):
        partners = [
            point for point in references if point.document_index == other.document_index
        ] or references
        if question.coordinate == IMPLEMENTATION and other.is_floor:
            yield Apart(other, "it trains nothing; --baseline compares the others with it")
        elif not partners:
            yield alone(other)
        elif len(partners) > 1:
            where = ", ".join(f"{point.label} on {point.cell.device}" for point in partners)
            reason = (
                f"{question.place(partners[0])} it is there {len(partners)} times ({where}), and "
                "they are not merged: compare the runs with --by run, or give one of them"
            )
            yield Apart(other, reason)
        else:
            matched += partners
            yield partners[0], other
    yield from (alone(point) for point in references if point not in matched)


def _problem(reference: Point, other: Point, question: Question) -> Iterator[Apart]:
    """Yield what keeps a match from being compared, or from being compared in full."""
    sides = (reference, other)
    troubles = [_trouble(point, question.phase) for point in sides]
    reasons = [
        f"{question.place(point)}: {trouble}"
        for point, trouble in zip(sides, troubles, strict=True)
        if trouble
    ]
    if not reasons:
        return
    if troubles[0] == troubles[1]:
        reasons = [f"on both sides: {troubles[0]}"]
    timed = [bool(point.rounds(question.phase)) for point in sides]
    if all(timed):
        reasons.append("the rest is compared")
    is_lost = timed[0] and not _refused(reference) and bool(_refused(other))
    yield Apart(other, "; ".join(reasons), is_lost)


def _trouble(point: Point, phase: str) -> str:
    """Return why a cell, or a part of it, has no rounds; empty where all is well."""
    gaps = _refused(point) or point.gaps
    if gaps:
        total = len(point.gaps) + len(point.measured)
        part = f" in {len(gaps)} of {total} processes" if len(gaps) < total else ""
        return f"{type(gaps[0]).__name__.lower()}{part}: {gaps[0].reason}"
    return "" if point.rounds(phase) else f"measured, but its {phase} was not timed"


def _refused(point: Point) -> tuple[NoResult, ...]:
    """Return the outcomes that are worse than being unavailable here."""
    return tuple(gap for gap in point.gaps if not isinstance(gap, Unavailable))


def _seconds(point: Point, question: Question) -> float:
    """Return the estimate of the duration that a reader expects to see."""
    per_example = estimates.estimate(list(point.rounds(question.phase, 1).values())).value
    if question.coordinate == BATCH_SIZE:
        return per_example
    return per_example * point.spans[question.phase][0].examples
