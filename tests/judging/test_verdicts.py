from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.judging.stats import Ratio, holm, paired_ratio, unpaired_ratio
from bench.judging.verdicts import ALPHA, Code, Kind, judge, judge_lead


def ratio(value: float, error: float, freedom: float = 9, *, paired: bool = True) -> Ratio:
    """A ratio of so many blocks, its interval about two errors to either side."""
    reach = 2.262 * error
    low, high = value * math.exp(-reach), value * math.exp(reach)
    return Ratio(value, low, high, error, freedom, int(freedom) + 1, paired)


FEW = Ratio(1.5, None, None, None, 1, 2)

EACH: list[tuple[Code, Kind, list[Ratio]]] = [
    ("outside-margin", "faster", [ratio(1.2, 0.01)]),
    ("outside-margin", "slower", [ratio(0.8, 0.01)]),
    ("differs", "faster", [ratio(1.04, 0.01)]),
    ("differs", "slower", [ratio(0.96, 0.01)]),
    ("within-margin", "same", [ratio(1.0, 0.005)]),
    ("too-wide", "unresolved", [ratio(1.02, 0.02)]),
    ("not-after-holm", "unresolved", [ratio(1.08, 0.03)] * 5),
    ("too-few", "unresolved", [FEW]),
]


@pytest.mark.parametrize(("code", "kind", "table"), EACH)
def test_each_verdict_can_occur_and_says_why(code: Code, kind: Kind, table: list[Ratio]) -> None:
    found = judge(table)[0]
    assert (found.code, found.kind) == (code, kind)
    assert found.ratio == table[0]
    assert found.reason.startswith("The same" if kind == "same" else kind.capitalize())
    assert f"{found.ratio.value:.3g}" in found.reason


def test_every_code_has_its_example() -> None:
    assert {code for code, _, _ in EACH} == set(Code.__args__)  # type: ignore[attr-defined]


def test_a_difference_inside_the_margin_is_the_same() -> None:
    certain = ratio(1.01, 0.001)
    assert judge([certain])[0].kind == "same"
    assert judge([certain], margin=0.001)[0].kind == "faster"


def test_a_reason_names_size_interval_p_and_the_number_of_comparisons() -> None:
    found = judge([ratio(1.2, 0.01)] * 3)[0]
    assert found.reason == (
        "Faster by more than 3 %: 1.200 times as fast (95 % interval 1.173 to 1.227); "
        "p < 0.001 for no difference, adjusted for 3 comparisons."
    )


def test_what_is_open_says_how_many_blocks_would_settle_it() -> None:
    # 1.02 is 2.02 errors of 1/2 the size away: (2.262 x 0.02 / 0.0198)^2 x 10 blocks = 52.2.
    assert "About 53 blocks would settle it." in judge([ratio(1.02, 0.02)])[0].reason
    far = judge([ratio(1.0149, 0.1)])[0].reason
    assert "Even 1000 blocks would hardly settle it." in far


def test_what_was_measured_at_different_times_is_judged_and_called_so() -> None:
    found = judge([unpaired_ratio([[2.0]] * 3, [[1.0]] * 4)])[0]
    assert found.kind == "faster"
    assert found.reason.endswith("so a drift of the machine is not excluded.")
    few = judge([unpaired_ratio([[2.0]], [[1.0]] * 4)])[0]
    assert "from 1 process on each side, too few" in few.reason


def test_ratios_without_an_interval_do_not_count_as_comparisons() -> None:
    alone, among = judge([ratio(1.08, 0.03)])[0], judge([FEW, ratio(1.08, 0.03), FEW])[1]
    assert alone == among


def test_an_empty_table_has_no_verdicts() -> None:
    assert judge([]) == []


def test_a_lead_is_judged_on_the_closest_and_on_the_weakest_evidence() -> None:
    clear, close = ratio(2.0, 0.001), ratio(1.1, 0.01)
    found = judge_lead([clear, close], 3)
    assert (found.kind, found.code, found.ratio) == ("faster", "outside-margin", close)
    # The farther rival scatters so much that it may be the true winner.
    noisy = ratio(1.3, 0.5)
    found = judge_lead([close, noisy], 3)
    assert (found.kind, found.ratio) == ("unresolved", close)
    assert "the lead is 1.300 (95 % interval 0.420 to 4.03), may be faster still" in found.reason
    assert found.remedy == "About 186 blocks would settle it."


def test_that_a_winner_and_its_runner_up_are_the_same_counts_all_pairs() -> None:
    lead = ratio(1.001, 0.009)
    two, six = judge_lead([lead], 2), judge_lead([lead], 6)
    assert (two.kind, six.kind) == ("same", "unresolved")
    assert six.code == "not-after-holm"
    assert six.reason.count("picked from 6") == 1


def test_a_rival_that_scatters_is_named_although_the_closest_never_does() -> None:
    found = judge_lead([ratio(1.1, 0.0), ratio(1.3, 0.5)], 3)
    assert found.remedy == "About 186 blocks would settle it."


def test_a_winner_that_is_behind_where_both_were_measured_does_not_win() -> None:
    assert judge_lead([ratio(0.5, 0.001)], 2).kind == "unresolved"


def test_a_lead_without_an_interval_is_unresolved_and_a_far_rival_without_one_is_named() -> None:
    assert judge_lead([FEW], 2).code == "too-few"
    found = judge_lead([ratio(1.1, 0.005), FEW], 3)
    assert found.kind == "faster"
    assert found.reason.endswith("Too few blocks to test 1 of the others.")


@pytest.mark.parametrize(("leads", "candidates"), [([], 3), ([ratio(1.1, 0.1)], 1)])
def test_a_lead_needs_a_rival(leads: list[Ratio], candidates: int) -> None:
    with pytest.raises(ValueError, match="at least one other"):
        judge_lead(leads, candidates)


LOGS = st.lists(st.lists(st.floats(-0.3, 0.3), min_size=3, max_size=6), min_size=1, max_size=8)


@given(LOGS)
def test_a_verdict_and_that_of_the_inverse_mirror_each_other(table: list[list[float]]) -> None:
    mirror = {"faster": "slower", "slower": "faster"}
    ours = [{block: [math.exp(one)] for block, one in enumerate(logs)} for logs in table]
    ones = [{block: [1.0] for block in one} for one in ours]
    there = judge([paired_ratio(a, b) for a, b in zip(ours, ones, strict=True)])
    back = judge([paired_ratio(b, a) for a, b in zip(ours, ones, strict=True)])
    for one, other in zip(there, back, strict=True):
        assert mirror.get(one.kind, one.kind) == other.kind
        assert one.code == other.code


@given(LOGS)
def test_a_larger_table_never_makes_a_verdict_of_an_unresolved_one(
    table: list[list[float]],
) -> None:
    ratios = [
        paired_ratio(
            {block: [1.0] for block in range(len(logs))},
            {block: [math.exp(one)] for block, one in enumerate(logs)},
        )
        for logs in table
    ]
    alone = judge(ratios[:1])[0]
    among = judge(ratios)[0]
    assert among.kind in (alone.kind, "unresolved") or alone.kind == "same"


def test_adjusted_p_values_are_those_of_holm_by_hand() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
    assert ALPHA == 0.05
