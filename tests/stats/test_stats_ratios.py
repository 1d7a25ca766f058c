"""Ratios and what follows from them: tests, power, and where scatter comes from."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from bench.stats import estimates
from bench.stats.estimates import (
    Ratio,
    detectable,
    difference_p,
    equivalence_p,
    half_width,
    holm,
    moderated_ratios,
    moderated_unpaired,
    quantile,
    variances,
)

LOGS = [0.02, 0.05, -0.01, 0.04, 0.03]
FEW = Ratio(1.5, None, None, None, 1, 2)


def paired(logs: list[float]) -> Ratio:
    """The ratio whose logarithms in the blocks are these."""
    return moderated_ratios([{block: [log] for block, log in enumerate(logs)}])[0]


def test_a_ratio_carries_its_error_and_degrees_of_freedom() -> None:
    found = paired(LOGS)
    assert found.value == pytest.approx(math.exp(np.mean(LOGS)))
    assert found.error == pytest.approx(scipy.stats.sem(LOGS))
    assert (found.df, found.blocks, found.paired) == (4, 5, True)


def test_the_p_of_a_difference_is_that_of_the_t_test_of_scipy() -> None:
    assert difference_p(paired(LOGS)) == pytest.approx(scipy.stats.ttest_1samp(LOGS, 0).pvalue)


@pytest.mark.parametrize("margin", [0.01, 0.05, 0.2])
def test_the_p_of_equivalence_is_the_larger_of_two_one_sided_t_tests(margin: float) -> None:
    bound = math.log1p(margin)
    below = scipy.stats.ttest_1samp(LOGS, bound, alternative="less").pvalue
    above = scipy.stats.ttest_1samp(LOGS, -bound, alternative="greater").pvalue
    assert equivalence_p(paired(LOGS), margin) == pytest.approx(max(below, above))
    inverse = paired([-one for one in LOGS])
    assert equivalence_p(inverse, margin) == pytest.approx(max(below, above))


def test_an_unpaired_ratio_is_the_test_of_welch() -> None:
    one, two = np.log([0.1, 0.13, 0.11, 0.16]), np.log([0.2, 0.26, 0.21])
    sides = [(logs.tolist(), scipy.stats.sem(logs) ** 2, len(logs) - 1.0) for logs in (two, one)]
    found = estimates._welch(*sides)  # noqa: SLF001 - of variances that nothing has moderated
    expected = scipy.stats.ttest_ind(two, one, equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert difference_p(found) == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(np.exp([interval.low, interval.high]))
    assert found.df == pytest.approx(expected.df)
    assert (found.blocks, found.paired) == (3, False)


def test_an_unpaired_ratio_takes_the_median_of_each_process() -> None:
    (found,) = moderated_unpaired([([[4.0, 4.0, 99.0]] * 3, [[2.0, 1.0, 2.0]] * 3)])
    assert found.value == pytest.approx(2.0)
    assert (found.low, found.high) == pytest.approx((2.0, 2.0))


@pytest.mark.parametrize(("ours", "theirs"), [(2, 9), (9, 2), (1, 1)])
def test_an_unpaired_ratio_counts_the_processes_of_the_side_with_fewer(
    ours: int, theirs: int
) -> None:
    (found,) = moderated_unpaired([([[2.0]] * ours, [[1.0]] * theirs)])
    assert found.value == pytest.approx(2.0)
    assert found.blocks == min(ours, theirs)
    assert (found.error is None) == (max(ours, theirs) == 1)


@pytest.mark.parametrize(("ours", "theirs"), [([], [[1.0]]), ([[1.0]], [])])
def test_an_unpaired_ratio_needs_both_sides(
    ours: list[list[float]], theirs: list[list[float]]
) -> None:
    with pytest.raises(ValueError, match="both sides"):
        moderated_unpaired([(ours, theirs)])


def test_blocks_that_agree_exactly_leave_no_doubt() -> None:
    equal, unequal = paired([0.0] * 4), paired([0.01] * 4)
    assert difference_p(equal) == 1.0
    assert equivalence_p(equal, 0.001) == pytest.approx(0, abs=1e-12)
    assert difference_p(unequal) == pytest.approx(0, abs=1e-12)
    assert equivalence_p(unequal, 0.03) == pytest.approx(0, abs=1e-12)
    assert equivalence_p(unequal, 0.001) == pytest.approx(1)


def test_what_has_no_interval_has_no_p_and_no_precision() -> None:
    assert difference_p(FEW) is None
    assert equivalence_p(FEW, 0.03) is None
    assert half_width(FEW) is None
    assert detectable(FEW) is None


def test_quantiles_are_those_of_scipy() -> None:
    for share in (0.5, 0.8, 0.975):
        for df in (2, 4.5, 30):
            assert quantile(share, df) == pytest.approx(scipy.stats.t.ppf(share, df))


def test_the_half_width_is_half_of_the_interval_on_the_logarithm() -> None:
    assert half_width(Ratio(1.2, 1.2 / 1.05, 1.2 * 1.05, 0.1, 4, 5)) == pytest.approx(0.05)


@pytest.mark.parametrize(("blocks", "comparisons"), [(12, 1), (5, 1), (5, 12), (5, 40), (3, 40)])
def test_what_is_detectable_is_found_in_so_many_runs(blocks: int, comparisons: int) -> None:
    rng = np.random.default_rng(4)
    error = 0.01
    typical = Ratio(1.0, 0.9, 1.1, error, blocks - 1, blocks)
    size = detectable(typical, comparisons=comparisons)
    assert size is not None
    logs = rng.normal(math.log1p(size), error * math.sqrt(blocks), (2000, blocks))
    found = [(difference_p(paired(one)) or 0) <= 0.05 / comparisons for one in logs.tolist()]
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)
    more = detectable(typical, comparisons=comparisons, power=0.95)
    assert more is not None
    assert more > size


def test_the_p_of_a_difference_beyond_a_margin_is_twice_that_of_the_t_test_against_its_edge() -> (
    None
):
    logs = [one + 0.1 for one in LOGS]
    bound = math.log1p(0.05)
    expected = 2 * scipy.stats.ttest_1samp(logs, bound, alternative="greater").pvalue
    assert difference_p(paired(logs), 0.05) == pytest.approx(expected)
    assert difference_p(paired([-one for one in logs]), 0.05) == pytest.approx(expected)
    assert difference_p(paired(LOGS), 0.05) == 1.0


@pytest.mark.parametrize("log", [0.0, 0.01, 0.0295])
@pytest.mark.parametrize("scatter", [0.001, 0.02, 0.5])
def test_what_lies_within_the_margin_is_seldom_beyond_it(log: float, scatter: float) -> None:
    rng = np.random.default_rng(5)
    found = [
        (difference_p(paired(one), 0.03) or 0) <= 0.05
        for one in rng.normal(log, scatter, (1000, 4)).tolist()
    ]
    assert np.mean(found) <= 0.065


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.none() | st.floats(0, 1), max_size=12))
def test_holm_keeps_order_and_never_lowers_a_p(ps: list[float | None]) -> None:
    adjusted = holm(ps)
    known = [(p, q) for p, q in zip(ps, adjusted, strict=True) if p is not None and q is not None]
    assert [p is None for p in ps] == [q is None for q in adjusted]
    assert all(p <= q <= 1 for p, q in known)
    if known:
        assert min(q for _, q in known) == min(1, len(known) * min(p for p, _ in known))
    assert [q for _, q in sorted(known)] == sorted(q for _, q in known)


def test_variances_by_hand() -> None:
    # Logs 0, 2 and 4, 6: means 1 and 5, within (1+1+1+1)/2, between (2*(2**2+2**2) - 2)/2.
    processes = [[1.0, math.e**2], [math.e**4, math.e**6]]
    assert variances(processes) == pytest.approx((7.0, 2.0))


def test_variances_by_hand_of_processes_with_unequal_numbers_of_rounds() -> None:
    # Logs 0, 2, 4 and 6: means 2 and 6 around 3.  Within (4+0+4)/(4-2), outside 3*1**2 + 1*3**2,
    # and a process counts as (4 - (9+1)/4)/(2-1) = 3/2 rounds.
    processes = [[1.0, math.e**2, math.e**4], [math.e**6]]
    assert variances(processes) == pytest.approx(((12 - 4) / 1.5, 4.0))


def test_variances_are_those_that_were_put_in() -> None:
    rng = np.random.default_rng(8)
    levels = rng.normal(0, 0.03, 3000)
    counts = rng.integers(2, 8, 3000)
    rounds = [
        np.exp(level + rng.normal(0, 0.05, count)).tolist()
        for level, count in zip(levels, counts, strict=True)
    ]
    between, within = variances(rounds)
    assert between**0.5 == pytest.approx(0.03, rel=0.05)
    assert within**0.5 == pytest.approx(0.05, rel=0.05)


def test_a_variance_is_never_negative() -> None:
    assert variances([[1.0, 2.0], [1.0, 2.0]])[0] == 0.0


@pytest.mark.parametrize(
    "processes", [[], [[1.0, 2.0]], [[1.0], [2.0]], [[1.0, 2.0], []], [[1.0, 2.0, 3.0], []]]
)
def test_variances_need_two_levels(processes: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="two processes"):
        variances(processes)
