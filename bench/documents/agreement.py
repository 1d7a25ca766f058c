"""Whether all processes of a cell have the settings of its first one, as repetitions must."""

from __future__ import annotations

from collections.abc import Iterable

from bench.documents.results import Measured, Outcome, Unverified
from bench.planning.plan import Cell
from bench.provenance.records import Process


def agreeing(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return ``outcomes``, unverified where their settings differ from those of their cell.

    What the first measured process of a cell declared holds for the others.
    """
    first: dict[Cell, Measured] = {}
    checked: list[Outcome] = []
    for outcome in outcomes:
        if isinstance(outcome, Measured):
            checked.append(_held_against(first.setdefault(outcome.cell, outcome), outcome))
        else:
            checked.append(outcome)
    return checked


def _held_against(first: Measured, outcome: Measured) -> Outcome:
    ours, theirs = _settings(outcome.process), _settings(first.process)
    names = [name for name in {**theirs, **ours} if ours.get(name) != theirs.get(name)]
    if not names:
        return outcome
    said = ", ".join(
        f"{name}: {_value(ours.get(name))} instead of {_value(theirs.get(name))}" for name in names
    )
    reason = (
        f"the process has other settings than that of block {first.block + 1} ({said}), so "
        "the two cannot count as one cell"
    )
    return Unverified(cell=outcome.cell, block=outcome.block, reason=reason, measured=outcome)


def _settings(process: Process) -> dict[str, str]:
    """Return what was declared, and the device."""
    device = process.accelerator
    return process.declared | ({"device": device.name} if device and device.name else {})


def _value(declared: str | None) -> str:
    return "nothing" if declared is None else repr(declared)
