"""Whether the fastest of many really leads: it was picked for being the fastest, which flatters it.

The winners of one table, such as those at each batch size, are judged as one family.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.judging import stats
from bench.judging.remedies import advice, blocks_needed
from bench.judging.stats import Ratio
from bench.judging.verdicts import (
    ALPHA,
    MARGIN,
    Tested,
    Tests,
    Verdict,
    family,
    interval,
    readable,
    too_few,
    verdict,
)


@dataclass(frozen=True)
class Winner:
    """The fastest of so many ``candidates``: how many times faster it is than each of the others.

    ``leads`` are over all that it is held against, which may be fewer: not over other settings of
    the winner itself.

    Raises:
        ValueError: no lead, or fewer candidates than the winner and one other.
    """

    leads: tuple[Ratio, ...]
    candidates: int

    def __post_init__(self) -> None:
        """Refuse a winner without a rival."""
        if not self.leads or self.candidates < 2:
            raise ValueError("a lead needs a winner and at least one other candidate")

    @property
    def tested(self) -> list[Ratio]:
        """Leads that have an interval."""
        return [lead for lead in self.leads if lead.error is not None]

    @property
    def closest(self) -> Ratio:
        """The smallest lead that has an interval or, where none has one, the smallest."""
        return min(self.tested or self.leads, key=lambda lead: lead.value)


@dataclass(frozen=True)
class Standing:
    """How a winner stands: the ``verdict`` on its closest lead.

    ``ahead`` says of each lead, in the order given, whether it is told from none.
    """

    verdict: Verdict
    ahead: tuple[bool, ...]


def judge_leads(winners: Sequence[Winner], margin: float = MARGIN) -> list[Standing]:
    """One standing per winner; all of them are one table, or family.

    A winner must beat every rival, each in a two-sided test: its p is that of the weakest evidence.
    Let B be truly fastest.  A wrong winner is named only where another one beats all of its rivals,
    hence B too, and no two can do so at once; for normal means Gutmann and Maymin (1987) and Hung
    and Fithian (2019) prove that the error then stays below the level for any number of candidates,
    so that no adjustment for these is due.  With scatter that differs and is estimated, simulation
    shows the same.  It leads by more than the margin only where it does so over every rival.  That
    winner and runner-up are the same is claimed of a pair that was picked, where nothing of this
    kind holds: it is adjusted for all pairs.

    The p values of each of these questions are then adjusted by Holm over the winners, so that in
    at most 5 % of tables any of them is wrongly called the fastest, in at most 5 % the fastest by
    more than the margin, and in at most 5 % the same as the runner-up.
    """
    nones, insides, beyonds = (
        family([_weakest(winner, 0.0) for winner in winners]),
        family([_weakest(winner, margin) for winner in winners]),
        family([_picked(winner, margin) for winner in winners]),
    )
    number = sum(one is not None for one in nones)
    standings = []
    for winner, none, inside, beyond in zip(winners, nones, insides, beyonds, strict=True):
        if none is None or inside is None or beyond is None:
            unknown = (False,) * len(winner.leads)
            standings.append(Standing(too_few(winner.closest, margin), unknown))
            continue
        tests = Tests(none, inside, _unpicked(winner, beyond), _words(winner, number))
        ahead = tuple(
            lead.error is not None and (none.refuted or _evidence(lead, 0.0) <= none.level)
            for lead in winner.leads
        )
        standings.append(Standing(_verdict(winner, margin, tests), ahead))
    return standings


def _evidence(lead: Ratio, margin: float) -> float:
    """The p of a lead; where the winner is behind in the blocks both share, there is none: 1."""
    p = stats.difference_p(lead, margin)
    return 1.0 if p is None or lead.value <= 1 else p


def _weakest(winner: Winner, margin: float) -> float | None:
    """The p of the weakest evidence; None where no lead has an interval."""
    return max((_evidence(lead, margin) for lead in winner.tested), default=None)


def _picked(winner: Winner, margin: float) -> float | None:
    """The p of equivalence of the closest lead, adjusted for all pairs it was picked from."""
    p = stats.equivalence_p(winner.closest, margin)
    return None if p is None else p * _pairs(winner)


def _unpicked(winner: Winner, beyond: Tested) -> Tested:
    """The same with ``alone`` and ``level`` as they are before the adjustment for all pairs."""
    pairs = _pairs(winner)
    return Tested(beyond.alone / pairs, beyond.adjusted, beyond.level / pairs)


def _pairs(winner: Winner) -> int:
    return winner.candidates * (winner.candidates - 1) // 2


def _words(winner: Winner, winners: int) -> str:
    """What the p values are adjusted for, in words."""
    picked = f", picked from {winner.candidates}" if winner.candidates > 2 else ""
    return picked + (f", adjusted for {winners} such leads" if winners > 1 else "")


def _verdict(winner: Winner, margin: float, tests: Tests) -> Verdict:
    """A verdict on the closest lead with what the others have to do with it."""
    leads = winner.tested
    found = verdict(winner.closest, margin, tests, leads)
    weakest = max(leads, key=lambda lead: _evidence(lead, 0.0))
    alone = tests.none.alone <= ALPHA
    if found.kind == "unresolved" and not alone and weakest is not winner.closest:
        needed = max(blocks_needed(lead, 0.0, tests.none.level / 2) for lead in leads)
        remedy = advice(weakest, needed)
        reason = (
            f"Unresolved: another one, over which the lead is {readable(weakest.value)} "
            f"({interval(weakest)}), may be faster still. {remedy}"
        )
        found = replace(found, code="too-wide", reason=reason, remedy=remedy)
    untested = len(winner.leads) - len(leads)
    if not untested:
        return found
    return replace(found, reason=f"{found.reason} Too few blocks to test {untested} of the others.")
