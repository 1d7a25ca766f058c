"""Points: what one document observed of one cell, and what may be compared with what."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from statistics import median
from typing import NamedTuple

import msgspec

from bench.documents.results import (
    Failed,
    Invalid,
    Measured,
    Outcome,
    Results,
    Unavailable,
    Unverified,
)
from bench.documents.timings import EPOCH, STEP, Disturbance, Learning
from bench.observations.table import ObservationTable, Span, first_blocks, known_rows
from bench.planning.plan import Cell, Setting
from bench.planning.variables import NEIGHBOURS
from bench.stats import estimates
from bench.stats.disturbed import is_disturbed, is_held_up
from impls.networks import Network
from impls.precision import declares_tf32
from impls.row import Row

Rounds = dict[int, tuple[float, ...]]
"""Seconds of every round, by block."""
Sweeps = dict[int, dict[int, float]]
"""Seconds by block and sweep; blocks whose sweeps are not named are left out."""
NoResult = Invalid | Unverified | Unavailable | Failed
"""An outcome without a number that counts."""
UNSET = "unset"


@dataclass(frozen=True)
class Scope:
    """What may be compared at all: one network, in one run where runs are kept apart.

    ``run`` counts documents from 1; it is 0 where the documents form one grid.  ``is_tf32`` says
    that products were declared to be in TF32: such numbers are compared with each other alone.
    """

    network: str
    run: int
    is_tf32: bool = False


@dataclass(frozen=True)
class Condition:
    """What was asked of the machine: everything about a cell except who ran and the batch size."""

    scope: Scope
    threads: int | None
    setting: Setting

    @property
    def is_tf32(self) -> bool:
        """Whether products were declared to be in TF32."""
        return self.scope.is_tf32


class PointKey(NamedTuple):
    """What names a point."""

    implementation: str
    condition: Condition
    batch_size: int


@dataclass(frozen=True)
class Timed:
    """Durations of one point that ratios are taken of: by round, and by sweep where known."""

    rounds: Rounds
    sweeps: Sweeps


@dataclass(frozen=True)
class TimedTraining:
    """One training: the seconds at the end of each epoch, and how accuracy grew."""

    ends: tuple[float, ...]
    learning: Learning

    @property
    def seconds(self) -> float | None:
        """Training time up to the epoch from which on the target was held; None where not."""
        reached = self.learning.reached_epoch
        return None if reached is None else self.ends[reached - 1]


class WatchedRound(NamedTuple):
    """One round of the step or the epoch, with what was recorded beside it.

    ``epoch_seconds`` is scaled to a whole epoch, ``lasted`` is the wall time of all iterations.
    """

    point: Point
    block: int
    started_at: str
    phase: str
    epoch_seconds: float
    lasted: float
    disturbance: Disturbance

    @property
    def is_disturbed(self) -> bool:
        """Whether something else took a notable share of it."""
        return is_disturbed(self.disturbance, self.lasted)


@dataclass(frozen=True, eq=False)
class Point:
    """What one document observed of one cell.

    ``document_index`` counts the documents from 0, and ``label`` names this one.  ``network`` is
    what its network computes, or a name where the document does not describe it.  ``variables``
    are those that its processes were given: what the user had exported, as far as it is recorded,
    and the setting on top.  ``row`` is what is known of the implementation.  ``examples`` is the
    size of an epoch.  ``processes`` maps blocks, numbered through all documents, to what was
    measured in them; ``gaps`` are the outcomes without a number that counts.  With ``is_training``
    the point is ranked by its training up to the target instead of its epoch: :attr:`epoch_rounds`,
    and with them :attr:`epoch`, are the seconds of that training, one round for each block.
    """

    document_index: int
    label: str
    cell: Cell
    condition: Condition
    network: Network | str
    variables: Mapping[str, str]
    row: Row | None
    examples: int
    processes: Mapping[int, tuple[Measured, ...]]
    gaps: tuple[NoResult, ...]
    table: ObservationTable
    spans: Mapping[str, Sequence[Span]]
    is_training: bool = False

    @property
    def implementation(self) -> str:
        """Name of the implementation."""
        return self.cell.implementation

    @property
    def batch_size(self) -> int:
        """Examples per batch."""
        return self.cell.batch_size

    @property
    def key(self) -> PointKey:
        """What names it among the points of a grid."""
        return PointKey(self.cell.implementation, self.condition, self.cell.batch_size)

    @property
    def is_floor(self) -> bool:
        """Whether it times a part of the work alone and trains nothing."""
        return self.row is not None and self.row.is_floor

    @property
    def repeats(self) -> str:
        """The implementation that it repeats as a control; empty where it is none."""
        return self.row.repeats if self.row is not None and self.row.role == "control" else ""

    @cached_property
    def measured(self) -> tuple[Measured, ...]:
        """Every process, in order of blocks."""
        return tuple(
            process for block in sorted(self.processes) for process in self.processes[block]
        )

    def rounds(self, phase: str, examples: int | None = None) -> Rounds:
        """Return the seconds of every round of ``phase`` by block; blocks without it are left out.

        ``examples`` scales each round from the examples it processed to that number.
        """
        by_block: Rounds = {}
        for span in self.spans.get(phase, ()):
            if span.start == span.stop:
                continue
            scale = examples / span.examples if examples else 1
            values = (self.table.seconds[span.start : span.stop] * scale).tolist()
            by_block[span.block] = (*by_block.get(span.block, ()), *values)
        return by_block

    def timed(self, phase: str) -> Timed:
        """Return seconds per example of ``phase``, by round and by sweep."""
        sweeps: Sweeps = {}
        for span in self.spans.get(phase, ()):
            numbers = self.table.sweeps[span.start : span.stop]
            if not len(numbers) or (numbers < 0).any():
                continue
            values = self.table.seconds[span.start : span.stop] / span.examples
            for sweep in dict.fromkeys(numbers.tolist()):
                own = values[numbers == sweep].tolist()
                sweeps.setdefault(span.block, {})[sweep] = median(own)
        return Timed(self.rounds(phase, 1), sweeps)

    @cached_property
    def trainings(self) -> dict[int, TimedTraining]:
        """The trainings by block; empty where none was asked for."""
        if not any(process.learning for process in self.measured):
            return {}
        epochs = self.rounds(EPOCH)
        return {
            block: TimedTraining(tuple(accumulate(epochs[block])), process.learning)
            for block, processes in sorted(self.processes.items())
            for process in processes
            if process.learning is not None
        }

    @property
    def seconds_to_target(self) -> Rounds:
        """Seconds to the target by block, where it was reached; each training is one round."""
        seconds = {block: training.seconds for block, training in self.trainings.items()}
        return {block: (value,) for block, value in seconds.items() if value is not None}

    @property
    def held_target(self) -> bool:
        """Whether there were trainings and every one held its target."""
        return bool(self.trainings) and len(self.seconds_to_target) == len(self.trainings)

    @cached_property
    def watched(self) -> list[WatchedRound]:
        """Rounds of the step and the epoch, as far as something was recorded beside them."""
        return [
            WatchedRound(
                point=self,
                block=block,
                started_at=process.process.started_at,
                phase=timing.phase,
                epoch_seconds=seconds * self.examples / timing.examples,
                lasted=seconds * timing.iterations,
                disturbance=disturbance,
            )
            for block, processes in sorted(self.processes.items())
            for process in processes
            for timing in process.timings
            if timing.phase in {STEP, EPOCH}
            and len(timing.disturbances) == len(timing.round_seconds)
            for seconds, disturbance in zip(timing.round_seconds, timing.disturbances, strict=True)
        ]

    @cached_property
    def disturbed_rounds(self) -> tuple[int, int]:
        """How many rounds were disturbed, of how many that its epoch rests on."""
        rounds = of_the_epoch(self.watched)
        return sum(timed.is_disturbed for timed in rounds), len(rounds)

    @cached_property
    def held_up_rounds(self) -> tuple[int, int]:
        """In how many rounds its threads were held up, of how many that its epoch rests on."""
        rounds = of_the_epoch(self.watched)
        return sum(is_held_up(timed.disturbance, timed.lasted) for timed in rounds), len(rounds)

    @cached_property
    def durations(self) -> dict[str, estimates.Estimate]:
        """Seconds per iteration of every phase that was timed, and of ``step`` and ``epoch``."""
        rounds = {phase: self.rounds(phase) for phase in sorted(self.spans)}
        return {
            phase: estimates.estimate(list(by_block.values()))
            for phase, by_block in rounds.items()
            if by_block
        }

    @cached_property
    def whole_epochs(self) -> bool:
        """Whether whole epochs were timed; otherwise :attr:`epoch` is computed from steps."""
        return self.is_training or bool(self.rounds(EPOCH))

    @property
    def is_loaded(self) -> bool:
        """Whether foreign processes were asked for beside its rounds."""
        return dict(self.cell.setting).get(NEIGHBOURS) not in {None, "0"}

    @property
    def epoch_phase(self) -> str:
        """The phase from which :attr:`epoch` is estimated."""
        return EPOCH if self.whole_epochs else STEP

    @cached_property
    def epoch_rounds(self) -> Rounds:
        """Seconds for an epoch by block; empty where neither epoch nor step was timed."""
        if self.is_training:
            return self.seconds_to_target
        return self.rounds(self.epoch_phase, self.examples)

    @cached_property
    def epoch_timed(self) -> Timed:
        """What ratios of epochs are taken of; a training spans many sweeps."""
        if self.is_training:
            return Timed(self.epoch_rounds, {})
        return self.timed(self.epoch_phase)

    @cached_property
    def epoch(self) -> estimates.Estimate | None:
        """Seconds for an epoch, or None where neither epoch nor step was timed."""
        return estimates.estimate(list(self.epoch_rounds.values())) if self.epoch_rounds else None

    @property
    def step(self) -> estimates.Estimate | None:
        """Seconds for a step, or None where it was not timed."""
        return self.durations.get(STEP)

    @property
    def threads_observed(self) -> float:
        """CPU time over wall time of the timed epochs, the median of all processes."""
        return median(process.threads_observed for process in self.measured)


def of_the_epoch(rounds: Iterable[WatchedRound]) -> list[WatchedRound]:
    """Return those from which a point's epoch is estimated: epochs, or steps where none were."""
    return [timed for timed in rounds if timed.phase == timed.point.epoch_phase]


def times_to_target(
    points: Mapping[PointKey, Point], asked: Collection[Scope]
) -> dict[PointKey, Point]:
    """Return ``points``, where those of the scopes ``asked`` are trainings that held the target.

    A training that never held its target has no time, and the mean of the others of its cell would
    be that of the lucky ones.  So a point is left out unless every one of its trainings held it.
    """
    return {
        key: replace(point, is_training=True) if key.condition.scope in asked else point
        for key, point in points.items()
        if key.condition.scope not in asked or point.held_target
    }


def observe(
    results: Sequence[Results], table: ObservationTable, labels: Sequence[str] = (), *, apart: bool
) -> list[Point]:
    """Return every cell of every document, measured or not, in the order of the plans.

    ``table`` is that of the documents, and ``labels`` name them.  Where runs are not kept ``apart``
    their points share scopes.
    """
    rows = known_rows(results)
    starts = first_blocks(results)
    points = []
    for index, document in enumerate(results):
        plan = document.plan
        computed = msgspec.structs.replace(plan.network, name="")
        by_cell: dict[Cell, list[Outcome]] = {}
        for outcome in document.outcomes:
            by_cell.setdefault(outcome.cell, []).append(outcome)
        for cell, outcomes in by_cell.items():
            measured = [outcome for outcome in outcomes if isinstance(outcome, Measured)]
            processes: dict[int, tuple[Measured, ...]] = {}
            for process in measured:
                block = starts[index] + process.block
                processes[block] = (*processes.get(block, ()), process)
            given = document.machine.environment | dict(cell.setting)
            variables = {name: value for name, value in given.items() if value is not None}
            points.append(
                Point(
                    document_index=index,
                    label=labels[index] if labels else str(index + 1),
                    cell=cell,
                    condition=condition_of((measured or outcomes)[0], index + 1 if apart else 0),
                    network=computed if cell.network == plan.network.name else cell.network,
                    variables=variables,
                    row=rows.get(cell.implementation),
                    examples=plan.examples,
                    processes=processes,
                    gaps=tuple(gap for gap in outcomes if not isinstance(gap, Measured)),
                    table=table,
                    spans=table.spans.get((index, cell), {}),
                )
            )
    return _in_order(points, results)


def condition_of(outcome: Outcome, run: int) -> Condition:
    """Return the condition of an outcome in ``run``, 0 where the documents form one grid."""
    timed = outcome.measured if isinstance(outcome, Unverified) else outcome
    if isinstance(timed, Measured):
        declared = timed.process.declared
    else:
        # An implementation that is unavailable could not be asked.
        declared = {} if isinstance(outcome, Measured | Unavailable) else outcome.declared
    cell = outcome.cell
    return Condition(Scope(cell.network, run, declares_tf32(declared)), cell.threads, cell.setting)


def _in_order(points: list[Point], results: Sequence[Results]) -> list[Point]:
    """Return points as the plans list implementations, batch sizes, threads and settings."""
    plans = [document.plan for document in results]
    listed: tuple[Iterable[object], ...] = (
        (name for plan in plans for name in plan.implementations),
        (training.batch_size for plan in plans for training in plan.trainings),
        (threads for plan in plans for threads in plan.threads),
        (setting for plan in plans for setting in plan.settings),
    )
    places = [
        {value: place for place, value in enumerate(dict.fromkeys(values))} for values in listed
    ]

    def place(point: Point) -> list[int]:
        cell = point.cell
        values = (cell.implementation, cell.batch_size, cell.threads, cell.setting)
        where = [known.get(value, sys.maxsize) for known, value in zip(places, values, strict=True)]
        return [*where, point.document_index]

    return sorted(points, key=place)
