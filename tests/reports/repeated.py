"""Documents whose run had a control: one implementation a second time, under another name."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench.documents.results import Measured, Results
from impls.registry import ROWS
from impls.row import control_of

KNOWN = {row.name: row for row in ROWS}


def with_control(document: Results, name: str, slower: Callable[[int], float]) -> Results:
    """``document`` with a control of ``name`` that takes ``slower(block)`` times as long."""
    control = control_of(KNOWN[name])
    repeated = [
        _repeat(one, control.name, slower(one.block))
        for one in document.outcomes
        if isinstance(one, Measured) and one.cell.implementation == name
    ]
    names = (*document.plan.implementations, control.name)
    return msgspec.structs.replace(
        document,
        plan=msgspec.structs.replace(document.plan, implementations=names),
        outcomes=(*document.outcomes, *repeated),
        rows=(*(KNOWN[one] for one in names if one in KNOWN), control),
    )


def _repeat(one: Measured, name: str, factor: float) -> Measured:
    timings = tuple(
        msgspec.structs.replace(
            timing,
            round_seconds=tuple(seconds * factor for seconds in timing.round_seconds),
            disturbances=(),
        )
        for timing in one.timings
    )
    cell = msgspec.structs.replace(one.cell, implementation=name)
    return msgspec.structs.replace(one, cell=cell, timings=timings)
