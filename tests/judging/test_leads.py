from __future__ import annotations

import pytest

from bench.judging.leads import Standing, Winner, judge_leads
from bench.judging.stats import Ratio
from bench.judging.verdicts import Verdict
from tests.judging.test_verdicts import FEW, ratio

CLOSE = ratio(1.1, 0.01)


def alone(leads: list[Ratio], candidates: int, margin: float = 0.03) -> Verdict:
    """The verdict on a winner that is the only one of its table."""
    return judge_leads([Winner(tuple(leads), candidates)], margin)[0].verdict


def of_two(*leads: Ratio) -> list[Standing]:
    """A winner and one rival for each lead."""
    return judge_leads([Winner((lead,), 2) for lead in leads])


def test_a_lead_is_judged_on_the_closest_and_on_the_weakest_evidence() -> None:
    found = alone([ratio(2.0, 0.001), CLOSE], 3)
    assert (found.kind, found.code, found.ratio) == ("faster", "outside-margin", CLOSE)
    # The farther rival scatters so much that it may be the true winner.
    found = alone([CLOSE, ratio(1.3, 0.5)], 3)
    assert (found.kind, found.code, found.ratio) == ("unresolved", "too-wide", CLOSE)
    assert "the lead is 1.300 (95 % interval 0.420 to 4.03), may be faster still" in found.reason
    assert found.remedy == "About 142 blocks would settle it."


def test_it_leads_by_more_than_the_margin_only_where_it_does_so_over_every_rival() -> None:
    assert alone([CLOSE], 2).code == "outside-margin"
    found = alone([CLOSE, ratio(1.12, 0.045)], 3)
    assert (found.kind, found.code, found.ratio) == ("faster", "differs", CLOSE)
    # (2.145 x 0.045 / (log 1.12 - log 1.03))^2 x 10 blocks = 13.3: the rival's scatter decides.
    assert found.remedy == "About 14 blocks would settle it."
    assert "for one within" not in found.reason
    assert (
        "p < 0.001 for one within 3 %, picked from 3." in alone([CLOSE, ratio(2, 0.01)], 3).reason
    )


def test_that_a_winner_and_its_runner_up_are_the_same_counts_all_pairs() -> None:
    lead = ratio(1.001, 0.009)
    two, six = alone([lead], 2), alone([lead], 6)
    assert (two.kind, six.kind) == ("same", "unresolved")
    assert six.code == "not-after-holm"
    assert six.reason.count("picked from 6") == 1


def test_a_rival_that_scatters_is_named_although_the_closest_never_does() -> None:
    assert (
        alone([ratio(1.1, 0.0), ratio(1.3, 0.5)], 3).remedy == "About 142 blocks would settle it."
    )


def test_a_winner_that_is_behind_where_both_were_measured_does_not_win() -> None:
    assert alone([ratio(0.5, 0.001)], 2).kind == "unresolved"


def test_a_lead_without_an_interval_is_unresolved_and_a_rival_without_one_is_counted() -> None:
    assert alone([FEW], 2).code == "too-few"
    for few in (FEW, Ratio(0.1, None, None, None, 0, 1)):
        found = alone([ratio(1.1, 0.005), few], 3)
        assert (found.kind, found.ratio.value) == ("faster", 1.1)
        assert found.reason.endswith("Too few blocks to test 1 of the others.")


@pytest.mark.parametrize(("leads", "candidates"), [((), 3), ((ratio(1.1, 0.1),), 1)])
def test_a_lead_needs_a_rival(leads: tuple[Ratio, ...], candidates: int) -> None:
    with pytest.raises(ValueError, match="at least one other"):
        Winner(leads, candidates)


def test_the_winners_of_a_table_are_one_family() -> None:
    lead = ratio(1.08, 0.03)
    assert of_two(lead)[0].verdict.kind == "faster"
    among = of_two(lead, *[ratio(1.01, 0.05)] * 3)[0]
    assert (among.verdict.kind, among.verdict.code) == ("unresolved", "not-after-holm")
    assert among.ahead == (False,)
    assert "adjusted for 4 such leads" in among.verdict.reason
    # (2.896 x 0.03 / log 1.08)^2 x 10 blocks = 12.7, but t is so small from 14 blocks on only.
    assert among.verdict.remedy == "About 14 blocks would settle it."
    assert of_two(lead, *[ratio(1.5, 0.01)] * 3)[0].verdict.kind == "faster"


def test_what_has_no_interval_is_no_member_of_the_family() -> None:
    assert (
        of_two(ratio(1.08, 0.03), Ratio(1.5, None, None, None, 1, 2))[0]
        == of_two(ratio(1.08, 0.03))[0]
    )


def test_who_is_not_told_apart_from_the_winner_follows_the_same_level() -> None:
    clear, weak, untested = ratio(1.5, 0.01), ratio(1.08, 0.03), FEW
    winner = Winner((clear, weak, untested), 4)
    assert judge_leads([winner])[0].ahead == (True, True, False)
    open_ones = [Winner((ratio(1.01, 0.05),), 2)] * 3
    assert judge_leads([winner, *open_ones])[0].ahead == (True, False, False)


def test_an_empty_table_has_no_standings() -> None:
    assert judge_leads([]) == []
