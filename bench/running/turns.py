"""One batch size of a block: every worker prepares its cell, then all take turns."""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from bench.correctness import timed
from bench.documents.journal import CellLine, Journal, Stage, Sweep
from bench.documents.messages import Evidence
from bench.documents.results import Failed, Invalid, Measured, Outcome, Unverified
from bench.documents.rounds import Turn, TurnKind
from bench.documents.timings import EPOCH
from bench.measuring.timing import Clock
from bench.planning.plan import Job, Plan, turn_order
from bench.roofline.work import step_operations
from bench.running.member import Member
from bench.running.neighbours import Neighbours
from bench.running.pacing import Pacer

MOST_OVER_PEAK = 5.0
"""Other code may multiply faster than the BLAS whose peak was measured, which may have chosen SSE
kernels (a quarter of AVX-512) or been told to; what skips work is off by more."""
PARTS_EVERY = 3
"""Every third sweep times the step and its phases, all others whole epochs."""


def times_parts(sweep: int) -> bool:
    """Return whether a sweep, counted from 0, times the step and its phases."""
    return sweep % PARTS_EVERY == 1


@dataclass(frozen=True)
class Progress:
    """Where a run is.

    A ``block`` starts or prepares its ``job``, or is ready for the sweeps at ``batch_size``
    (neither ``job`` nor ``sweep``), or has made ``sweep`` of them, or is done with it (``is_end``).
    ``batch_size`` is None while workers start.  ``outcomes`` are cells that came to their end
    without a number.  ``epochs`` holds the seconds of the epochs of this batch size so far, by job
    and sweep.
    """

    block: int
    repetition: int
    job: Job | None = None
    batch_size: int | None = None
    sweep: int | None = None
    outcomes: tuple[Outcome, ...] = ()
    epochs: Mapping[int, Mapping[int, float]] = field(default_factory=dict)
    is_end: bool = False


class Turns:
    """Lets the members of a block take turns at one batch size."""

    def __init__(
        self,
        plan: Plan,
        members: Sequence[Member],
        batch_size: int,
        *,
        journal: Journal,
        pacer: Pacer,
        neighbours: Neighbours,
        clock: Clock,
        on_progress: Callable[[Progress], None],
        reference_epoch: Callable[[int, int], Evidence],
    ) -> None:
        self.plan, self.members, self.batch_size = plan, members, batch_size
        self.journal, self.pacer, self.neighbours = journal, pacer, neighbours
        self.clock, self.on_progress = clock, on_progress
        self.reference_epoch = reference_epoch
        self.references: dict[int, Evidence] = {}
        self.block = members[0].assignment.block
        self.repetition = members[0].assignment.repetition
        self.epochs: dict[int, dict[int, float]] = defaultdict(dict)
        """Seconds of the epochs so far, by job and sweep."""

    def take(self) -> None:
        """Prepare, sweep until it is enough, finish."""
        begun = self.clock.wall()
        for member in self.members:
            self._report(member.job)
            outcome = member.prepare(self.batch_size)
            self._record(member, outcome or member.measured)
        prepared = self.clock.wall()
        self._report()
        for sweep in itertools.count():
            ready = [member for member in self.members if member.is_ready]
            if not ready:
                break
            self._sweep(sweep, ready)
            spent = self.clock.wall() - prepared
            if self.pacer.is_enough(self.epochs, sweep + 1, spent, prepared - begun):
                break
        self._finish([member for member in self.members if member.is_ready])
        self.journal.add(
            Stage(
                block=self.block,
                repetition=self.repetition,
                batch_size=self.batch_size,
                jobs=tuple(one.job.index for one in self.members if not one.wants_to_be_alone),
                seconds=self.clock.wall() - begun,
                prepared=prepared - begun,
            )
        )
        self._report(is_end=True)

    def _sweep(self, sweep: int, ready: Sequence[Member]) -> None:
        """One turn of everyone that is ready, in random order."""
        order = turn_order(self.plan, self.block, self.batch_size, sweep, len(ready))
        taken: list[tuple[int, Turn]] = []
        for member in (ready[place] for place in order):
            turn = self._turn(member, self._kind(sweep), sweep)
            if not isinstance(turn, Turn):
                self._record(member, turn)
                continue
            taken.append((member.job.index, turn))
            for timed_round in turn.rounds:
                if timed_round.phase == EPOCH:
                    self.epochs[member.job.index][sweep] = timed_round.seconds
            if turn.is_last:
                self._record(member, member.finish())
        self.journal.add(
            Sweep(block=self.block, batch_size=self.batch_size, sweep=sweep, turns=tuple(taken))
        )
        self._report(sweep=sweep + 1)

    def _kind(self, sweep: int) -> TurnKind:
        if self.plan.target is not None:
            return "training"
        return "parts" if times_parts(sweep) else "epoch"

    def _turn(self, member: Member, kind: TurnKind, sweep: int) -> Turn | Outcome:
        """Return one turn, with the processor time that waiting siblings took meanwhile."""
        others = [sibling for sibling in self.members if sibling is not member]
        with self.neighbours.busy(member.job.setting):
            before = [other.cpu_seconds() for other in others]
            turn = member.take(kind, sweep)
            after = [other.cpu_seconds() for other in others]
        if not isinstance(turn, Turn):
            return turn
        # A sibling that has ended meanwhile has no processor time any more.
        siblings = sum(max(0.0, b - a) for a, b in zip(before, after, strict=True))
        return _with_siblings(turn, siblings)

    def _finish(self, ready: Sequence[Member]) -> None:
        """End the cells that took turns; only now it is known how fast this machine multiplies."""
        outcomes = [self._proven(member, member.finish()) for member in ready]
        # The floor need not be in this block: it may have been measured in an earlier one.
        known = [line.outcome for line in self.journal.of(CellLine)] + outcomes
        peaks = {
            (outcome.cell.threads, outcome.cell.setting): outcome.peaks.gemm
            for outcome in known
            if isinstance(outcome, Measured) and outcome.peaks is not None
        }
        for member, outcome in zip(ready, outcomes, strict=True):
            peak = peaks.get((member.job.threads, member.job.setting))
            self._record(member, self._plausible(member, outcome, peak))

    def _plausible(self, member: Member, outcome: Outcome, peak: float | None) -> Outcome:
        """``outcome``, unless its epochs were too short for the products that they stand for.

        ``peak`` is the best rate of a matrix product here, in operations per second, or None where
        no floor was measured.  Rows that skip zeros do less, and so may convolutions by another
        transform.
        """
        network, seconds = self.plan.network, self.epochs[member.job.index].values()
        is_modelled = member.row.role == "trainer" and member.row.device == "cpu"
        is_modelled &= not member.row.sparse and not network.convolutions
        if not isinstance(outcome, Measured) or peak is None or not is_modelled or not seconds:
            return outcome
        rate = step_operations(network, self.plan.examples) / statistics.median(seconds)
        if rate <= MOST_OVER_PEAK * peak:
            return outcome
        return Unverified(
            cell=outcome.cell,
            block=self.block,
            reason=(
                f"{rate / 1e9:,.0f} GFLOP/s in its epochs, and this machine reaches "
                f"{peak / 1e9:,.0f} GFLOP/s in its best product: it cannot have computed them"
            ),
            declared=outcome.process.declared,
        )

    def _proven(self, member: Member, outcome: Outcome) -> Outcome:
        """``outcome``, unless the last timed epoch was not the training that the gate proved."""
        if not isinstance(outcome, Measured) or member.evidence is None:
            return outcome
        number = member.evidence.number
        if number not in self.references:
            self.references[number] = self.reference_epoch(self.batch_size, number)
        reason = timed.contradiction(member.evidence, self.references[number])
        if not reason:
            return outcome
        return Invalid(
            cell=outcome.cell,
            block=self.block,
            reason=reason,
            gate=outcome.gate,
            declared=outcome.process.declared,
        )

    def _record(self, member: Member, outcome: Outcome | None) -> None:
        """Write down what a cell came to, unless it is to be tried again in a block of its own."""
        if outcome is None:
            raise ValueError("a cell that is neither ready nor ended")
        if isinstance(outcome, Failed) and member.is_exhausted and self._shares_device(member):
            member.wants_to_be_alone = True
            return
        self.journal.add(CellLine(job=member.job.index, block=self.block, outcome=outcome))
        if not isinstance(outcome, Measured):
            self._report(member.job, outcomes=(outcome,))

    def _shares_device(self, member: Member) -> bool:
        """Return whether other workers hold memory on the device of ``member``."""
        return any(
            one is not member and one.is_alive and one.row.device == member.row.device
            for one in self.members
        )

    def _report(
        self,
        job: Job | None = None,
        *,
        sweep: int | None = None,
        outcomes: tuple[Outcome, ...] = (),
        is_end: bool = False,
    ) -> None:
        """Say where the block is at this batch size."""
        progress = Progress(
            block=self.block,
            repetition=self.repetition,
            job=job,
            batch_size=self.batch_size,
            sweep=sweep,
            outcomes=outcomes,
            epochs=self.epochs,
            is_end=is_end,
        )
        self.on_progress(progress)


def _with_siblings(turn: Turn, seconds: float) -> Turn:
    """``turn`` with the processor time of waiting siblings in each record of a disturbance."""
    rounds = tuple(
        one
        if one.disturbance is None
        else msgspec.structs.replace(
            one, disturbance=msgspec.structs.replace(one.disturbance, siblings=seconds)
        )
        for one in turn.rounds
    )
    return msgspec.structs.replace(turn, rounds=rounds)
