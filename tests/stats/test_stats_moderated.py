"""Ratios of a table, whose entries lend each other what they know of the variance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
import scipy.stats

from bench.stats.estimates import (
    PairedLogs,
    moderated_ratios,
    moderated_unpaired,
)
from bench.stats.moderation import between_blocks, moderated
from bench.stats.sweeps import located, location, sampling_variance
from bench.stats.verdicts import judge


def table_of(
    rng: np.random.Generator,
    logs: Sequence[float],
    blocks: int,
    *,
    process: float = 0.01,
    sweeps: int = 8,
) -> list[PairedLogs]:
    """One entry per log ratio, with normal scatter."""
    return [
        {
            block: (log + rng.normal(0, process) + rng.normal(0, 0.03, sweeps)).tolist()
            for block in range(blocks)
        }
        for log in logs
    ]


@pytest.mark.parametrize("blocks", [3, 7])
def test_a_table_of_one_is_the_t_interval_of_its_blocks(blocks: int) -> None:
    logs = np.random.default_rng(1).normal(0, 0.1, blocks).tolist()
    (found,) = moderated_ratios([{block: [one] for block, one in enumerate(logs)}])
    mean, error = np.mean(logs), scipy.stats.sem(logs)
    expected = scipy.stats.t.interval(0.95, blocks - 1, loc=mean, scale=error)
    assert found.value == pytest.approx(math.exp(mean))
    assert found.error == pytest.approx(error)
    assert (found.low, found.high) == pytest.approx(tuple(np.exp(expected)))
    assert (found.df, found.blocks) == (blocks - 1, blocks)


def test_two_blocks_alone_give_the_interval_of_one_degree_of_freedom() -> None:
    # Mean 2, standard error 1, t(0.975, 1) = 12.7062.
    (found,) = moderated_ratios([{0: [1.0], 1: [3.0]}])
    assert found.df == 1
    assert found.low == pytest.approx(math.exp(2 - 12.7062), rel=1e-4)
    assert found.high == pytest.approx(math.exp(2 + 12.7062), rel=1e-4)


@pytest.mark.parametrize("entries", [1, 10, 48])
def test_eleven_times_as_fast_is_faster_from_two_noisy_blocks(entries: int) -> None:
    rng = np.random.default_rng(2)
    table = table_of(rng, [math.log(11)] * entries, 2, process=0.125 if entries > 1 else 0.01)
    assert {verdict.kind for verdict in judge(moderated_ratios(table))} == {"faster"}


def test_entries_lend_degrees_of_freedom_to_each_other() -> None:
    table = table_of(np.random.default_rng(3), [0.0] * 10, 2)
    together = moderated_ratios(table)
    alone = [moderated_ratios([entry])[0] for entry in table]
    assert {one.df for one in alone} == {1.0}
    assert all(1 < one.df <= 3 for one in together)
    for one, other in zip(together, alone, strict=True):
        assert one.value == pytest.approx(other.value)
        assert one.high is not None
        assert other.high is not None
        assert one.error is not None
        assert other.error is not None
        assert one.error >= other.error * 0.999
        assert one.high < other.high


def test_blocks_that_agree_by_chance_do_not_deny_the_scatter_of_their_sweeps() -> None:
    sweeps = [-0.1, -0.05, -0.02, 0.0, 0.0, 0.02, 0.05, 0.1]
    (found,) = moderated_ratios([{0: sweeps, 1: sweeps}])
    assert found.error == pytest.approx(math.sqrt(located(sweeps)[1] / 2))


def test_one_block_has_an_interval_only_where_others_know_the_variance() -> None:
    rng = np.random.default_rng(4)
    single = table_of(rng, [0.1], 1)
    (alone,) = moderated_ratios(single)
    assert (alone.low, alone.error, alone.blocks) == (None, None, 1)
    assert [one.error for one in moderated_ratios(single * 3)] == [None] * 3
    among = moderated_ratios([*single, *table_of(rng, [0.0] * 9, 3)])[0]
    assert among.low is not None
    assert among.low < among.value
    assert among.blocks == 1


def test_blocks_that_agree_exactly_leave_a_table_without_doubt() -> None:
    found = moderated_ratios([{0: [0.5], 1: [0.5]}] * 4)
    assert all(one.error == pytest.approx(0, abs=1e-11) for one in found)


def test_a_burst_in_a_quarter_of_the_sweeps_hardly_moves_a_ratio() -> None:
    calm = [0.1, 0.11, 0.09, 0.1, 0.12, 0.08]
    found = moderated_ratios([{0: [*calm, 1.5, 1.2], 1: calm}])[0]
    assert math.log(found.value) == pytest.approx(0.1, abs=0.01)


def test_the_location_of_few_values_is_their_median() -> None:
    for values in ([3.0], [1.0, 2.0], [9.0, 1.0, 2.0], [1.0, 2.0, 4.0, 50.0], [5, 1, 2, 9.0, 4]):
        assert located(values)[0] == pytest.approx(np.median(values))
    with pytest.raises(ValueError, match="at least one sweep"):
        located([])


def test_the_sampling_variance_is_that_of_the_location() -> None:
    values = np.random.default_rng(5).normal(0, 1, (20_000, 12))
    assert sampling_variance(values).mean() == pytest.approx(location(values).var(), rel=0.25)


def test_neighbours_that_are_alike_count_for_less() -> None:
    alike = np.repeat([0.0, 1.0, 0.0, 1.0], 5)
    mixed = np.tile([0.0, 1.0], 10)
    assert sampling_variance(alike) > 2 * sampling_variance(mixed)


def test_equal_variances_are_pooled_and_unequal_ones_are_not() -> None:
    rng = np.random.default_rng(6)
    df = np.full(40, 4.0)
    equal, df_of_equal = moderated(rng.chisquare(4, (20, 40)) / 4, df)
    assert np.log(equal).std() < 0.3
    assert np.median(df_of_equal) > 15
    truth = np.where(np.arange(40) % 2, 1.0, 1000.0)
    apart, df_of_apart = moderated(truth * rng.chisquare(4, (20, 40)) / 4, df)
    assert np.median(apart[:, ::2]) == pytest.approx(1000, rel=0.5)
    assert np.median(apart[:, 1::2]) < 10
    assert np.median(df_of_apart) < 8


def test_variances_that_follow_the_scatter_of_sweeps_are_pooled_after_division_by_it() -> None:
    rng = np.random.default_rng(7)
    truth = np.where(np.arange(40) % 2, 1.0, 1000.0)
    variances = truth * rng.chisquare(4, (20, 40)) / 4
    found, df = moderated(variances, np.full(40, 4.0), np.broadcast_to(truth, variances.shape))
    assert np.median(found[:, ::2]) == pytest.approx(1000, rel=0.2)
    assert np.median(found[:, 1::2]) == pytest.approx(1, rel=0.2)
    assert np.median(df) > 15


def test_a_table_without_degrees_of_freedom_has_no_variance() -> None:
    with pytest.raises(ValueError, match="without degrees of freedom"):
        moderated(np.ones((1, 2)), np.zeros(2))


def test_a_reference_that_varies_is_told_from_rows_that_do_not() -> None:
    rng = np.random.default_rng(8)
    logs = rng.normal(0, 0.1, (1, 1, 6)) + rng.normal(0, 0.001, (1, 12, 6))
    residuals = logs - logs.mean(axis=-1, keepdims=True)
    nothing = np.zeros((1, 12))
    together, df = between_blocks(residuals, nothing, [range(12)])
    _, apart = between_blocks(residuals, nothing, [])
    # Twelve rows met the same six processes of the reference: there are five degrees of freedom.
    assert np.median(df) < 9
    assert np.median(apart) > np.median(df)
    assert np.sqrt(np.median(together)) == pytest.approx(0.1, rel=0.6)


def test_rows_that_lack_blocks_are_told_from_their_reference_too() -> None:
    rng = np.random.default_rng(9)
    table = table_of(rng, [0.0] * 6, 4)
    short = [
        {block: row[block] for block in list(row)[place % 3 :]} for place, row in enumerate(table)
    ]
    found = moderated_ratios(short)
    assert [one.blocks for one in found] == [4, 3, 2] * 2
    assert all(one.error is not None and one.error > 0 for one in found)


def test_an_entry_needs_a_block() -> None:
    with pytest.raises(ValueError, match="no block holds both"):
        moderated_ratios([{0: [1.0]}, {}])
    assert moderated_ratios([]) == []


def test_unpaired_ratios_of_a_table_lend_each_other_degrees_of_freedom() -> None:
    rng = np.random.default_rng(10)

    def side(processes: int) -> list[list[float]]:
        return [rng.lognormal(0, 0.02, 5).tolist() for _ in range(processes)]

    table = [(side(2), side(2)) for _ in range(8)]
    found = moderated_unpaired(table)
    for one, (reference, other) in zip(found, table, strict=True):
        theirs, ours = (np.log(np.median(side, axis=1)).mean() for side in (reference, other))
        assert one.value == pytest.approx(math.exp(theirs - ours))
        assert not one.paired
        assert one.error is not None
        assert one.df > 1
    assert moderated_unpaired([(side(1), side(1))])[0].error is None
    with pytest.raises(ValueError, match="both sides"):
        moderated_unpaired([([], side(1))])
