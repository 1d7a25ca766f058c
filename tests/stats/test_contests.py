"""Winners among the ratios of a table: picked for being the fastest, which flatters them."""

from __future__ import annotations

import pytest

from bench.stats.estimates import Ratio
from bench.stats.verdicts import Verdict, WinnerLeads, inverse, judge
from tests.stats.test_verdicts import FEW, ratio

CLOSE = ratio(1.1, 0.01)


def leads(*found: Ratio, candidates: int | None = None, margin: float = 0.03) -> list[Verdict]:
    """The verdicts on the leads of one winner, which make the whole table."""
    places = dict(enumerate(found))
    winner = WinnerLeads(places, candidates or len(found) + 1, frozenset(places))
    return judge(found, margin, [winner])


def of_two(*found: Ratio) -> list[Verdict]:
    """The verdicts on as many winners, each with one rival."""
    winners = [WinnerLeads({place: one}, 2, frozenset([place])) for place, one in enumerate(found)]
    return judge(found, winners=winners)


def test_a_winner_that_beats_every_rival_needs_no_adjustment_for_their_number() -> None:
    weak = ratio(1.08, 0.03)
    (alone,) = leads(weak)
    many = leads(weak, *[ratio(1.5, 0.01)] * 5)
    assert (alone.kind, many[0].kind, many[0].p) == ("faster", "faster", alone.p)


def test_a_rival_that_scatters_leaves_each_lead_to_its_own_evidence() -> None:
    near, open_ = leads(ratio(1.08, 0.03), ratio(1.3, 0.5))
    assert (near.kind, near.code) == ("likely faster", "not-after-holm")
    assert open_.kind == "unclear"
    certain, open_ = leads(ratio(2.0, 0.001), ratio(1.3, 0.5))
    assert (certain.kind, open_.kind) == ("faster", "unclear")


def test_a_picked_pair_counts_for_all_pairs_that_it_was_picked_from() -> None:
    lead = ratio(1.001, 0.009)
    assert leads(lead, candidates=2)[0].kind == "same"
    picked = leads(lead, candidates=6)[0]
    assert (picked.kind, picked.code) == ("unclear", "not-after-holm")
    designed = judge([lead], winners=[WinnerLeads({0: lead}, 6, frozenset())])[0]
    assert designed.kind == "same"


def test_a_winner_that_is_behind_where_both_were_measured_wins_nothing_by_that() -> None:
    behind, ahead = leads(ratio(1 / 1.5, 0.001), ratio(1.08, 0.032))
    assert behind.kind == "slower"
    assert ahead.kind == "likely faster"


def test_a_lead_without_an_interval_is_no_member_of_the_family() -> None:
    found = leads(ratio(1.1, 0.005), FEW)
    assert [one.code for one in found] == ["outside-margin", "too-few"]


def test_the_winners_of_a_table_are_one_family() -> None:
    lead = ratio(1.08, 0.03)
    assert of_two(lead)[0].kind == "faster"
    among = of_two(lead, *[ratio(1.01, 0.05)] * 3)[0]
    assert (among.kind, among.code) == ("likely faster", "not-after-holm")
    assert "adjusted for 4 comparisons" in among.reason
    assert of_two(lead, *[ratio(1.5, 0.01)] * 3)[0].kind == "faster"


@pytest.mark.parametrize(("found", "candidates"), [({}, 3), ({0: CLOSE}, 1)])
def test_a_lead_needs_a_rival(found: dict[int, Ratio], candidates: int) -> None:
    with pytest.raises(ValueError, match="at least one other"):
        WinnerLeads(found, candidates, frozenset())


@pytest.mark.parametrize("found", [ratio(1.5, 0.01), ratio(1.0, 0.001), ratio(1.05, 0.05), FEW])
def test_turned_round_a_verdict_says_the_opposite(found: Ratio) -> None:
    (verdict,), (turned,) = judge([found]), judge([inverse(found)])
    assert verdict.reversed.kind == turned.kind
    assert verdict.reversed.reversed.kind == verdict.kind
    assert verdict.reversed.ratio.value == pytest.approx(1 / found.value)
