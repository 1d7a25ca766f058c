"""Verdicts on ratios: faster, slower, the same within a margin, or unresolved, each with a reason.

A table of ratios is judged as one family, so that a larger table does not raise more false alarms;
and the fastest of many is judged as what it is, the one that was picked for being the fastest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.judging import stats
from bench.judging.stats import CONFIDENCE, LEAST_ERROR, MINIMUM_PROCESSES, Ratio

Kind = Literal["faster", "slower", "same", "unresolved"]
Code = Literal[
    "outside-margin", "differs", "within-margin", "too-wide", "not-after-holm", "too-few"
]

MARGIN = 0.03
"""Relative differences below this matter to nobody, unless the user says otherwise."""
ALPHA = 0.05
"""How often a table may hold a false verdict."""

_MOST_BLOCKS = 1000


@dataclass(frozen=True)
class Verdict:
    """What a ratio says at a margin.

    ``code`` says which rule decided and ``reason`` puts it in words.  ``p`` is that of the test
    that decided, adjusted for the number of comparisons: of equivalence where ``kind`` is
    ``same``, of difference elsewhere; None where there are too few processes for a test.
    ``remedy``, also part of ``reason``, says what would answer an open question.
    """

    kind: Kind
    code: Code
    ratio: Ratio
    p: float | None
    margin: float
    reason: str
    remedy: str = ""


@dataclass(frozen=True)
class _Tests:
    """The p values of one ratio, alone and adjusted, and what they are adjusted for."""

    difference: float
    equivalence: float
    adjusted_difference: float
    adjusted_equivalence: float
    adjustment: str


def judge(ratios: Sequence[Ratio], margin: float | Sequence[float] = MARGIN) -> list[Verdict]:
    """One verdict per ratio; all of them are one table, or family.  ``margin`` may be one for each.

    Two questions are asked of each: can it be 1, and can it lie beyond the margin.  Each question
    is adjusted by Holm over the table, so that in at most 5 % of tables any ratio of 1 is called
    faster or slower, and in at most 5 % any ratio beyond the margin is called the same.  Where the
    second is refuted the ratio is the same within the margin, although it may differ from 1.
    """
    margins = margin if isinstance(margin, Sequence) else [margin] * len(ratios)
    placed = list(zip(ratios, margins, strict=True))
    differences = [stats.difference_p(ratio) for ratio in ratios]
    equivalences = [stats.equivalence_p(ratio, within) for ratio, within in placed]
    columns = (differences, equivalences, stats.holm(differences), stats.holm(equivalences))
    tested = [[p for p in column if p is not None] for column in columns]
    number = len(tested[0])
    adjustment = f", adjusted for {number} comparisons" if number > 1 else ""
    tests = iter([_Tests(a, b, c, d, adjustment) for a, b, c, d in zip(*tested, strict=True)])
    return [
        _verdict(ratio, within, None if ratio.error is None else next(tests))
        for ratio, within in placed
    ]


def judge_lead(leads: Sequence[Ratio], candidates: int, margin: float = MARGIN) -> Verdict:
    """Whether the fastest of ``candidates`` really leads; the verdict is on its closest lead.

    ``leads`` says how many times faster the winner is than each of those it is held against.  It
    was picked for being fastest, so that its lead is flattered, the more so the more it was picked
    from.  Therefore it must beat every rival, each in a two-sided test: the p is that of the
    weakest evidence.  Let B be truly fastest.  A wrong winner is named only where another one
    beats all of its rivals, hence B too, and no two can do so at once; for normal means Gutmann
    and Maymin (1987) and Hung and Fithian (2019) prove that the error then stays below the level
    for any number of candidates, so that no further adjustment is due.  With scatter that differs
    and is estimated, simulation shows the same.  That winner and runner-up are the same is claimed
    of a pair that was picked, where nothing of this kind holds: it is adjusted for all pairs.

    Raises:
        ValueError: no lead, or fewer candidates than the winner and one other.
    """
    if not leads or candidates < 2:
        raise ValueError("a lead needs a winner and at least one other candidate")
    closest = min(leads, key=lambda lead: lead.value)
    difference, equivalence = _evidence(closest), stats.equivalence_p(closest, margin)
    if difference is None or equivalence is None:
        return _verdict(closest, margin, None)
    evidence = [p for p in map(_evidence, leads) if p is not None]
    tests = _Tests(
        difference=difference,
        equivalence=equivalence,
        adjusted_difference=max(evidence),
        adjusted_equivalence=min(1.0, equivalence * candidates * (candidates - 1) / 2),
        adjustment=f", picked from {candidates}" if candidates > 2 else "",
    )
    found = _verdict(closest, margin, tests)
    return _with_others(found, leads)


def readable(value: float) -> str:
    """A ratio in three significant digits, and a fourth just above 1, where the third is little."""
    return f"{value:#.{4 if 1 <= value < 2 else 3}g}".rstrip(".")


def interval(ratio: Ratio) -> str:
    """The interval of a ratio in words; empty where it has none."""
    if ratio.low is None or ratio.high is None:
        return ""
    return f"{100 * CONFIDENCE:.0f} % interval {readable(ratio.low)} to {readable(ratio.high)}"


def probability(p: float) -> str:
    """A p value in words."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def within(margin: float) -> str:
    """A margin in words."""
    return f"within {100 * margin:.3g} %"


def _evidence(lead: Ratio) -> float | None:
    """The p of a lead; where the winner is behind in the blocks both share, that is none: 1."""
    return stats.difference_p(lead) if lead.value > 1 or lead.error is None else 1.0


def _with_others(found: Verdict, leads: Sequence[Ratio]) -> Verdict:
    """A verdict on the closest lead with what the others have to do with it."""
    tested = [lead for lead in leads if lead.error is not None]
    weakest = max(tested, key=lambda lead: _evidence(lead) or 0.0)
    if found.kind == "unresolved" and weakest is not found.ratio:
        remedy = _more(weakest, _blocks_needed(weakest, [(0.0, ALPHA / 2)]))
        reason = (
            f"Unresolved: another one, over which the lead is {readable(weakest.value)} "
            f"({interval(weakest)}), may be faster still. {remedy}"
        )
        found = replace(found, reason=reason, remedy=remedy)
    untested = len(leads) - len(tested)
    if not untested:
        return found
    return replace(found, reason=f"{found.reason} Too few blocks to test {untested} of the others.")


def _verdict(ratio: Ratio, margin: float, tests: _Tests | None) -> Verdict:
    """The verdict that the tests of one ratio give; without tests there were too few processes."""
    if tests is None:
        reason = (
            f"Unresolved: {readable(ratio.value)} times as fast, from "
            f"{_count(ratio, ratio.processes)}, too few for an interval."
        )
        remedy = f"At least {_count(ratio, MINIMUM_PROCESSES)} are needed."
        return Verdict("unresolved", "too-few", ratio, None, margin, f"{reason} {remedy}", remedy)
    kind, code = _rule(ratio, margin, tests)
    p = tests.adjusted_equivalence if kind == "same" else tests.adjusted_difference
    remedy = _remedy(ratio, margin, tests, code)
    sentences = [_reason(ratio, margin, tests, kind, code), remedy]
    if not ratio.paired:
        sentences.append("Measured at different times, so a drift of the machine is not excluded.")
    return Verdict(kind, code, ratio, p, margin, " ".join(filter(None, sentences)), remedy)


def _rule(ratio: Ratio, margin: float, tests: _Tests) -> tuple[Kind, Code]:
    """The first rule that holds, of those in :func:`judge`."""
    if tests.adjusted_equivalence <= ALPHA:
        return "same", "within-margin"
    if tests.adjusted_difference <= ALPHA:
        low, high = ratio.low or 0.0, ratio.high or math.inf
        outside = low > 1 + margin or high < 1 / (1 + margin)
        kind: Kind = "faster" if ratio.value > 1 else "slower"
        return kind, "outside-margin" if outside else "differs"
    alone = min(tests.difference, tests.equivalence) <= ALPHA
    return "unresolved", "not-after-holm" if alone else "too-wide"


def _reason(ratio: Ratio, margin: float, tests: _Tests, kind: Kind, code: Code) -> str:
    """The verdict in words: size, interval, p and how many comparisons."""
    share = f"{100 * margin:.3g} %"
    size = f"{readable(ratio.value)} times as fast ({interval(ratio)})"
    none = f"{probability(tests.adjusted_difference)} for no difference"
    beyond = f"{probability(tests.adjusted_equivalence)} for one beyond {share}"
    both = f"{none}, {beyond}{tests.adjustment}"
    reasons: dict[Code, str] = {
        "within-margin": f"The same {within(margin)}: {size}; {beyond}{tests.adjustment}.",
        "outside-margin": f"{kind.capitalize()} by more than {share}: {size}; "
        f"{none}{tests.adjustment}.",
        "differs": f"{kind.capitalize()}, but whether by more than {share} is open: {size}; "
        f"{none}{tests.adjustment}.",
        "too-wide": f"Unresolved: {size} is too wide; {both}.",
        "not-after-holm": f"Unresolved: {size} would count alone, but not here; {both}.",
    }
    return reasons[code]


def _remedy(ratio: Ratio, margin: float, tests: _Tests, code: Code) -> str:
    """What would answer what is open: roughly how many blocks, if all stayed as it is."""
    if code in ("within-margin", "outside-margin"):
        return ""
    edge = math.log1p(margin)
    if code == "differs":
        questions = [(edge, ALPHA / 2)]
    else:
        # A test that the adjustment weakens must reach a smaller p of its own.
        alone = tests.difference / tests.adjusted_difference
        inside = tests.equivalence / tests.adjusted_equivalence
        questions = [(0.0, ALPHA / 2 * alone), (edge, ALPHA * inside)]
    return _more(ratio, _blocks_needed(ratio, questions))


def _more(ratio: Ratio, blocks: float) -> str:
    """So many blocks, and at least one more than there are, as an advice."""
    if blocks > _MOST_BLOCKS:
        return f"Even {_count(ratio, _MOST_BLOCKS)} would hardly settle it."
    return f"About {_count(ratio, max(math.ceil(blocks), ratio.processes + 1))} would settle it."


def _blocks_needed(ratio: Ratio, questions: Sequence[tuple[float, float]]) -> float:
    """The fewest that answer one of the questions with this ratio and this scatter.

    Each question is a log ratio to be told apart from and the one-sided p that this takes.
    """
    size, error = abs(math.log(ratio.value)), max(ratio.error or 0.0, LEAST_ERROR)
    needed = [
        ratio.processes * (stats.quantile(1 - p, ratio.freedom) * error / (size - apart)) ** 2
        for apart, p in questions
        if size != apart
    ]
    return min(needed, default=math.inf)


def _count(ratio: Ratio, number: int) -> str:
    noun = "block" if ratio.paired else "process on each side"
    plural = "blocks" if ratio.paired else "processes on each side"
    return f"{number} {noun if number == 1 else plural}"
