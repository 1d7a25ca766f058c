"""Turns of live workers, and the measured cells that they add up to.

The workers of a block take turns, sweep after sweep.  Each turn brings one or a few rounds; the
journal holds them as they come.  :func:`outcome_of` puts the rounds of one cell together, and
:func:`agreeing` checks that the processes of a cell had the same settings.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from bench.documents import soundness
from bench.documents.results import Failed, Measured, Outcome, Unverified
from bench.documents.timings import EPOCH, Disturbance, Learning, Timing
from bench.planning.plan import Cell
from bench.provenance import threads

HELD_EPOCHS = 3
"""How many epochs in a row must end at the target or above."""

TurnKind = Literal["epoch", "parts", "training"]
"""One whole epoch; a round of the step and one of each phase; the next epoch of a training."""


class TimedRound(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One timed duration: wall and processor time in seconds per iteration.

    ``cpu_seconds`` is None for phases, between which only one clock is read; nor is their
    ``disturbance`` recorded.
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
    learning = None
    if target is not None:
        in_order = [turn for _, turn in sorted(turns.items())]
        accuracies = tuple(turn.accuracy for turn in in_order if turn.accuracy is not None)
        learning = Learning(
            target=target,
            seed=unfilled.learning.seed if unfilled.learning else 0,
            accuracies=accuracies,
            reached_epoch=held_since(accuracies, target),
        )
    outcome = msgspec.structs.replace(
        unfilled,
        timings=timings_of(turns),
        threads_observed=cpu / wall if wall else 0.0,
        threads_busy=statistics.median_high(busy) if busy else None,
        wake_seconds=tuple(turn.wake_seconds for turn in turns.values()),
        learning=learning,
    )
    cell, block, process = outcome.cell, outcome.block, outcome.process
    mismatch = threads.disagreement(cell.threads, process, outcome.threads_observed)
    if mismatch:
        return Unverified(cell=cell, block=block, reason=mismatch, measured=outcome)
    flaw = soundness.unsound(outcome)
    if flaw:
        reason = f"the clock of this machine gave {flaw}: give more examples"
        return Failed(cell=cell, block=block, reason=reason, declared=process.declared)
    return outcome


def timings_of(turns: Mapping[int, Turn]) -> tuple[Timing, ...]:
    """Return one entry per phase, its rounds in the order of the sweeps."""
    by_phase: dict[str, list[tuple[int, TimedRound]]] = {}
    for sweep, turn in sorted(turns.items()):
        for timed_round in turn.rounds:
            by_phase.setdefault(timed_round.phase, []).append((sweep, timed_round))
    timings = []
    for phase, numbered in by_phase.items():
        rounds = [timed_round for _, timed_round in numbered]
        cpu = [timed_round.cpu_seconds for timed_round in rounds]
        disturbances = [timed_round.disturbance for timed_round in rounds]
        timings.append(
            Timing(
                phase=phase,
                iterations=rounds[0].iterations,
                examples=rounds[0].examples,
                round_seconds=tuple(timed_round.seconds for timed_round in rounds),
                round_cpu_seconds=tuple(seconds for seconds in cpu if seconds is not None),
                disturbances=tuple(known for known in disturbances if known is not None),
                sweeps=tuple(sweep for sweep, _ in numbered),
            )
        )
    return tuple(timings)


def held_since(accuracies: Sequence[float], target: float) -> int | None:
    """Return the first epoch, from 1, of the last ones that held ``target``; None where not."""
    if len(accuracies) < HELD_EPOCHS or min(accuracies[-HELD_EPOCHS:]) < target:
        return None
    return len(accuracies) - HELD_EPOCHS + 1


def agreeing(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return ``outcomes``, unverified where their settings differ from those of their cell.

    What the first measured process of a cell declared holds for the others.
    """
    first: dict[Cell, Measured] = {}
    checked: list[Outcome] = []
    for outcome in outcomes:
        if not isinstance(outcome, Measured):
            checked.append(outcome)
            continue
        before = first.setdefault(outcome.cell, outcome)
        ours, theirs = _settings(outcome), _settings(before)
        differing = [
            f"{name}: {ours.get(name, 'nothing')} instead of {theirs.get(name, 'nothing')}"
            for name in {**theirs, **ours}
            if ours.get(name) != theirs.get(name)
        ]
        if not differing:
            checked.append(outcome)
            continue
        reason = (
            f"the process has other settings than that of block {before.block + 1} "
            f"({', '.join(differing)}), so the two cannot count as one cell"
        )
        checked.append(
            Unverified(cell=outcome.cell, block=outcome.block, reason=reason, measured=outcome)
        )
    return checked


def _settings(outcome: Measured) -> dict[str, str]:
    """Return what was declared, and the device, each as it is shown."""
    device = outcome.process.accelerator
    declared = outcome.process.declared | (
        {"device": device.name} if device and device.name else {}
    )
    return {name: repr(value) for name, value in declared.items()}
