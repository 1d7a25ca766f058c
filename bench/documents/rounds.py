"""Turns of live workers, and the measured cells that they add up to.

The workers of a block take turns, sweep after sweep.  Each turn brings one or a few rounds; the
journal holds them as they come.  :func:`outcome_of` puts the rounds of one cell together.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from bench.documents import soundness
from bench.documents.results import Failed, Measured, Outcome, Unverified
from bench.documents.timings import EPOCH, Disturbance, Learning, Timing
from bench.provenance import threads

TurnKind = Literal["epoch", "parts", "training"]
"""One whole epoch; a round of the step and one of each phase; the next epoch of a training."""


class TimedRound(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One timed duration: wall and processor time in seconds per iteration.

    ``cpu_seconds`` is None for phases, between which only one clock is read; they share the
    disturbance of no round of their own.
    """

    phase: str
    iterations: int
    examples: int
    seconds: float
    cpu_seconds: float | None = None
    disturbance: Disturbance | None = None


class Turn(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """What one worker did in one sweep.

    ``wake_seconds`` is its first step after the rest; neither that nor the steps that warm its
    caches are in a round.  ``busy_threads`` counts the threads that took part in a round of the
    epoch, None where the system keeps no account.  ``accuracy`` is that on the test examples after
    an epoch of a training, and ``is_last`` says that the training has ended.
    """

    kind: TurnKind
    wake_seconds: float
    rounds: tuple[TimedRound, ...]
    busy_threads: int | None = None
    accuracy: float | None = None
    is_last: bool = False


def outcome_of(
    unfilled: Measured, turns: Mapping[int, Turn], target: float | None
) -> Outcome | None:
    """Return the outcome of one cell in one process; None before its first epoch.

    ``unfilled`` holds everything but rounds, ``turns`` what the worker did by sweep.  Unverified
    where the observed threads contradict the setting, failed where a duration is impossible.
    """
    epochs = [
        timed_round
        for turn in turns.values()
        if turn.kind != "parts"
        for timed_round in turn.rounds
        if timed_round.phase == EPOCH
    ]
    if not epochs:
        return None
    wall = sum(epoch.seconds * epoch.iterations for epoch in epochs)
    cpu = sum((epoch.cpu_seconds or 0.0) * epoch.iterations for epoch in epochs)
    busy = [turn.busy_threads for turn in turns.values() if turn.busy_threads is not None]
    outcome = msgspec.structs.replace(
        unfilled,
        timings=timings_of(turns),
        threads_observed=cpu / wall if wall else 0.0,
        threads_busy=statistics.median_high(busy) if busy else None,
        wake_seconds=tuple(turn.wake_seconds for turn in turns.values()),
        learning=None if target is None else _learning(unfilled, turns, target),
    )
    return _checked(outcome)


def timings_of(turns: Mapping[int, Turn]) -> tuple[Timing, ...]:
    """Return one entry per phase, its rounds in the order of the sweeps."""
    rounds: dict[str, list[tuple[int, TimedRound]]] = {}
    for sweep, turn in sorted(turns.items()):
        for one in turn.rounds:
            rounds.setdefault(one.phase, []).append((sweep, one))
    return tuple(_timing(phase, own) for phase, own in rounds.items())


def _timing(phase: str, rounds: Sequence[tuple[int, TimedRound]]) -> Timing:
    first = rounds[0][1]
    return Timing(
        phase=phase,
        iterations=first.iterations,
        examples=first.examples,
        round_seconds=tuple(one.seconds for _, one in rounds),
        round_cpu_seconds=tuple(
            one.cpu_seconds for _, one in rounds if one.cpu_seconds is not None
        ),
        disturbances=tuple(one.disturbance for _, one in rounds if one.disturbance is not None),
        sweeps=tuple(sweep for sweep, _ in rounds),
    )


def _learning(unfilled: Measured, turns: Mapping[int, Turn], target: float) -> Learning:
    """Return how accuracy grew; ``unfilled.learning`` holds the seed."""
    accuracies = tuple(
        turn.accuracy for _, turn in sorted(turns.items()) if turn.accuracy is not None
    )
    return Learning(
        target=target,
        seed=unfilled.learning.seed if unfilled.learning else 0,
        accuracies=accuracies,
        reached_epoch=held_since(accuracies, target),
    )


HELD_EPOCHS = 3
"""How many epochs in a row must end at the target or above."""


def held_since(accuracies: Sequence[float], target: float) -> int | None:
    """The first epoch, counted from 1, of the last ones that held ``target``; None where not."""
    if len(accuracies) < HELD_EPOCHS or min(accuracies[-HELD_EPOCHS:]) < target:
        return None
    return len(accuracies) - HELD_EPOCHS + 1


def _checked(outcome: Measured) -> Outcome:
    """``outcome``, unless its threads were others or its durations are impossible."""
    mismatch = threads.disagreement(outcome.cell.threads, outcome.process, outcome.threads_observed)
    if mismatch:
        return Unverified(cell=outcome.cell, block=outcome.block, reason=mismatch, measured=outcome)
    flaw = soundness.unsound(outcome)
    if flaw:
        reason = f"the clock of this machine gave {flaw}: give more examples"
        declared = outcome.process.declared
        return Failed(cell=outcome.cell, block=outcome.block, reason=reason, declared=declared)
    return outcome
