"""The observation table: one row for each round of each phase of each cell, from any documents.

Columns are arrays, filled once.  Points keep the places of their rows; a data frame of the whole is
made when somebody asks for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.documents.results import Measured, Outcome, Results, Unavailable, Unverified
from bench.documents.timings import Disturbance, Timing
from bench.planning.plan import Cell, Setting
from impls.errors import ResultsError
from impls.registry import ROWS
from impls.row import Row

if TYPE_CHECKING:
    import pandas as pd

Column = NDArray[np.float64]

DISTURBANCES = ("waited", "foreign", "stolen", "siblings")
COLUMNS = (
    "run", "implementation", "role", "device", "network", "batch_size", "threads", "setting",
    "block", "sweep", "phase", "round", "seconds", "cpu_seconds", "examples", "iterations",
    "outcome", "reason", *DISTURBANCES,
)  # fmt: skip
"""The columns of :meth:`ObservationTable.frame`."""


@dataclass(frozen=True)
class Span:
    """The rows of one phase of one cell in one process: from ``start`` up to ``stop``.

    ``block`` counts through all documents, so that two runs never share one.
    """

    phase: str
    block: int
    examples: int
    start: int
    stop: int


@dataclass(frozen=True)
class _Part:
    """What all rows of a span have in common; an outcome without rounds has one row."""

    run: int
    cell: Cell
    block: int | None
    outcome: str
    reason: str
    timing: Timing | None

    @property
    def rows(self) -> int:
        return len(self.timing.round_seconds) if self.timing else 1


@dataclass(frozen=True, eq=False)
class ObservationTable:
    """All rounds of several documents.

    ``spans`` holds, for every document and cell, the rows of measured outcomes by phase, in order
    of blocks.  ``seconds`` are per iteration.  ``sweeps`` is -1 where a document names none.
    """

    seconds: Column
    sweeps: NDArray[np.int64]
    spans: Mapping[tuple[int, Cell], Mapping[str, tuple[Span, ...]]]
    parts: Sequence[_Part]
    roles: Mapping[str, str]

    @property
    def rounds(self) -> int:
        """The number of rounds; outcomes that were not timed have none."""
        return sum(part.rows for part in self.parts if part.timing)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The table as a data frame with :data:`COLUMNS`.

        ``run`` counts documents from 1.  An outcome that was not timed has one row without a phase.
        ``threads`` is missing where none was requested, ``block`` where no process was started,
        ``sweep`` in documents that name none; the disturbances where the system does not tell.
        """
        import pandas as pd  # noqa: PLC0415 - heavy, and most readers need the arrays alone

        counts = np.array([part.rows for part in self.parts], dtype=np.int64)

        def repeated(values: Iterable[str]) -> pd.Categorical[str]:
            listed = list(values)
            kinds = {word: code for code, word in enumerate(dict.fromkeys(listed))}
            codes = np.array([kinds[word] for word in listed], dtype=np.int64)
            return pd.Categorical.from_codes(np.repeat(codes, counts), pd.Index(list(kinds)))

        def whole(values: Iterable[int | None]) -> pd.arrays.IntegerArray:
            listed = list(values)
            numbers = np.array([one or 0 for one in listed], dtype=np.int64)
            missing = np.array([one is None for one in listed], dtype=bool)
            return pd.arrays.IntegerArray(np.repeat(numbers, counts), np.repeat(missing, counts))

        cells = [part.cell for part in self.parts]
        timings = [part.timing for part in self.parts]
        starts = np.repeat(np.cumsum(counts) - counts, counts)
        timed = np.repeat([timing is not None for timing in timings], counts).astype(bool)
        columns = {
            "run": np.repeat(np.array([one.run + 1 for one in self.parts], dtype=np.int64), counts),
            "implementation": repeated(cell.implementation for cell in cells),
            "role": repeated(self.roles.get(cell.implementation, "trainer") for cell in cells),
            "device": repeated(cell.device for cell in cells),
            "network": repeated(cell.network for cell in cells),
            "batch_size": whole(cell.batch_size for cell in cells),
            "threads": whole(cell.threads for cell in cells),
            "setting": repeated(setting_words(cell.setting) for cell in cells),
            "block": whole(part.block for part in self.parts),
            "sweep": pd.arrays.IntegerArray(np.maximum(self.sweeps, 0), self.sweeps < 0),
            "phase": repeated(one.phase if one else "" for one in timings),
            "round": pd.arrays.IntegerArray(np.arange(counts.sum()) - starts, ~timed),
            "seconds": self.seconds,
            "cpu_seconds": _column(self.parts, lambda one: one.round_cpu_seconds),
            "examples": whole(one.examples if one else None for one in timings),
            "iterations": whole(one.iterations if one else None for one in timings),
            "outcome": repeated(part.outcome for part in self.parts),
            "reason": repeated(part.reason for part in self.parts),
            **{name: _column(self.parts, _told(name)) for name in DISTURBANCES},
        }
        return pd.DataFrame(columns, columns=list(COLUMNS))


def tabulate(results: Sequence[Results]) -> ObservationTable:
    """Return the table of ``results``.

    Raises:
        ResultsError: a measured round that took no time, no finite one, or no examples.
    """
    first_block = first_blocks(results)
    parts = [part for run, one in enumerate(results) for part in _parts(run, one.outcomes)]
    spans: dict[tuple[int, Cell], dict[str, list[Span]]] = {}
    start = 0
    for part in parts:
        stop = start + part.rows
        if part.outcome == "measured" and part.timing and part.block is not None:
            block = first_block[part.run] + part.block
            phases = spans.setdefault((part.run, part.cell), {})
            span = Span(part.timing.phase, block, part.timing.examples, start, stop)
            phases.setdefault(part.timing.phase, []).append(span)
        start = stop
    seconds = _column(parts, lambda timing: timing.round_seconds)
    _require_sound(parts, seconds)
    sweeps = _column(parts, lambda timing: timing.sweeps)
    return ObservationTable(
        seconds=seconds,
        sweeps=np.where(np.isnan(sweeps), -1, sweeps).astype(np.int64),
        spans={
            where: {
                phase: tuple(sorted(some, key=lambda span: span.block))
                for phase, some in phases.items()
            }
            for where, phases in spans.items()
        },
        parts=parts,
        roles={name: row.role for name, row in known_rows(results).items()},
    )


def known_rows(results: Sequence[Results]) -> dict[str, Row]:
    """Rows by name: those of the documents, and the registry's, in its order, for the rest."""
    return {row.name: row for row in (*ROWS, *(row for result in results for row in result.rows))}


def setting_words(setting: Setting) -> str:
    """Environment variables on one line: ``OMP_WAIT_POLICY=active, X unset``."""
    return ", ".join(
        f"{name} unset" if value is None else f"{name}={value}" for name, value in setting
    )


def first_blocks(results: Sequence[Results]) -> list[int]:
    """Return the number of each document's first block, counted through all documents."""
    lengths = [
        max(
            (outcome.block for outcome in document.outcomes if isinstance(outcome, Measured)),
            default=-1,
        )
        + 1
        for document in results
    ]
    return [0, *itertools.accumulate(lengths)]


def _parts(run: int, outcomes: Iterable[Outcome]) -> Iterable[_Part]:
    """Yield the spans of every outcome of one document."""
    for outcome in outcomes:
        word = type(outcome).__name__.lower()
        reason = "" if isinstance(outcome, Measured) else outcome.reason
        block = None if isinstance(outcome, Unavailable) else outcome.block
        timed = outcome.measured if isinstance(outcome, Unverified) else outcome
        timings = timed.timings if isinstance(timed, Measured) else ()
        for timing in timings or (None,):
            yield _Part(run, outcome.cell, block, word, reason, timing)


def _column(parts: Iterable[_Part], of: Callable[[Timing], Sequence[float | None]]) -> Column:
    """Return one number per row, NaN where there is none; ``of`` gives those of one timing."""
    values: list[float | None] = []
    for part in parts:
        own = of(part.timing) if part.timing else ()
        values += own
        values += itertools.repeat(None, part.rows - len(own))
    return np.array(values, dtype=np.float64)


def _told(name: str) -> Callable[[Timing], Sequence[float | None]]:
    """Return what ``name`` was beside each round of a timing."""

    def values(timing: Timing) -> list[float | None]:
        disturbances: Sequence[Disturbance] = timing.disturbances
        return [getattr(disturbance, name) for disturbance in disturbances]

    return values


def _require_sound(parts: Sequence[_Part], seconds: Column) -> None:
    """Refuse measured rounds that nobody can reckon with."""
    if np.isfinite(seconds).all() and (seconds > 0).all() and _all_have_examples(parts):
        return
    start = 0
    for part in parts:
        own = seconds[start : start + part.rows]
        start += part.rows
        if part.timing is None or part.outcome != "measured":
            continue
        examples = part.timing.examples
        bad = own[~(np.isfinite(own) & (own > 0))] if examples > 0 else own
        if len(bad):
            raise ResultsError(
                f"document {part.run + 1} is damaged: {part.cell.id} has a round of {bad[0]:g} s "
                f"for {examples} examples, and both must be above 0. Run the measurement again."
            )


def _all_have_examples(parts: Iterable[_Part]) -> bool:
    return all(part.timing.examples > 0 for part in parts if part.timing)
