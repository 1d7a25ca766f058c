"""The question of a comparison: which phase, along which coordinate, against which reference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bench.documents.results import Results
from bench.documents.timings import EPOCH, STEP
from bench.errors import UnknownNameError
from bench.judging.coordinates import (
    BATCH_SIZE,
    IMPLEMENTATION,
    RUN,
    THREADS,
    Side,
    values_along,
    variables_of,
)


@dataclass(frozen=True)
class Question:
    """What is compared: ``phase`` along ``coordinate``, against the cells at ``baseline``."""

    coordinate: str
    baseline: str
    phase: str

    def place(self, side: Side) -> str:
        """Where ``side`` stands along the coordinate, in words."""
        if self.coordinate == RUN:
            return f"in {side.label}"
        if self.coordinate == IMPLEMENTATION:
            return f"as {side.cell.implementation}"
        return f"with {self.coordinate} {side.value(self.coordinate)}"


def choose_phase(results: Sequence[Results], labels: Sequence[str]) -> tuple[str, str]:
    """Epochs, or steps where a document holds none at all; and the reason for the latter."""
    for document, label in zip(results, labels, strict=True):
        timed = {
            timing.phase
            for outcome in document.outcomes
            for timing in getattr(outcome, "timings", ())
        }
        if timed and EPOCH not in timed:
            return STEP, f"Steps are compared, because {label} holds no epochs."
    return EPOCH, ""


def choose_baseline(coordinate: str, found: Sequence[Side], asked: str | None) -> str:
    """The reference value along ``coordinate``: the one asked for, else the first.

    Of implementations the first is rung 0 of the ladder where it is there, else a trainer.  A run
    may be asked for by the label of its document.

    Raises:
        UnknownNameError: no cell has the value asked for.
        UsageError: all cells have the same value.
    """
    values = values_along(coordinate, found)
    if asked is not None:
        known = {
            side.label if coordinate == RUN else side.value(coordinate): side for side in found
        }
        if asked not in known:
            raise UnknownNameError(f"{coordinate} for --baseline", asked, known)
        return known[asked].value(coordinate)
    if coordinate == IMPLEMENTATION:
        rungs = [side for side in found if side.row is not None and side.row.rung == 0]
        trainers = [side for side in found if not side.is_limit]
        return next(side.value(coordinate) for side in (*rungs, *trainers, *found))
    return values[0]


def suggestions(found: Sequence[Side]) -> list[str]:
    """The coordinates in which alone cells differ; where there are several runs, cells of two."""
    several = len({side.run for side in found}) > 1
    candidates = (RUN, IMPLEMENTATION, THREADS, BATCH_SIZE, *variables_of(found))
    return [one for one in candidates if differ_alone(found, one, across_runs=several)]


def differ_alone(found: Sequence[Side], coordinate: str, *, across_runs: bool = False) -> bool:
    """Whether some cells differ in nothing but ``coordinate``, and the run where that is asked."""
    groups: dict[tuple[object, ...], list[Side]] = defaultdict(list)
    for side in found:
        groups[side.key(coordinate)].append(side)
    return any(
        len({side.value(coordinate) for side in group}) > 1
        and (not across_runs or len({side.run for side in group}) > 1)
        for group in groups.values()
    )
