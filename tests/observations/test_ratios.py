"""Ratios are paired as closely as the documents allow, each taken once."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from bench.observations.points import Timed
from bench.observations.ratios import Pairing, paired_logs, ratios_of


def timed(*blocks: float, first: int = 0) -> Timed:
    return Timed({first + place: (seconds,) for place, seconds in enumerate(blocks)}, {})


def swept(**factors: float) -> Timed:
    """Two blocks of two sweeps; the second sweep is disturbed and takes twice as long."""
    sweeps = {block: {0: factors["of"], 1: 2 * factors["of"]} for block in range(3)}
    return Timed({block: tuple(one.values()) for block, one in sweeps.items()}, sweeps)


def test_without_sweeps_the_medians_of_blocks_are_paired() -> None:
    reference, other = timed(1.0, 2.0, 3.0), timed(0.5, 1.1, 1.4)
    (found,) = ratios_of([Pairing(reference, other)])
    assert found is not None
    logs = np.log([1.0 / 0.5, 2.0 / 1.1, 3.0 / 1.4])
    assert (found.value, found.error, found.df) == pytest.approx(
        (math.exp(logs.mean()), scipy.stats.sem(logs), 2)
    )


def test_log_ratios_pair_sweeps_of_the_blocks_that_both_share() -> None:
    before = {0: {0: 2.0, 1: 4.0, 2: 9.0}, 1: {0: 1.0}, 2: {5: 1.0, 6: 3.0}, 3: {0: 1.0}}
    after = {0: {1: 1.0, 2: 3.0, 7: 1.0}, 1: {0: 2.0}, 2: {7: 4.0}}
    reference, other = (
        Timed({block: tuple(sweeps.values()) for block, sweeps in one.items()}, one)
        for one in (before, after)
    )
    found = paired_logs(reference, other)
    assert found.keys() == {0, 1, 2}
    assert found[0] == pytest.approx([math.log(4), math.log(3)])
    assert found[1] == pytest.approx([-math.log(2)])
    # No sweep in common: the medians of the block, 2 and 4.
    assert found[2] == pytest.approx([-math.log(2)])


def test_sweeps_are_paired_where_both_name_theirs() -> None:
    one, other = swept(of=1.0), swept(of=0.5)
    (found,) = ratios_of([Pairing(one, other)])
    assert found is not None
    assert found.value == pytest.approx(2.0)
    # A side that lacks the disturbed sweep is held against the others only.
    fewer = Timed(dict.fromkeys(range(3), (0.5,)), {b: {0: 0.5} for b in range(3)})
    (found,) = ratios_of([Pairing(one, fewer)])
    assert found is not None
    assert found.value == pytest.approx(2.0)
    # Without its sweeps it would be held against the median of both.
    (found,) = ratios_of([Pairing(one, Timed(fewer.rounds, {}))])
    assert found is not None
    assert found.value == pytest.approx(3.0)


def test_cells_of_different_blocks_are_divided_through_a_bridge() -> None:
    # The machine is twice as slow in the later blocks.
    reference, other = timed(1.0, 1.01, 0.99), timed(1.0, 1.01, 0.99, first=3)
    bridge = timed(3.0, 3.0, 3.0, 6.0, 6.0, 6.0)
    unpaired, bridged = ratios_of([Pairing(reference, other), Pairing(reference, other, (bridge,))])
    assert unpaired is not None
    assert bridged is not None
    assert unpaired.value == pytest.approx(1.0)
    assert bridged.value == pytest.approx(2.0)


def test_a_side_without_rounds_has_no_ratio() -> None:
    assert ratios_of([Pairing(timed(), timed(1.0))]) == [None]
    assert ratios_of([]) == []
