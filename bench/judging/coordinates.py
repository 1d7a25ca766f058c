"""The coordinates of measured cells: what they are matched on, compared along and chosen by."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import msgspec

from bench.documents.results import Failed, Invalid, Measured, Results, Unavailable, Unverified
from bench.errors import ResultsError, UnknownNameError, UsageError
from bench.planning.plan import Cell
from impls.networks import Network
from impls.registry import ROWS
from impls.row import Row

RUN = "run"
IMPLEMENTATION = "implementation"
BATCH_SIZE = "batch-size"
THREADS = "threads"
FIXED = (RUN, IMPLEMENTATION, THREADS, BATCH_SIZE)
UNSET = "unset"

Gap = Invalid | Unverified | Unavailable | Failed


@dataclass(frozen=True)
class Side:
    """What one document holds of one cell.

    ``run`` counts the documents from 0 and ``label`` names this one.  ``network`` is what the
    cell's network computes, or its name where the document does not describe it.  ``variables``
    are those that its processes were given: what the user had exported, as far as it is recorded,
    and the setting on top.  ``row`` is what is known of the implementation.
    """

    run: int
    label: str
    cell: Cell
    network: Network | str
    variables: Mapping[str, str]
    row: Row | None
    measured: tuple[Measured, ...]
    gaps: tuple[Gap, ...]

    @property
    def is_limit(self) -> bool:
        """Whether it times a part of the work alone and trains nothing."""
        return self.row is not None and self.row.role == "limit"

    @property
    def repeats(self) -> str:
        """The implementation that it repeats as a control; empty where it is none."""
        return self.row.repeats if self.row is not None and self.row.role == "control" else ""

    def value(self, coordinate: str) -> str:
        """Where the cell stands along ``coordinate``; anything but the fixed ones is a variable."""
        values = {
            RUN: str(self.run),
            IMPLEMENTATION: self.cell.implementation,
            "device": self.cell.device,
            "network": self.cell.network,
            BATCH_SIZE: str(self.cell.batch_size),
            THREADS: UNSET if self.cell.threads is None else str(self.cell.threads),
        }
        return values[coordinate] if coordinate in values else self.variables.get(coordinate, UNSET)

    def key(self, coordinate: str) -> tuple[object, ...]:
        """All other coordinates.  The run is not among them, and the device goes with the row."""
        cell = self.cell
        own = () if coordinate == IMPLEMENTATION else (cell.implementation, cell.device)
        size = None if coordinate == BATCH_SIZE else cell.batch_size
        threads = None if coordinate == THREADS else (cell.threads,)
        setting = tuple(one for one in cell.setting if one[0] != coordinate)
        return (*own, self.network, size, threads, setting)

    def rounds(self, phase: str) -> dict[int, tuple[float, ...]]:
        """Seconds per example of every round of ``phase`` by block; blocks without it are left out.

        Raises:
            ResultsError: a duration or a number of examples that cannot be.
        """
        found: dict[int, tuple[float, ...]] = {}
        for one in self.measured:
            for timing in one.timings:
                if timing.phase == phase and timing.round_seconds:
                    values = tuple(
                        self._per_example(s, timing.examples) for s in timing.round_seconds
                    )
                    found[one.block] = (*found.get(one.block, ()), *values)
        return found

    def _per_example(self, seconds: float, examples: int) -> float:
        if examples > 0 and 0 < seconds < math.inf:
            return seconds / examples
        raise ResultsError(
            f"{self.label} is damaged: {self.cell.id} has a round of {seconds} s for {examples} "
            "examples, and both must be above 0. Run the measurement again."
        )


def sides(results: Sequence[Results], labels: Sequence[str]) -> list[Side]:
    """Every cell of every document, in the order of the plans."""
    found = []
    for run, (document, label) in enumerate(zip(results, labels, strict=True)):
        rows = {row.name: row for row in (*ROWS, *document.rows)}
        plan = document.plan
        computed = msgspec.structs.replace(plan.network, name="")
        by_cell: dict[Cell, list[Measured | Gap]] = {}
        for outcome in document.outcomes:
            by_cell.setdefault(outcome.cell, []).append(outcome)
        for cell, outcomes in by_cell.items():
            changed = {name: value or "" for name, value in cell.setting}
            removed = {name for name, value in cell.setting if value is None}
            variables = document.machine.environment | changed
            found.append(
                Side(
                    run=run,
                    label=label,
                    cell=cell,
                    network=computed if cell.network == plan.network.name else cell.network,
                    variables={k: v for k, v in variables.items() if k not in removed},
                    row=rows.get(cell.implementation),
                    measured=tuple(one for one in outcomes if isinstance(one, Measured)),
                    gaps=tuple(one for one in outcomes if not isinstance(one, Measured)),
                )
            )
    return _in_order(found, results)


def _in_order(found: list[Side], results: Sequence[Results]) -> list[Side]:
    """Sorted as the plans list implementations, batch sizes, threads and settings."""
    plans = [document.plan for document in results]
    orders: tuple[dict[object, None], ...] = (
        dict.fromkeys(name for plan in plans for name in plan.implementations),
        dict.fromkeys(training.batch_size for plan in plans for training in plan.trainings),
        dict.fromkeys(threads for plan in plans for threads in plan.threads),
        dict.fromkeys(setting for plan in plans for setting in plan.settings),
    )
    places = [{value: place for place, value in enumerate(order)} for order in orders]

    def place(side: Side) -> list[int]:
        cell = side.cell
        values = (cell.implementation, cell.batch_size, cell.threads, cell.setting)
        where = [order.get(value, sys.maxsize) for order, value in zip(places, values, strict=True)]
        return [*where, side.run]

    return sorted(found, key=place)


def variables_of(found: Iterable[Side]) -> list[str]:
    """The variables of which cells had different values."""
    listed = list(found)
    names = dict.fromkeys(name for side in listed for name in side.variables)
    return sorted(name for name in names if len({side.value(name) for side in listed}) > 1)


def values_along(coordinate: str, found: Sequence[Side]) -> list[str]:
    """The values along ``coordinate``, of which there are at least two.

    Raises:
        UnknownNameError: it is neither a fixed coordinate nor a variable that varies.
        UsageError: all cells have the same value.
    """
    values = list(dict.fromkeys(side.value(coordinate) for side in found))
    if coordinate == RUN:
        values.sort(key=int)
    known = (*FIXED, *variables_of(found))
    if coordinate not in known:
        raise UnknownNameError("coordinate", coordinate, known, hint="Give one of them to --by.")
    if len(values) < 2:
        others = [name for name in known if len({side.value(name) for side in found}) > 1]
        remedy = f"--by {' or --by '.join(others)}" if others else "another document"
        only = (
            f"only {found[0].label} has such cells"
            if coordinate == RUN
            else f"all cells have {values[0]}"
        )
        raise UsageError(f"nothing to compare by {coordinate}: {only}; give {remedy}")
    return values


@dataclass(frozen=True)
class Selector:
    """Which cells are meant: each field must match one of its patterns."""

    fields: tuple[tuple[str, tuple[str, ...]], ...]

    def matches(self, side: Side) -> bool:
        """Whether ``side`` is among them."""
        return all(
            any(side.value(field) == one or fnmatchcase(side.value(field), one) for one in patterns)
            for field, patterns in self.fields
        )

    def names(self, control: Side) -> bool:
        """Whether it means ``control``, and not merely a pattern of which that is one more."""
        name = control.cell.implementation
        patterns = [one for field, many in self.fields if field == IMPLEMENTATION for one in many]
        return any(
            one == name or (fnmatchcase(name, one) and not fnmatchcase(control.repeats, one))
            for one in patterns
        )


def parse_selector(option: str, text: str, found: Sequence[Side]) -> Selector:
    """What ``FIELD=PATTERN,PATTERN,FIELD=PATTERN`` selects of the cells in ``found``.

    Raises:
        UnknownNameError: a field that no cell has.
        UsageError: a pattern without a field, or a field without one.
    """
    variables = {name for side in found for name in side.variables}
    known = (IMPLEMENTATION, "device", "network", BATCH_SIZE, THREADS, *sorted(variables))
    fields: dict[str, tuple[str, ...]] = {}
    current = ""
    for part in text.split(","):
        name, separator, pattern = part.partition("=")
        if separator:
            current = name.strip()
            if current not in known:
                raise UnknownNameError(f"field of {option}", current, known)
        pattern = (pattern if separator else part).strip()
        if not current or not pattern:
            raise UsageError(f"{option} {text!r} is not FIELD=PATTERN or FIELD=PATTERN,PATTERN")
        fields[current] = (*fields.get(current, ()), pattern)
    return Selector(tuple(fields.items()))
