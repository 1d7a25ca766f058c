"""A document with every kind of outcome, small enough to be exported many times."""

from __future__ import annotations

import msgspec

from bench.documents.results import Measured, Results, Unverified
from impls.registry import find
from impls.row import control_of
from tests.reports import sample

NAMES = ("numpy-naive", "numba", "floor")
SHAPE = sample.Shape(
    names=NAMES,
    batch_sizes=(32, 500),
    settings=((), (("OMP_WAIT_POLICY", "active"), ("X_PATH", None))),
)


def document(shape: sample.Shape = SHAPE) -> Results:
    """Measured, invalid and unverified cells, a control, and sweeps beside some rounds."""
    found = sample.document(shape, rows=(*map(find, NAMES), control_of(find("numba"))))
    measured = [one for one in found.outcomes if isinstance(one, Measured)]
    first = measured[0]
    with_sweeps = msgspec.structs.replace(
        first,
        timings=tuple(
            msgspec.structs.replace(one, sweeps=tuple(range(3, 3 + len(one.round_seconds))))
            for one in first.timings
        ),
    )
    name = control_of(find("numba")).name
    repeated = [
        msgspec.structs.replace(
            one, cell=msgspec.structs.replace(one.cell, implementation=name, setting=())
        )
        for one in measured
        if one.cell.implementation == "numba" and not one.cell.setting
    ]
    last = measured[-1]
    doubted = Unverified(
        cell=last.cell, block=last.block, reason="2 threads were busy", measured=last
    )
    outcomes = [
        {id(first): with_sweeps, id(last): doubted}.get(id(one), one) for one in found.outcomes
    ]
    return msgspec.structs.replace(found, outcomes=(*outcomes, *repeated))
