"""Machines side by side: who is the fastest on each."""

from __future__ import annotations

import msgspec

from reports.cluster import machines
from tests.reports import sample
from tests.reports.pieces import measured, replace

NAIVE, NUMBA = "numpy-naive", "numba"


def test_what_was_measured_in_few_processes_does_not_win() -> None:
    shape = sample.Shape(
        names=(NAIVE, NUMBA), batch_sizes=(500,), threads=(1,), outcomes=False, blocks=3
    )
    document = sample.document(shape)
    cells = {outcome.cell.implementation: outcome.cell for outcome in document.outcomes}
    slow = [measured(cells[NAIVE], block=block, epoch=[2.0, 2.0]) for block in range(3)]
    steady = [measured(cells[NUMBA], block=block, epoch=[1.0, 1.0]) for block in range(3)]
    lucky = measured(
        msgspec.structs.replace(cells[NUMBA], implementation="numba-sparse"),
        block=0,
        epoch=[0.5, 0.5],
    )
    (run,) = machines.runs_of([], [replace(document, outcomes=(*slow, *steady, lucky))], 0.03)
    (place,) = run.points
    best = run.best(place)
    assert best is not None
    assert best.implementation == NUMBA
    (table,) = machines.time_tables([run])
    notes = {row.cells[0].text: row.cells[1].notes for row in table.rows}
    assert notes == {
        NAIVE: ("2.00 \N{MULTIPLICATION SIGN} the fastest",),
        NUMBA: ("fastest here",),
        "numba-sparse": ("not ranked: only 1 block",),
    }
