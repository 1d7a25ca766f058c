"""Verdicts on ratios: faster, slower, the same within a margin, or unresolved, each with a reason.

A table of ratios is judged as one family, so that a larger table does not raise more false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bench.judging import stats
from bench.judging.remedies import advice, blocks_needed, counted
from bench.judging.stats import CONFIDENCE, MINIMUM_PROCESSES, Ratio

Kind = Literal["faster", "slower", "same", "unresolved"]
Code = Literal[
    "outside-margin",
    "differs",
    "within-margin",
    "too-wide",
    "not-after-holm",
    "too-few",
    "disturbed",
]

MARGIN = 0.03
"""Relative differences below this matter to nobody, unless the user says otherwise."""
ALPHA = 0.05
"""How often a table may hold a false verdict of one kind; see :func:`judge` for the kinds."""


@dataclass(frozen=True)
class Verdict:
    """What a ratio says at a margin.

    ``code`` says which rule decided and ``reason`` puts it in words.  ``p`` is adjusted for the
    number of comparisons: that of equivalence where ``kind`` is ``same``, of difference elsewhere;
    None where there are too few processes for a test.  ``remedy``, also part of ``reason``, says
    what would answer an open question.
    """

    kind: Kind
    code: Code
    ratio: Ratio
    p: float | None
    margin: float
    reason: str
    remedy: str = ""


@dataclass(frozen=True)
class Tested:
    """The p of one question about one ratio, ``alone`` and ``adjusted`` for its family.

    ``level`` is the p that an open question would have to reach alone to be refuted next.
    """

    alone: float
    adjusted: float
    level: float

    @property
    def refuted(self) -> bool:
        """Whether the hypothesis is rejected."""
        return self.adjusted <= ALPHA


@dataclass(frozen=True)
class Tests:
    """The three questions about one ratio, and in words what their p values are adjusted for.

    Can it be 1; can it lie within the margin; can it lie beyond the margin.
    """

    none: Tested
    inside: Tested
    beyond: Tested
    adjustment: str


def judge(ratios: Sequence[Ratio], margin: float | Sequence[float] = MARGIN) -> list[Verdict]:
    """One verdict per ratio; all of them are one table, or family.  ``margin`` may be one for each.

    Three questions are asked of each: can it be 1, can it lie within the margin, can it lie beyond
    the margin.  Each question is adjusted by Holm over the table, so that each kind of false
    verdict is in at most 5 % of tables: that a ratio of 1 is called faster or slower, that one
    within the margin is called faster or slower by more than the margin, that one beyond the margin
    is called the same.  Where the last question is refuted the ratio is the same within the margin,
    although it may differ from 1.
    """
    margins = margin if isinstance(margin, Sequence) else [margin] * len(ratios)
    placed = list(zip(ratios, margins, strict=True))
    questions = (
        family([stats.difference_p(ratio) for ratio in ratios]),
        family([stats.difference_p(ratio, within) for ratio, within in placed]),
        family([stats.equivalence_p(ratio, within) for ratio, within in placed]),
    )
    number = sum(ratio.error is not None for ratio in ratios)
    adjustment = f", adjusted for {number} comparisons" if number > 1 else ""
    return [
        verdict(ratio, within, Tests(none, inside, beyond, adjustment))
        if none and inside and beyond
        else too_few(ratio, within)
        for (ratio, within), none, inside, beyond in zip(placed, *questions, strict=True)
    ]


def family(ps: Sequence[float | None]) -> list[Tested | None]:
    """One question asked of several ratios, adjusted by Holm; without a p it is not asked."""
    adjusted = stats.holm(ps)
    # What is refuted already no longer weakens the rest.
    still_open = sum(p is not None and p > ALPHA for p in adjusted)
    level = ALPHA / max(still_open, 1)
    return [
        None if alone is None or among is None else Tested(alone, among, level)
        for alone, among in zip(ps, adjusted, strict=True)
    ]


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


def too_few(ratio: Ratio, margin: float) -> Verdict:
    """The verdict on a ratio without an interval."""
    reason = (
        f"Unresolved: {readable(ratio.value)} times as fast, from "
        f"{counted(ratio, ratio.processes)}, too few for an interval."
    )
    remedy = f"At least {counted(ratio, MINIMUM_PROCESSES)} are needed."
    return Verdict("unresolved", "too-few", ratio, None, margin, f"{reason} {remedy}", remedy)


def disturbed(ratio: Ratio, margin: float, what: str) -> Verdict:
    """The verdict on a ratio of times that were disturbed beyond use; ``what`` says which were."""
    reason = f"Unresolved: {readable(ratio.value)} times as fast, but {what}."
    remedy = "Measure again on a quiet machine."
    return Verdict("unresolved", "disturbed", ratio, None, margin, f"{reason} {remedy}", remedy)


def verdict(
    ratio: Ratio, margin: float, tests: Tests, leads: Sequence[Ratio] | None = None
) -> Verdict:
    """The verdict that the tests of one ratio give.

    Where it is the closest of several ``leads``, that there is a difference is asked of them all.
    """
    kind, code = _rule(ratio, tests)
    p = (tests.beyond if kind == "same" else tests.none).adjusted
    remedy = _remedy(ratio, leads or [ratio], margin, tests, code)
    sentences = [_reason(ratio, margin, tests, kind, code), remedy]
    if not ratio.paired:
        sentences.append("Measured at different times, so a drift of the machine is not excluded.")
    return Verdict(kind, code, ratio, p, margin, " ".join(filter(None, sentences)), remedy)


def _rule(ratio: Ratio, tests: Tests) -> tuple[Kind, Code]:
    """The first rule that holds, of those in :func:`judge`."""
    if tests.beyond.refuted:
        return "same", "within-margin"
    if tests.none.refuted:
        kind: Kind = "faster" if ratio.value > 1 else "slower"
        return kind, "outside-margin" if tests.inside.refuted else "differs"
    alone = min(tests.none.alone, tests.beyond.alone) <= ALPHA
    return "unresolved", "not-after-holm" if alone else "too-wide"


def _reason(ratio: Ratio, margin: float, tests: Tests, kind: Kind, code: Code) -> str:
    """The verdict in words: size, interval, p and how many comparisons."""
    share = f"{100 * margin:.3g} %"
    size = f"{readable(ratio.value)} times as fast ({interval(ratio)})"
    none = f"{probability(tests.none.adjusted)} for no difference"
    inside = f"{probability(tests.inside.adjusted)} for one {within(margin)}"
    beyond = f"{probability(tests.beyond.adjusted)} for one beyond {share}"
    found = kind.capitalize()
    reasons: dict[Code, str] = {
        "within-margin": f"The same {within(margin)}: {size}; {beyond}",
        "outside-margin": f"{found} by more than {share}: {size}; {none}, {inside}",
        "differs": f"{found}, but whether by more than {share} is open: {size}; {none}",
        "too-wide": f"Unresolved: {size} is too wide; {none}, {beyond}",
        "not-after-holm": f"Unresolved: {size} would count alone, but not here; {none}, {beyond}",
    }
    return f"{reasons[code]}{tests.adjustment}."


def _remedy(ratio: Ratio, leads: Sequence[Ratio], margin: float, tests: Tests, code: Code) -> str:
    """What would answer what is open: roughly how many blocks, if all stayed as it is."""
    if code in ("within-margin", "outside-margin"):
        return ""
    edge, size = math.log1p(margin), abs(math.log(ratio.value))
    needed = math.inf
    if size < edge:
        needed = blocks_needed(ratio, edge, tests.beyond.level)
    if code != "differs":
        level = tests.none.level / 2
        needed = min(needed, max(blocks_needed(lead, 0.0, level) for lead in leads))
    elif size > edge:
        needed = max(blocks_needed(lead, edge, tests.inside.level / 2) for lead in leads)
    return advice(ratio, needed)
