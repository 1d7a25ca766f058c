from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from bench.stats.estimates import Estimate, estimate, spread
from tests.stats.single import ratio_of


def test_an_estimate_is_the_geometric_mean_of_the_medians_of_the_processes() -> None:
    found = estimate([[1.0, 2.0, 9.0], [8.0, 8.0, 8.0, 100.0]])
    assert found.value == pytest.approx(4.0)
    assert (found.blocks, found.rounds) == (2, 7)


def test_an_interval_is_that_of_student_on_logarithms_by_hand() -> None:
    # Medians e^1, e^2, e^3: mean 2, standard error 1/sqrt(3), t(0.975, 2) = 4.302653.
    found = estimate([[math.e], [math.e**2], [math.e**3]])
    assert found.value == pytest.approx(math.e**2)
    assert found.low == pytest.approx(math.exp(2 - 4.302653 / math.sqrt(3)), rel=1e-6)
    assert found.high == pytest.approx(math.exp(2 + 4.302653 / math.sqrt(3)), rel=1e-6)


def test_an_interval_agrees_with_scipy() -> None:
    medians = [0.11, 0.13, 0.1, 0.12, 0.16]
    found = estimate([[median] for median in medians])
    logs = np.log(medians)
    expected = scipy.stats.t.interval(
        0.95, len(logs) - 1, loc=logs.mean(), scale=scipy.stats.sem(logs)
    )
    assert (found.low, found.high) == pytest.approx(tuple(np.exp(expected)))


@pytest.mark.parametrize("number", [1, 2])
def test_there_is_no_interval_from_fewer_than_three_processes(number: int) -> None:
    found = estimate([[1.0, 1.1, 1.2]] * number)
    assert (found.low, found.high, found.has_interval) == (None, None, False)


def test_one_block_alone_gives_a_ratio_without_an_interval() -> None:
    ratio = ratio_of({0: [2.0]}, {0: [1.0]})
    assert ratio.value == 2.0
    assert (ratio.low, ratio.high, ratio.error) == (None, None, None)


def test_many_rounds_of_one_process_are_one_observation() -> None:
    assert not estimate([[1.0 + n / 1000 for n in range(1000)]]).has_interval


@pytest.mark.parametrize("processes", [[], [[]], [[1.0], []]])
def test_an_estimate_needs_rounds(processes: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="at least one"):
        estimate(processes)


def test_a_speed_up_pairs_within_blocks() -> None:
    # The machine slows down by a factor of ten from block to block; the ratio is 4 throughout.
    baseline = {0: [4.0, 5.0, 3.0], 1: [40.0], 2: [400.0]}
    other = {0: [1.0], 1: [10.0], 2: [100.0, 100.0, 1.0]}
    found = ratio_of(baseline, other)
    assert found.value == pytest.approx(4.0)
    assert (found.low, found.high) == pytest.approx((4.0, 4.0))
    assert found.blocks == 3


def test_a_speed_up_counts_only_blocks_that_hold_both() -> None:
    found = ratio_of({0: [2.0], 1: [1000.0]}, {0: [1.0], 2: [0.001]})
    assert (found.value, found.blocks) == (2.0, 1)


def test_a_ratio_and_its_inverse_agree() -> None:
    rng = np.random.default_rng(3)
    one = {block: list(rng.lognormal(0, 0.1, 5)) for block in range(5)}
    two = {block: list(rng.lognormal(1, 0.2, 7)) for block in range(5)}
    there, back = ratio_of(one, two), ratio_of(two, one)
    assert there.value == pytest.approx(1 / back.value)
    assert back.low is not None
    assert back.high is not None
    assert (there.low, there.high) == pytest.approx((1 / back.high, 1 / back.low))


def test_above_one_is_faster_than_the_baseline() -> None:
    assert ratio_of({0: [3.0]}, {0: [1.0]}).value == pytest.approx(3.0)
    assert ratio_of({0: [1.0]}, {0: [3.0]}).value == pytest.approx(1 / 3)


def test_spread_is_the_middle_half_over_the_median() -> None:
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == pytest.approx(2 / 3)
    assert spread([2.0]) == 0.0
    assert estimate([[1.0, 2.0], [3.0, 4.0, 5.0]]).spread == pytest.approx(2 / 3)


@pytest.mark.parametrize("processes", [3, 5])
def test_the_interval_covers_the_truth_in_95_of_100_cases(processes: int) -> None:
    rng = np.random.default_rng(20)
    trials, truth = 2000, 0.02
    effects = rng.normal(0, 0.1, (trials, processes, 1))
    noise = rng.normal(0, 0.01, (trials, processes, 5))
    rounds = truth * np.exp(effects + noise)
    found: list[Estimate] = [estimate(trial) for trial in rounds.tolist()]
    covered = sum(
        one.low is not None and one.high is not None and one.low <= truth <= one.high
        for one in found
    )
    assert 0.93 <= covered / trials <= 0.97


def test_the_interval_of_a_ratio_covers_it_although_the_machine_drifts() -> None:
    rng = np.random.default_rng(21)
    trials, blocks = 1000, 4
    state = rng.normal(0, 0.5, (trials, blocks, 1))
    ours = np.exp(state + rng.normal(0, 0.05, (trials, blocks, 1))) * 3
    theirs = np.exp(state + rng.normal(0, 0.05, (trials, blocks, 1)))
    covered = 0
    for one, other in zip(ours.tolist(), theirs.tolist(), strict=True):
        found = ratio_of(dict(enumerate(one)), dict(enumerate(other)))
        covered += found.low is not None and found.high is not None and found.low <= 3 <= found.high
    assert 0.93 <= covered / trials <= 0.97
