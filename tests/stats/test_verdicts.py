from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.estimates import Ratio, holm, moderated_ratios, moderated_unpaired
from bench.stats.verdicts import ALPHA, Code, Kind, judge, probability


def ratio(value: float, error: float, df: float = 9, *, paired: bool = True) -> Ratio:
    """A ratio of so many blocks, its interval about two errors to either side."""
    reach = 2.262 * error
    low, high = value * math.exp(-reach), value * math.exp(reach)
    return Ratio(value, low, high, error, df, int(df) + 1, paired)


FEW = Ratio(1.5, None, None, None, 1, 2)

EACH: list[tuple[Code, Kind, list[Ratio]]] = [
    ("outside-margin", "faster", [ratio(1.2, 0.01)]),
    ("outside-margin", "slower", [ratio(0.8, 0.01)]),
    ("differs", "faster", [ratio(1.04, 0.01)]),
    ("differs", "slower", [ratio(0.96, 0.01)]),
    ("within-margin", "same", [ratio(1.0, 0.005)]),
    ("too-wide", "unclear", [ratio(1.02, 0.02)]),
    ("not-after-holm", "likely faster", [ratio(1.08, 0.03)] * 5),
    ("not-after-holm", "likely slower", [ratio(1 / 1.08, 0.03)] * 5),
    ("not-after-holm", "unclear", [ratio(1.001, 0.013)] * 5),
    ("too-few", "unclear", [FEW]),
]


@pytest.mark.parametrize(("code", "kind", "table"), EACH)
def test_each_verdict_can_occur_and_says_why(code: Code, kind: Kind, table: list[Ratio]) -> None:
    found = judge(table)[0]
    assert (found.code, found.kind) == (code, kind)
    assert found.ratio == table[0]
    assert found.reason.startswith("The same" if kind == "same" else kind.capitalize())
    assert f"{found.ratio.value:.3g}" in found.reason


def test_every_code_has_its_example() -> None:
    # What was disturbed is known before anything is judged.
    assert {code for code, _, _ in EACH} == {*Code.__args__} - {"disturbed"}  # type: ignore[attr-defined]


def test_a_difference_inside_the_margin_is_the_same() -> None:
    certain = ratio(1.01, 0.001)
    assert judge([certain])[0].kind == "same"
    assert judge([certain], margin=0.001)[0].kind == "faster"


def test_a_reason_names_size_interval_p_and_the_number_of_comparisons() -> None:
    found = judge([ratio(1.2, 0.01)] * 3)[0]
    assert found.reason == (
        "Faster by more than 3 %: 1.200 times as fast (95 % interval 1.173 to 1.227); "
        "p < 0.001 for no difference, p < 0.001 for one within 3 %, adjusted for 3 comparisons."
    )


def test_by_more_than_the_margin_is_a_family_of_its_own() -> None:
    # The interval from 1.035 to 1.147 lies beyond the margin; among twelve that is not enough.
    one = ratio(1.09, 0.0227)
    assert judge([one])[0].code == "outside-margin"
    assert judge([one, *[ratio(1.3, 0.01)] * 11])[0].code == "outside-margin"
    among = judge([one, *[ratio(1.04, 0.005)] * 11])[0]
    assert (among.kind, among.code) == ("faster", "differs")


def test_what_is_open_says_how_many_blocks_would_settle_it() -> None:
    # (2.020 x 0.02 / 0.0198)^2 x 10 blocks = 41.6, where 2.020 is the t of 41 degrees of freedom.
    assert "About 42 blocks would settle it." in judge([ratio(1.02, 0.02)])[0].reason
    far = judge([ratio(1.0149, 0.1)])[0].reason
    assert "Even 1000 blocks would hardly settle it." in far


def with_blocks(one: Ratio, blocks: int) -> Ratio:
    """The same ratio and scatter, from so many blocks."""
    assert one.error is not None
    return ratio(one.value, one.error * math.sqrt(one.blocks / blocks), blocks - 1)


@pytest.mark.parametrize("comparisons", [1, 12, 40])
@pytest.mark.parametrize("one", [ratio(1.3, 0.15, 4), ratio(1.001, 0.03), ratio(0.93, 0.05, 5)])
def test_so_many_blocks_settle_it_and_one_fewer_does_not(one: Ratio, comparisons: int) -> None:
    found = judge([one] * comparisons)[0]
    blocks = int(re.findall(r"About (\d+) blocks", found.remedy)[0])
    settled, not_yet = (judge([with_blocks(one, n)] * comparisons) for n in (blocks, blocks - 1))
    assert {verdict.kind for verdict in settled} <= {"same", "faster", "slower"}
    assert all(verdict.is_open for verdict in not_yet)


def test_what_is_beyond_the_margin_is_never_shown_to_lie_within() -> None:
    # The scatter lets the margin be refuted soon, were it not that the ratio lies beyond it.
    few, many = (judge([ratio(1.06, 0.05, 9)] * n)[0].remedy for n in (1, 40))
    assert few == "About 31 blocks would settle it."
    assert many == "About 83 blocks would settle it."


@pytest.mark.parametrize("one", [ratio(1.04, 0.01), ratio(0.96, 0.01), ratio(1.02, 0.008)])
def test_whether_it_is_by_more_than_the_margin_takes_so_many_blocks(one: Ratio) -> None:
    found = judge([one])[0]
    assert found.code == "differs"
    blocks = int(re.findall(r"About (\d+) blocks", found.remedy)[0])
    settled, not_yet = (judge([with_blocks(one, n)])[0].code for n in (blocks, blocks - 1))
    assert (settled in ("outside-margin", "within-margin"), not_yet) == (True, "differs")


def test_what_was_measured_at_different_times_is_judged_and_called_so() -> None:
    found = judge(moderated_unpaired([([[2.0]] * 3, [[1.0]] * 4)]))[0]
    assert found.kind == "faster"
    assert found.reason.endswith("the machine may have drifted.")
    few = judge(moderated_unpaired([([[2.0]], [[1.0]])]))[0]
    assert "from 1 process on each side, too few" in few.reason


def test_ratios_without_an_interval_do_not_count_as_comparisons() -> None:
    alone, among = judge([ratio(1.08, 0.03)])[0], judge([FEW, ratio(1.08, 0.03), FEW])[1]
    assert alone == among


def test_an_empty_table_has_no_verdicts() -> None:
    assert judge([]) == []


def alone(logs: list[float]) -> Ratio:
    """The ratio whose logarithms in the blocks are these, as a table of its own."""
    return moderated_ratios([{block: [log] for block, log in enumerate(logs)}])[0]


LOGS = st.lists(st.lists(st.floats(-0.3, 0.3), min_size=3, max_size=6), min_size=1, max_size=8)


@given(LOGS)
def test_a_verdict_and_that_of_the_inverse_mirror_each_other(table: list[list[float]]) -> None:
    mirror = {"faster": "slower", "likely faster": "likely slower"}
    mirror |= {slow: fast for fast, slow in mirror.items()}
    there, back = (
        judge([alone([sign * log for log in logs]) for logs in table]) for sign in (1.0, -1.0)
    )
    for one, other in zip(there, back, strict=True):
        assert mirror.get(one.kind, one.kind) == other.kind
        assert one.code == other.code


@given(LOGS)
def test_a_larger_table_never_makes_a_verdict_of_an_open_one(
    table: list[list[float]],
) -> None:
    ratios = [alone([-log for log in logs]) for logs in table]
    first = judge(ratios[:1])[0]
    among = judge(ratios)[0]
    weaker = {first.kind, "unclear", f"likely {first.kind}"}
    assert among.kind in weaker or first.kind == "same"


def test_adjusted_p_values_are_those_of_holm_by_hand() -> None:
    assert holm([0.01, None, 0.04, 0.03]) == pytest.approx([0.03, None, 0.06, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
    assert ALPHA == 0.05


def test_a_p_of_a_thousandth_is_written_out_and_a_smaller_one_is_not() -> None:
    assert probability(0.001) == "p = 0.001"
    assert probability(0.00099) == "p < 0.001"
