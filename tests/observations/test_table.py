"""The observation table: what is in it, and that it is made in no time."""

from __future__ import annotations

import time

import msgspec
import numpy as np
import pytest

from bench.documents.results import Results, Unverified
from bench.documents.timings import EPOCH
from bench.observations.points import Point, observe
from bench.observations.table import COLUMNS, DISTURBANCES, tabulate
from impls.errors import ResultsError
from tests.reports import pieces, sample
from tests.stats.compared import cell, document, measured, refused, times


def points(*documents: Results) -> list[Point]:
    return observe(documents, tabulate(documents), apart=True)


def test_every_round_and_every_outcome_without_one_is_a_row() -> None:
    where = cell("mine", threads=None)
    results = document({cell(): times(), where: refused(where, "failed")})
    frame = tabulate([results]).frame
    assert tuple(frame.columns) == COLUMNS
    timed = frame[frame["phase"] == EPOCH]
    assert timed["seconds"].tolist() == [one for one in times() for _ in range(3)]
    assert timed["round"].tolist() == [0, 1, 2] * 5
    assert timed["block"].tolist() == [block for block in range(5) for _ in range(3)]
    (row,) = frame[frame["outcome"] == "failed"].to_dict("records")
    assert (row["implementation"], row["reason"], row["phase"]) == ("mine", "killed", "")
    assert np.isnan(row["seconds"])
    assert frame.loc[frame["outcome"] == "failed", ["threads", "round"]].isna().to_numpy().all()


def test_the_types_of_columns_do_not_depend_on_what_was_measured() -> None:
    frames = [
        tabulate([document(cells)]).frame
        for cells in ({}, {cell(): times(), cell("mine"): times()})
    ]
    assert len(frames[0]) == 0
    assert frames[0].dtypes.map(str).to_dict() == frames[1].dtypes.map(str).to_dict()


def test_disturbances_and_sweeps_stand_beside_their_rounds() -> None:
    beside = [pieces.disturbance(waited=0.25, foreign=None), pieces.disturbance(stolen=0.5)]
    found = pieces.measured(cell(), block=0, epoch=[1.0, 2.0], disturbances={EPOCH: beside})
    found = pieces.remeasured(
        found, timings=tuple(pieces.retimed(one, sweeps=(7, 9)) for one in found.timings)
    )
    frame = tabulate([document({cell(): [found]})]).frame
    assert frame["sweep"].tolist() == [7, 9]
    assert frame["waited"].tolist() == [0.25, 0.0]
    assert frame["foreign"].isna().tolist() == [True, False]
    assert frame["stolen"].tolist() == [0.0, 0.5]
    assert frame["siblings"].isna().all()
    assert set(DISTURBANCES) <= set(frame.columns)


def test_what_an_unverified_cell_holds_beyond_its_rounds_is_left_out() -> None:
    (found,) = measured(cell(), [1.0], phases=("epoch",))
    beside = (pieces.disturbance(waited=0.25),) * 5
    timing = pieces.retimed(
        found.timings[0], sweeps=(0, 1, 2, 3), round_cpu_seconds=(9.0,) * 6, disturbances=beside
    )
    uneven = pieces.remeasured(found, timings=(timing,))
    unverified = Unverified(cell=cell(), block=0, reason="who knows", measured=uneven)
    frame = tabulate([document({cell(): [unverified], cell("mine"): times()})]).frame
    assert frame["sweep"].tolist()[:3] == [0, 1, 2]
    assert frame["sweep"].isna().tolist()[3:] == [True] * (len(frame) - 3)
    assert frame["waited"].notna().sum() == 3


def test_blocks_of_two_documents_are_never_the_same() -> None:
    one, other = points(document({cell(): times()}), document({cell(): times()}))
    assert not one.rounds(EPOCH).keys() & other.rounds(EPOCH).keys()
    assert list(one.rounds(EPOCH).values()) == list(other.rounds(EPOCH).values())


def test_of_several_rounds_in_one_sweep_the_median_counts() -> None:
    (found,) = measured(cell(), [1.0])
    seconds = (1.0, 4.0, 2.0, 3.0)
    timing = pieces.retimed(found.timings[0], round_seconds=seconds, sweeps=(0, 0, 0, 1))
    (point,) = points(document({cell(): [pieces.remeasured(found, timings=(timing,))]}))
    assert point.timed(EPOCH).sweeps == {
        0: {0: pytest.approx(2.0 / timing.examples), 1: pytest.approx(3.0 / timing.examples)}
    }


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_round_that_cannot_be_is_refused_and_named(seconds: float) -> None:
    good, bad = document({cell(): times()}), document({cell("mine"): [seconds]})
    with pytest.raises(ResultsError, match="document 2 is damaged: mine/tiny/b8/t1 has a round"):
        tabulate([good, bad])


def test_ten_thousand_cells_are_a_table_within_seconds() -> None:
    results = sample.document(sample.Shape(batch_sizes=(500,), threads=(1,), outcomes=False))
    many = msgspec.structs.replace(results, outcomes=results.outcomes * 200)
    assert len(many.outcomes) >= 10_000
    begin = time.perf_counter()
    frame = tabulate([many]).frame
    assert time.perf_counter() - begin < 20
    assert len(frame) > 300_000
