"""Verdicts on ratios: faster, slower, the same within a margin, or how likely, with a reason.

A table of ratios is judged as one family, so that a larger table does not raise more false alarms.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from bench.stats import estimates
from bench.stats.estimates import BLOCKS_FOR_INTERVAL, CONFIDENCE, LEAST_ERROR, Ratio

Kind = Literal["faster", "slower", "same", "likely faster", "likely slower", "unclear"]
Code = Literal[
    "outside-margin",
    "differs",
    "within-margin",
    "too-wide",
    "not-after-holm",
    "too-few",
    "disturbed",
]

KINDS: tuple[Kind, ...] = ("faster", "slower", "same", "likely faster", "likely slower", "unclear")
OPEN: tuple[Kind, ...] = ("likely faster", "likely slower", "unclear")
"""The kinds that further blocks may still decide."""
MARGIN = 0.03
"""Relative differences below this matter to nobody, unless the user says otherwise."""
ALPHA = 0.05
"""How often a table may hold a false verdict of one kind; see :func:`judge` for the kinds."""
MOST_BLOCKS = 1000
"""Nobody measures more, so no larger number is computed."""


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
    """Three questions about a ratio: is it ``equal`` to 1, ``inside`` the margin, ``beyond`` it?

    ``adjustment`` says in words what the p values are adjusted for.
    """

    equal: Tested
    inside: Tested
    beyond: Tested
    adjustment: str


@dataclass(frozen=True)
class Verdict:
    """What a ratio says at a margin.

    ``code`` says which rule decided and ``reason`` puts it in words.  ``p`` is adjusted for the
    number of comparisons: that of equivalence where ``kind`` is ``same``, of difference elsewhere;
    None where there are too few processes for a test.  ``remedy``, also part of ``reason``, says
    what would answer an open question, and ``blocks`` how many it takes, None where that is not
    known or too many.
    """

    kind: Kind
    code: Code
    ratio: Ratio
    p: float | None
    margin: float
    reason: str
    remedy: str = ""
    blocks: int | None = None
    tests: Tests | None = field(default=None, repr=False, compare=False)

    @property
    def is_open(self) -> bool:
        """Whether further blocks may still decide it."""
        return self.kind in OPEN

    @property
    def reversed(self) -> Verdict:
        """The same verdict said of the reference: slower instead of faster."""
        turned = inverse(self.ratio)
        if self.code == "disturbed":
            return replace(self, ratio=turned)
        if self.tests is None:
            return too_few_verdict(turned, self.margin)
        return verdict(turned, self.margin, self.tests)


@dataclass(frozen=True)
class WinnerLeads:
    """The leads of the fastest of a number of ``candidates``, among the ratios of a table.

    ``leads`` maps places in the table to how many times faster the winner is there; ``picked``
    are those of them that are in the table only because it won.

    Raises:
        ValueError: no lead, or fewer candidates than the winner and one other.
    """

    leads: Mapping[int, Ratio]
    candidates: int
    picked: frozenset[int]

    def __post_init__(self) -> None:
        """Refuse a winner without a rival."""
        if not self.leads or self.candidates < 2:
            raise ValueError("a lead needs a winner and at least one other candidate")

    @property
    def pairs_per_lead(self) -> float:
        """All pairs of candidates over the leads that have a p: what a picked pair stands for."""
        tested = sum(lead.error is not None for lead in self.leads.values())
        return self.candidates * (self.candidates - 1) / 2 / max(tested, 1)


def judge(
    ratios: Sequence[Ratio],
    margin: float | Sequence[float] = MARGIN,
    winners: Sequence[WinnerLeads] = (),
) -> list[Verdict]:
    """Return one verdict per ratio of a table, or family; ``margin`` may be one for each.

    Three questions are asked of each: can it be 1, can it lie within the margin, can it lie beyond
    the margin.  Each question is adjusted by Holm over the table, so that each kind of false
    verdict is in at most 5 % of tables: that a ratio of 1 is called faster or slower, that one
    within the margin is called faster or slower by more than the margin, that one beyond the margin
    is called the same.  Where the last question is refuted the ratio is the same within the margin,
    although it may differ from 1.  What would count as faster or slower alone, but not
    in this table, is likely so.

    A pair that is in the table because one of its two is the fastest was picked from all pairs of
    the candidates, and counts for its share of them.  That a winner is faster than all others needs
    no such adjustment: a wrong winner is named only where it beats all its rivals,
    hence also the one that is truly fastest, and no two can do so at once.  For normal means
    Gutmann and Maymin (1987) and Hung and Fithian (2019) prove that the error then stays below the
    level for any number of candidates.  So the p of the weakest evidence among its leads, adjusted
    by Holm over the winners, holds for all leads of a winner where it is smaller than their own.
    """
    margins = margin if isinstance(margin, Sequence) else [margin] * len(ratios)
    placed = list(zip(ratios, margins, strict=True))
    # For how many pairs each ratio stands.
    weights = [1.0] * len(ratios)
    for winner in winners:
        for place in winner.picked:
            weights[place] = max(weights[place], winner.pairs_per_lead)
    equals, insides, beyonds = (
        family([estimates.difference_p(ratio) for ratio in ratios], weights),
        family([estimates.difference_p(ratio, within) for ratio, within in placed], weights),
        family([estimates.equivalence_p(ratio, within) for ratio, within in placed], weights),
    )
    equals = _strengthened(equals, winners, [0.0] * len(ratios))
    insides = _strengthened(insides, winners, margins)
    number = sum(ratio.error is not None for ratio in ratios)
    adjustment = f", adjusted for {number} comparisons" if number > 1 else ""
    return [
        verdict(ratio, within, Tests(equal, inside, beyond, adjustment))
        if equal and inside and beyond
        else too_few_verdict(ratio, within)
        for (ratio, within), equal, inside, beyond in zip(
            placed, equals, insides, beyonds, strict=True
        )
    ]


def family(
    ps: Sequence[float | None], weights: Sequence[float] | None = None
) -> list[Tested | None]:
    """Return one question asked of several ratios, adjusted by Holm; without a p it is not asked.

    A ratio of weight 3 stands for 3 ratios, of which it was picked.
    """
    weighted = weights or [1.0] * len(ps)
    adjusted = estimates.holm(
        [p if p is None else p * w for p, w in zip(ps, weighted, strict=True)]
    )
    # What is refuted already no longer weakens the rest.
    still_open = sum(p is not None and p > ALPHA for p in adjusted)
    level = ALPHA / max(still_open, 1)
    return [
        None if alone is None or among is None else Tested(alone, among, level / weight)
        for alone, among, weight in zip(ps, adjusted, weighted, strict=True)
    ]


def inverse(ratio: Ratio) -> Ratio:
    """Return the ratio of the reference to the other; both say the same."""
    low, high = (None if end is None else 1 / end for end in (ratio.high, ratio.low))
    return replace(ratio, value=1 / ratio.value, low=low, high=high)


def _strengthened(
    tested: Sequence[Tested | None], winners: Sequence[WinnerLeads], margins: Sequence[float]
) -> list[Tested | None]:
    """Return the tests; those of a winner's leads by its evidence, where that is stronger."""
    strengthened = list(tested)
    evidence = family([_weakest(winner, margins) for winner in winners])
    for winner, among in zip(winners, evidence, strict=True):
        for place, lead in winner.leads.items():
            own = strengthened[place]
            if own and among and lead.value > 1:
                adjusted, level = min(own.adjusted, among.adjusted), max(own.level, among.level)
                strengthened[place] = replace(own, adjusted=adjusted, level=level)
    return strengthened


def _weakest(winner: WinnerLeads, margins: Sequence[float]) -> float | None:
    """Return the p of the weakest evidence for a lead; None where no lead has an interval.

    Where it is behind in the blocks that both share, there is no evidence.
    """
    ps = [
        (1.0 if lead.value <= 1 else estimates.difference_p(lead, margins[place]))
        for place, lead in winner.leads.items()
        if lead.error is not None
    ]
    return max((p for p in ps if p is not None), default=None)


def readable(value: float) -> str:
    """Return a ratio in three significant digits, and in four just above 1."""
    return f"{value:#.{4 if 1 <= value < 2 else 3}g}".rstrip(".")


def interval(ratio: Ratio) -> str:
    """Return the interval of a ratio in words; empty where it has none."""
    if ratio.low is None or ratio.high is None:
        return ""
    return f"{100 * CONFIDENCE:.0f} % interval {readable(ratio.low)} to {readable(ratio.high)}"


def probability(p: float) -> str:
    """Return a p value in words."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def within(margin: float) -> str:
    """Return a margin in words."""
    return f"within {100 * margin:.3g} %"


def too_few_verdict(ratio: Ratio, margin: float) -> Verdict:
    """Return the verdict on a ratio without an interval."""
    reason = (
        f"Unclear: {readable(ratio.value)} times as fast, from "
        f"{counted(ratio, ratio.blocks)}, too few for an interval."
    )
    remedy = f"At least {counted(ratio, BLOCKS_FOR_INTERVAL)} are needed."
    return Verdict(
        "unclear", "too-few", ratio, None, margin, f"{reason} {remedy}", remedy, BLOCKS_FOR_INTERVAL
    )


def disturbed_verdict(ratio: Ratio, margin: float, what: str) -> Verdict:
    """Return the verdict on a ratio of times disturbed beyond use; ``what`` says which were."""
    reason = f"Unclear: {readable(ratio.value)} times as fast, but {what}."
    remedy = "Measure again on a quiet machine."
    return Verdict("unclear", "disturbed", ratio, None, margin, f"{reason} {remedy}", remedy)


def verdict(ratio: Ratio, margin: float, tests: Tests) -> Verdict:
    """Return the verdict that the tests of one ratio give, by the first rule that holds."""
    share = f"{100 * margin:.3g} %"
    size = f"{readable(ratio.value)} times as fast ({interval(ratio)})"
    equal = f"{probability(tests.equal.adjusted)} for no difference"
    inside = f"{probability(tests.inside.adjusted)} for one {within(margin)}"
    beyond = f"{probability(tests.beyond.adjusted)} for one beyond {share}"
    is_faster = ratio.value > 1
    kind: Kind = "faster" if is_faster else "slower"
    word = kind.capitalize()
    code: Code
    if tests.beyond.refuted:
        kind, code = "same", "within-margin"
        reason = f"The same {within(margin)}: {size}; {beyond}"
    elif tests.equal.refuted and tests.inside.refuted:
        code = "outside-margin"
        reason = f"{word} by more than {share}: {size}; {equal}, {inside}"
    elif tests.equal.refuted:
        code = "differs"
        reason = f"{word}, but whether by more than {share} is open: {size}; {equal}"
    elif min(tests.beyond.alone, tests.equal.alone) > ALPHA:
        kind, code = "unclear", "too-wide"
        reason = f"Unclear: {size} is too wide; {equal}, {beyond}"
    else:
        kind, code = ("likely faster" if is_faster else "likely slower"), "not-after-holm"
        if tests.beyond.alone <= ALPHA:
            kind = "unclear"
        reason = (
            f"{kind.capitalize()}: {size} is significant alone, but not after correction; {equal}, "
            f"{beyond}"
        )
    p = (tests.beyond if kind == "same" else tests.equal).adjusted
    needed = _needed(ratio, margin, tests, code)
    remedy = "" if needed is None else advice(ratio, needed)
    blocks = None if needed is None or math.isinf(needed) else int(needed)
    drift = "" if ratio.paired else "Measured at different times; the machine may have drifted."
    reason = " ".join(filter(None, (f"{reason}{tests.adjustment}.", remedy, drift)))
    return Verdict(kind, code, ratio, p, margin, reason, remedy, blocks, tests)


def _needed(ratio: Ratio, margin: float, tests: Tests, code: Code) -> float | None:
    """Return roughly how many blocks answer what is open; None where nothing is."""
    if code in ("within-margin", "outside-margin"):
        return None
    edge, size = math.log1p(margin), abs(math.log(ratio.value))
    needed = math.inf
    if size < edge:
        needed = blocks_needed(ratio, edge, tests.beyond.level)
    if code != "differs":
        needed = min(needed, blocks_needed(ratio, 0.0, tests.equal.level / 2))
    elif size > edge:
        needed = blocks_needed(ratio, edge, tests.inside.level / 2)
    return needed


def blocks_needed(ratio: Ratio, apart: float, p: float) -> float:
    """Return the fewest blocks that distinguish ``ratio`` from a log ratio of ``apart``.

    ``p`` is the one-sided p that this takes.  Ratio and scatter are taken to stay as they are,
    while the error shrinks with the square root of the number of blocks, and each further block
    adds one degree of freedom.  At least one block more than there are; infinite above
    :data:`MOST_BLOCKS`.
    """
    gap = abs(abs(math.log(ratio.value)) - apart)
    error = max(ratio.error or 0.0, LEAST_ERROR)

    def told_apart(blocks: int) -> bool:
        df = ratio.df + blocks - ratio.blocks
        shrunk = error * math.sqrt(ratio.blocks / blocks)
        return estimates.quantile(1 - p, df) * shrunk <= gap

    numbers = range(ratio.blocks + 1, MOST_BLOCKS + 1)
    place = bisect_left(numbers, 1, key=told_apart)
    return numbers[place] if place < len(numbers) else math.inf


def advice(ratio: Ratio, blocks: float) -> str:
    """Return what the number of ``blocks`` means, in words."""
    if math.isinf(blocks):
        return f"Even {counted(ratio, MOST_BLOCKS)} would hardly settle it."
    return f"About {counted(ratio, int(blocks))} would settle it."


def counted(ratio: Ratio, number: int) -> str:
    """Return a number of blocks, or of processes where the two sides do not share blocks."""
    noun = "block" if ratio.paired else "process on each side"
    plural = "blocks" if ratio.paired else "processes on each side"
    return f"{number} {noun if number == 1 else plural}"
