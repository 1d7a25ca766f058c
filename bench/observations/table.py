"""The observation table: one row for each round of each phase of each cell, from any documents.

Columns are arrays, filled once.  Points keep the places of their rows; a data frame of the whole is
made when somebody asks for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.documents.results import Measured, Outcome, Results, Unverified
from bench.documents.timings import Timing
from bench.planning.plan import Cell, Setting
from impls.errors import ResultsError
from impls.registry import ROWS
from impls.row import Row

if TYPE_CHECKING:
    import pandas as pd

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


class _Part(NamedTuple):
    """What all rows of a span have in common; an outcome without rounds has one row."""

    document_index: int
    outcome: Outcome
    timing: Timing | None

    @property
    def cell(self) -> Cell:
        return self.outcome.cell

    @property
    def rows(self) -> int:
        return len(self.timing.round_seconds) if self.timing else 1


_COMMON: dict[str, tuple[Literal["int64", "Int64", "words"], Callable[[_Part], object]]] = {
    "run": ("int64", lambda part: part.document_index + 1),
    "implementation": ("words", lambda part: part.cell.implementation),
    "device": ("words", lambda part: part.cell.device),
    "network": ("words", lambda part: part.cell.network),
    "batch_size": ("Int64", lambda part: part.cell.batch_size),
    "threads": ("Int64", lambda part: part.cell.threads),
    "setting": ("words", lambda part: setting_words(part.cell.setting)),
    "block": ("Int64", lambda part: getattr(part.outcome, "block", None)),
    "phase": ("words", lambda part: part.timing.phase if part.timing else ""),
    "examples": ("Int64", lambda part: part.timing.examples if part.timing else None),
    "iterations": ("Int64", lambda part: part.timing.iterations if part.timing else None),
    "outcome": ("words", lambda part: type(part.outcome).__name__.lower()),
    "reason": ("words", lambda part: getattr(part.outcome, "reason", "")),
}
"""The columns that all rows of a part have in common: their type, and the value of a part."""


@dataclass(frozen=True, eq=False)
class ObservationTable:
    """All rounds of several documents.

    ``spans`` holds, for every document and cell, the rows of measured outcomes by phase, in order
    of blocks.  ``seconds`` are per iteration.  ``sweeps`` is -1 where a document names none.
    """

    seconds: NDArray[np.float64]
    sweeps: NDArray[np.int64]
    spans: Mapping[tuple[int, Cell], Mapping[str, Sequence[Span]]]
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
        ``sweep`` in documents that name none; the disturbances where they were not recorded.
        """
        import pandas as pd  # noqa: PLC0415 - heavy, and most readers need the arrays alone

        spans = pd.DataFrame(
            {name: [of(part) for part in self.parts] for name, (_, of) in _COMMON.items()}
        )
        for name, (kind, _) in _COMMON.items():
            if kind == "words":
                spans[name] = pd.Categorical(spans[name], spans[name].unique())
            else:
                spans[name] = spans[name].astype(kind)
        roles = [self.roles.get(part.cell.implementation, "trainer") for part in self.parts]
        spans["role"] = pd.Categorical(roles)
        frame = spans.loc[spans.index.repeat([part.rows for part in self.parts])]
        numbers = frame.groupby(level=0).cumcount().astype("Int64")
        frame["round"] = numbers.where(frame["phase"] != "")
        frame["sweep"] = pd.arrays.IntegerArray(np.maximum(self.sweeps, 0), self.sweeps < 0)
        frame["seconds"] = self.seconds
        frame["cpu_seconds"] = _column(self.parts, "round_cpu_seconds")
        for name in DISTURBANCES:
            frame[name] = _column(self.parts, "disturbances", name)
        return frame.reset_index(drop=True)[list(COLUMNS)]


def tabulate(results: Sequence[Results]) -> ObservationTable:
    """Return the table of ``results``.

    Raises:
        ResultsError: a measured round that took no time, no finite one, or no examples.
    """
    first_block = first_blocks(results)
    roles = {name: row.role for name, row in known_rows(results).items()}
    parts = [
        part for index, document in enumerate(results) for part in _parts(index, document.outcomes)
    ]
    seconds = _column(parts, "round_seconds")
    is_sound = np.isfinite(seconds) & (seconds > 0)
    spans: dict[tuple[int, Cell], dict[str, list[Span]]] = {}
    start = 0
    for part in parts:
        stop = start + part.rows
        timing = part.timing
        if timing is not None and isinstance(part.outcome, Measured):
            if timing.examples <= 0 or not is_sound[start:stop].all():
                bad = ~is_sound[start:stop] if timing.examples > 0 else slice(None)
                raise ResultsError(
                    f"document {part.document_index + 1} is damaged: {part.cell.id} has a round of "
                    f"{seconds[start:stop][bad][0]:g} s for {timing.examples} examples, and both "
                    "must be above 0. Run the measurement again."
                )
            block = first_block[part.document_index] + part.outcome.block
            phases = spans.setdefault((part.document_index, part.cell), {})
            span = Span(timing.phase, block, timing.examples, start, stop)
            phases.setdefault(timing.phase, []).append(span)
        start = stop
    for phases in spans.values():
        for some in phases.values():
            some.sort(key=lambda span: span.block)
    sweeps = np.nan_to_num(_column(parts, "sweeps"), nan=-1).astype(np.int64)
    return ObservationTable(seconds, sweeps, spans, parts, roles)


def known_rows(results: Sequence[Results]) -> dict[str, Row]:
    """Return rows by name: those of the documents, and the registry's for the rest."""
    return {row.name: row for row in (*ROWS, *(row for result in results for row in result.rows))}


def setting_words(setting: Setting) -> str:
    """Return environment variables on one line: ``OMP_WAIT_POLICY=active, X unset``."""
    return ", ".join(
        f"{name} unset" if value is None else f"{name}={value}" for name, value in setting
    )


def first_blocks(results: Sequence[Results]) -> list[int]:
    """Return the number of each document's first block, counted through all documents."""
    lengths = [
        max(
            (process.block + 1 for process in document.outcomes if isinstance(process, Measured)),
            default=0,
        )
        for document in results
    ]
    return [0, *itertools.accumulate(lengths)]


def _parts(document_index: int, outcomes: Iterable[Outcome]) -> Iterator[_Part]:
    """Yield the spans of every outcome of one document."""
    for outcome in outcomes:
        timed = outcome.measured if isinstance(outcome, Unverified) else outcome
        timings = timed.timings if isinstance(timed, Measured) else ()
        for timing in timings or (None,):
            yield _Part(document_index, outcome, timing)


def _column(parts: Iterable[_Part], field: str, name: str = "") -> NDArray[np.float64]:
    """Return a ``field`` of timings by row, or what is called ``name`` in it; NaN for nothing."""
    values: list[float | None] = []
    for part in parts:
        # A document may hold more for an unverified cell than it has rounds.
        own = getattr(part.timing, field)[: part.rows] if part.timing else ()
        values += [getattr(entry, name) for entry in own] if name else own
        values += itertools.repeat(None, part.rows - len(own))
    return np.array(values, dtype=np.float64)
