"""Cells against cells: matched on every coordinate but one, and judged as one table.

Numbers of two runs are never merged: a cell is what one document holds of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.documents.results import Unavailable
from bench.judging import disturbed, stats
from bench.judging.coordinates import BATCH_SIZE, IMPLEMENTATION, Gap, Side
from bench.judging.question import Question
from bench.judging.stats import Ratio
from bench.judging.verdicts import Verdict, judge
from bench.judging.verdicts import disturbed as disturbed_verdict


@dataclass(frozen=True)
class Pair:
    """Two cells that differ in one coordinate, and the verdict on the second.

    Seconds are those of an iteration, or of one example where batch sizes are compared.
    """

    reference: Side
    other: Side
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

    side: Side
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
        return tuple(one for one in self.apart if one.lost)


def compare(
    found: Sequence[Side], question: Question, margin_of: Callable[[Side], float]
) -> Comparison:
    """Match and judge; ``margin_of`` gives the margin for a cell that is not the reference."""
    groups: dict[tuple[object, ...], list[Side]] = {}
    for side in found:
        groups.setdefault(side.key(question.coordinate), []).append(side)
    apart: list[Apart] = []
    matches: list[tuple[Side, Side, Ratio]] = []
    for match in (match for group in groups.values() for match in _matches(group, question)):
        if isinstance(match, Apart):
            apart.append(match)
            continue
        ratio = _ratio(*match, question.phase)
        apart += _problem(*match, question, ratio)
        if ratio is not None:
            matches.append((*match, ratio))
    verdicts = _judged(matches, margin_of, _beyond_use(found))
    pairs = tuple(
        Pair(
            reference,
            other,
            _seconds(reference, question),
            _seconds(other, question),
            verdict,
        )
        for (reference, other, _), verdict in zip(matches, verdicts, strict=True)
    )
    return Comparison(question, pairs, tuple(apart))


def _judged(
    matches: Sequence[tuple[Side, Side, Ratio]],
    margin_of: Callable[[Side], float],
    spoilt: Mapping[int, str],
) -> list[Verdict]:
    """A verdict for each match; those of a ``spoilt`` run or cell have no part in the family."""
    whats = [
        next((what for side in match[:2] if (what := spoilt.get(side.run) or _spoilt(side))), "")
        for match in matches
    ]
    sound = [match for match, what in zip(matches, whats, strict=True) if not what]
    judged = iter(judge([ratio for *_, ratio in sound], [margin_of(one) for _, one, _ in sound]))
    return [
        disturbed_verdict(ratio, margin_of(other), what) if what else next(judged)
        for (_, other, ratio), what in zip(matches, whats, strict=True)
    ]


def _beyond_use(found: Sequence[Side]) -> dict[int, str]:
    """The runs of whose rounds most were disturbed, and how many that were."""
    counts: dict[int, tuple[int, int, str]] = {}
    for side in found:
        number, rounds, _ = counts.get(side.run, (0, 0, ""))
        more, of = _counted(side)
        counts[side.run] = number + more, rounds + of, side.label
    return {
        run: f"{number} of {rounds} rounds in {label} were disturbed"
        for run, (number, rounds, label) in counts.items()
        if disturbed.is_beyond_use(number, rounds)
    }


def _spoilt(side: Side) -> str:
    """How many rounds of a cell were disturbed, where these are most of them."""
    number, rounds = _counted(side)
    if not disturbed.is_beyond_use(number, rounds):
        return ""
    where = f" of {side.cell.id} in {side.label}"
    return f"{number} of {rounds} rounds{where} were disturbed"


def _counted(side: Side) -> tuple[int, int]:
    """How many rounds of a cell were disturbed, of how many that were watched."""
    counts = [disturbed.counted(one.timings) for one in side.measured]
    return sum(number for number, _ in counts), sum(rounds for _, rounds in counts)


def _matches(group: Sequence[Side], question: Question) -> Iterator[tuple[Side, Side] | Apart]:
    """Reference and other for each match among cells that differ in one coordinate only."""
    references = [side for side in group if side.value(question.coordinate) == question.baseline]
    matched = []
    for other in group:
        if other.value(question.coordinate) == question.baseline:
            continue
        partners = [side for side in references if side.run == other.run] or references
        if question.coordinate == IMPLEMENTATION and other.is_limit:
            yield Apart(other, "it trains nothing; --baseline compares the others with it")
        elif not partners:
            yield _alone(other, question)
        elif len(partners) > 1:
            yield Apart(other, _ambiguous(partners, question))
        else:
            matched += partners
            yield partners[0], other
    for side in references:
        if side not in matched:
            yield _alone(side, question)


def _alone(side: Side, question: Question) -> Apart:
    trouble = _trouble(side, question.phase)
    return Apart(side, f"only {question.place(side)}" + (f"; {trouble}" if trouble else ""))


def _ambiguous(partners: Sequence[Side], question: Question) -> str:
    where = ", ".join(f"{side.label} on {side.cell.device}" for side in partners)
    return (
        f"{question.place(partners[0])} it is there {len(partners)} times ({where}), and they are "
        "not merged: compare the runs with --by run, or give one of them"
    )


def _ratio(reference: Side, other: Side, phase: str) -> Ratio | None:
    """Paired by block within a run; None where there is nothing to divide."""
    theirs, ours = reference.rounds(phase), other.rounds(phase)
    if not theirs or not ours:
        return None
    if reference.run != other.run:
        return stats.unpaired_ratio(list(theirs.values()), list(ours.values()))
    return stats.paired_ratio(theirs, ours) if theirs.keys() & ours.keys() else None


def _problem(
    reference: Side, other: Side, question: Question, ratio: Ratio | None
) -> Iterator[Apart]:
    """What keeps a match from being compared, or from being compared in full."""
    troubles = [_trouble(side, question.phase) for side in (reference, other)]
    places = [question.place(side) for side in (reference, other)]
    reasons = [f"{where}: {why}" for where, why in zip(places, troubles, strict=True) if why]
    if all(troubles) and troubles[0] == troubles[1]:
        reasons = [f"on both sides: {troubles[0]}"]
    if ratio is not None and reasons:
        reasons.append("the rest is compared")
    elif ratio is None and not reasons:
        reasons.append(f"no block holds it both {' and '.join(places)}, so no ratio can be paired")
    if reasons:
        sound = reference.rounds(question.phase) and not _refused(reference)
        yield Apart(other, "; ".join(reasons), lost=bool(sound and _refused(other)))


def _trouble(side: Side, phase: str) -> str:
    """Why a cell, or a part of it, has no rounds; empty where all is well."""
    gaps = _refused(side) or side.gaps
    if gaps:
        total = len(side.gaps) + len(side.measured)
        part = f" in {len(gaps)} of {total} processes" if len(gaps) < total else ""
        return f"{type(gaps[0]).__name__.lower()}{part}: {gaps[0].reason}"
    return "" if side.rounds(phase) else f"measured, but its {phase} was not timed"


def _refused(side: Side) -> tuple[Gap, ...]:
    """Outcomes that are worse than being unavailable here."""
    return tuple(gap for gap in side.gaps if not isinstance(gap, Unavailable))


def _seconds(side: Side, question: Question) -> float:
    """The estimate of the duration that a reader expects to see."""
    per_example = stats.estimate(list(side.rounds(question.phase).values())).value
    if question.coordinate == BATCH_SIZE:
        return per_example
    timings = (timing for one in side.measured for timing in one.timings)
    return per_example * next(one.examples for one in timings if one.phase == question.phase)
