"""A comparison in sentences: the count of verdicts, the worst, and what limits both."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from bench.observations.matching import Pair
from bench.observations.selection import BATCH_SIZE, RUN, value
from bench.stats.estimates import BLOCKS_FOR_INTERVAL
from bench.stats.verdicts import KINDS, Code, within
from reports import format as text
from reports.comparison.answer import Answer, full_name

CODES: dict[Code, str] = {
    "outside-margin": "a difference within the margin is excluded",
    "differs": "there is a difference, but it may lie within the margin",
    "within-margin": "a difference beyond the margin is excluded",
    "too-wide": "the interval is too wide for a verdict",
    "not-after-holm": "it is significant alone, but not after correction for all comparisons",
    "disturbed": "most rounds of a side were disturbed, so they support no verdict",
    "too-few": f"there are fewer than {BLOCKS_FOR_INTERVAL} processes on a side",
}
"""What the codes beside the verdicts mean."""
_LONGEST = 60
NOTHING = "Nothing can be compared: no measured cell has a measured partner."


def sentences(answer: Answer) -> list[str]:
    """Return the answer first, then what a reader must know beside it."""
    pairs, lost = answer.comparison.pairs, len(answer.comparison.lost)
    if answer.obstacles:
        return [_not_comparable(answer)]
    lines = [_verdicts(answer) if pairs else NOTHING]
    slower = [pair for pair in pairs if pair.verdict.kind == "slower"]
    if slower:
        worst = min(slower, key=lambda pair: pair.ratio.value)
        several = answer.coordinate == RUN and len(answer.labels) > 2
        name = full_name(worst.other.cell) + (f" in {worst.other.label}" if several else "")
        lines.append(f"Worst: {name} takes {longer(worst)}{_per(answer)}.")
    if lost:
        were = "was" if lost == 1 else "were"
        lines.append(
            f"{text.count(lost, 'cell')} {were} refused or failed, though the reference was "
            "measured."
        )
    if answer.note:
        lines.append(answer.note)
    if answer.left_out:
        are = "is" if len(answer.left_out) == 1 else "are"
        names = text.listing(answer.left_out)
        lines.append(f"{names} {are} left out: --filter can name a control.")
    if any(not pair.ratio.paired for pair in pairs):
        lines.append("They were measured at different times; the machine may have drifted.")
    return lines


def _not_comparable(answer: Answer) -> str:
    fields = text.listing(
        f"{obstacle.field} ({_shortened(obstacle.reference)} and {_shortened(obstacle.other)})"
        for obstacle in answer.obstacles
    )
    remedy = "Measure again with the same data, network and training."
    if all(obstacle.kind != "forbids" for obstacle in answer.obstacles):
        remedy = "Measure on one machine, or give --across-machines to compare all the same."
    return f"Not comparable: the documents differ in {fields}. {remedy}"


def _verdicts(answer: Answer) -> str:
    """Return what is compared with what, and how many verdicts of each kind there are."""
    pairs = answer.comparison.pairs
    phase = answer.comparison.question.phase.capitalize()
    others = {answer.place(value(pair.other, answer.coordinate)) for pair in pairs}
    of = f" of {others.pop()}" if len(others) == 1 else ""
    counts = Counter(pair.verdict.kind for pair in pairs)
    margins = {pair.verdict.margin for pair in pairs}
    same = f"the same {within(margins.pop()) if len(margins) == 1 else 'within its margin'}"
    kinds = text.listing(
        f"{counts[kind]} {same if kind == 'same' else kind}"
        for kind in KINDS
        if counts[kind] or not kind.startswith("likely")
    )
    cells = text.count(len(pairs), "cell")
    return f"{phase} time{_per(answer)}{of} against {answer.reference}: of {cells}, {kinds}."


def _per(answer: Answer) -> str:
    return " per example" if answer.coordinate == BATCH_SIZE else ""


def _shortened(value: str) -> str:
    """Return the start of a long hash; names of processors stay whole."""
    return value if len(value) < _LONGEST else f"{value[:12]}…"


def legend(answer: Answer) -> list[tuple[Code, str]]:
    """Return the codes that occur, and what they mean."""
    used = {pair.verdict.code for pair in answer.comparison.pairs}
    return [(code, meaning) for code, meaning in CODES.items() if code in used]


def noise(answer: Answer) -> str:
    """Return how much else differs; empty where nothing does."""
    fields = len(
        {difference.field for difference in answer.differences if difference.kind == "noise"}
    )
    differ = "differs" if fields == 1 else "differ"
    return f"{text.count(fields, 'irrelevant field')} {differ}." if fields else ""


class Change(NamedTuple):
    """How much more time one side takes, as a share of the reference's, and its interval.

    ``decimals`` are as many as show half of the interval's width with one digit, in percent; below
    10 % at least one.
    """

    value: float
    interval: tuple[float, float] | None
    decimals: int


def change(pair: Pair) -> Change:
    """Return the change of time from the reference to the other."""
    ratio = pair.ratio
    value, ends = 1 / ratio.value - 1, None
    if ratio.low is not None and ratio.high is not None:
        ends = 1 / ratio.high - 1, 1 / ratio.low - 1
    low, high = ends or (0.0, value)
    reach = 50 * abs(high - low)
    least = 1 if abs(100 * value) < 9.95 else 0
    digits = 2 if reach < 0.01 else min(max(-math.floor(math.log10(reach)), least), 2)
    return Change(value, ends, digits)


def longer(pair: Pair) -> str:
    """Return the change in time with its interval: ``4.2 % longer (95 % interval 2.1 to 6.3)``."""
    share, ends, decimals = change(pair)
    sign, sense = (1, "longer") if share >= 0 else (-1, "less time")
    shown = f"{text.percent_number(sign * share, decimals)} % {sense}"
    if ends is None:
        return f"{shown} (no interval)"
    low, high = (text.percent_number(sign * end, decimals) for end in ends[::sign])
    return f"{shown} (95 % interval {low} to {high})"


def signed_change(pair: Pair) -> str:
    """Return the change in time, in percent and with its sign."""
    share, _, decimals = change(pair)
    return f"{_signed(share, decimals)} %"


def signed_interval(pair: Pair) -> str:
    """Return the interval of the change, in percent and with signs."""
    _, ends, decimals = change(pair)
    return "none" if ends is None else " to ".join(_signed(end, decimals) for end in ends)


def _signed(share: float, decimals: int) -> str:
    number = text.percent_number(share, decimals)
    return f"+{number}" if float(number) > 0 else number
