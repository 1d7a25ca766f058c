"""Bounds of every number in a document, checked where a file is read.

A checksum (:mod:`bench.documents.files`) finds what changed after a document was written; these
bounds find what was never measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from bench.documents.results import Measured, Outcome, Results, Unavailable
from bench.documents.timings import Timing
from impls.errors import ResultsError

MOST_SECONDS = 1e9
"""Thirty years."""
MOST_THREADS = 2**16
MOST = 2.0**60
"""No count, size or rate on any machine is larger."""

Bounds = tuple[str, float | None, float, float]
"""What a number is called, the number, and the least and the most that it can be."""


def require_durations(outcomes: Iterable[Outcome], *, origin: str) -> None:
    """Refuse outcomes with a number that cannot be; ``origin`` names the document.

    Every estimate takes the logarithm of a duration.  The rounds of what is unverified are never
    estimated, and stay as they are.

    Raises:
        ResultsError: there is such a number, a cell that counts as measured although a check of its
            gate failed, or rounds that are not as many as what belongs to them.
    """
    for outcome in outcomes:
        flaw = unsound(outcome)
        if flaw:
            flaw += ", and both must be above 0"
        else:
            flaw = _impossible(_bounds_of_outcome(outcome))
        if not flaw and isinstance(outcome, Measured):
            flaw = _inconsistent(outcome)
        if flaw:
            raise ResultsError(
                f"{origin} is damaged: {outcome.cell.id} has {flaw}. Take this cell out of the "
                "file, and its sha256, or run the measurement again."
            )


def require_sound(document: Results, *, origin: str) -> None:
    """Refuse a document whose outcomes, question or conditions hold a number that cannot be.

    Raises:
        ResultsError: there is one, or one process stands in it twice.
    """
    flaw = _impossible(_bounds_of_conditions(document))
    seen = set()
    for outcome in document.outcomes:
        if isinstance(outcome, Measured):
            place = (outcome.cell, outcome.block, outcome.source, outcome.process.started_at)
            if place in seen:
                flaw = flaw or f"block {outcome.block} of {outcome.cell.id} twice"
            seen.add(place)
    if flaw:
        raise ResultsError(f"{origin} is damaged: it has {flaw}. Run the measurement again.")
    require_durations(document.outcomes, origin=origin)


def unsound(outcome: Outcome) -> str:
    """Return the first round with an impossible duration; empty if there is none."""
    for timing in outcome.timings if isinstance(outcome, Measured) else ():
        for seconds in timing.round_seconds:
            if timing.examples <= 0 or not 0 < seconds < math.inf:
                return f"a round of {timing.phase} of {seconds} s for {timing.examples} examples"
    return ""


def _impossible(bounds: Iterable[Bounds]) -> str:
    """Return the first number outside its bounds in words; empty where there is none."""
    for name, value, least, most in bounds:
        if value is not None and not least <= value <= most:
            return f"{name} {value}, which must be from {least:g} to {most:g}"
    return ""


def _inconsistent(measured: Measured) -> str:
    """Return a failed check, rounds that lack something, or two rounds of a phase in one sweep."""
    for check in measured.gate:
        if not check.passed:
            return (
                f"passed no check of {check.name}: its error {check.error} is above "
                f"{check.tolerance}"
            )
    for timing in measured.timings:
        rounds = len(timing.round_seconds)
        # A Parquet file keeps disturbances apart from the rounds.
        names = ("round_cpu_seconds", "sweeps", *(["disturbances"] if rounds else []))
        for name in names:
            number = len(getattr(timing, name))
            if number not in (0, rounds):
                return f"{rounds} rounds of {timing.phase} and {number} {name}"
        if len(set(timing.sweeps)) < len(timing.sweeps):
            return f"two rounds of {timing.phase} in one sweep"
    return ""


def _bounds_of_conditions(document: Results) -> Iterator[Bounds]:
    plan, machine, data = document.plan, document.machine, document.dataset
    for threads in plan.threads:
        yield "a plan with threads", threads, 1, MOST_THREADS
    yield "a plan with blocks", plan.effort.blocks, 1, MOST
    yield "a plan with examples", plan.examples, 1, MOST
    yield "a plan with a target", plan.target, 0, 1
    yield "a plan with a precision", plan.precision, 0, 1
    yield "a plan with a seed", plan.seed, 0, MOST
    yield "a machine with processors", machine.logical_cpus, 1, MOST_THREADS
    yield "a machine with usable processors", machine.usable_cpus, 1, MOST_THREADS
    yield "a machine with cores", machine.physical_cpus, 1, MOST_THREADS
    yield "a machine with bytes of memory", machine.memory_bytes, 1, MOST
    yield "a machine with a quota", machine.quota_cpus, 0, MOST_THREADS
    yield "data with examples", data.examples, 1, MOST
    yield "data with features", data.features, 1, MOST


def _bounds_of_outcome(outcome: Outcome) -> Iterator[Bounds]:
    yield "threads", outcome.cell.threads, 1, MOST_THREADS
    yield "batch size", outcome.cell.batch_size, 1, MOST
    if not isinstance(outcome, Unavailable):
        yield "block", outcome.block, 0, MOST
    if not isinstance(outcome, Measured):
        return
    yield "import_seconds", outcome.process.import_seconds, 0, MOST_SECONDS
    for name in ("first_call_seconds", "setup_seconds", "bind_seconds", "first_epoch_seconds"):
        yield name, getattr(outcome, name), 0, MOST_SECONDS
    yield from (("warmup_seconds", value, 0, MOST_SECONDS) for value in outcome.warmup_seconds)
    yield from (("wake_seconds", value, 0, MOST_SECONDS) for value in outcome.wake_seconds)
    yield from _bounds_of_timings(outcome.timings)
    yield "threads_observed", outcome.threads_observed, 0, MOST_THREADS
    yield "threads_busy", outcome.threads_busy, 0, MOST_THREADS
    yield "affinity", outcome.process.affinity, 1, MOST_THREADS
    for name in ("peak_memory_bytes", "device_memory_bytes", "first_epoch_examples"):
        yield name, getattr(outcome, name), 0, MOST
    if outcome.peaks is not None:
        for rate in ("gemm", "copy", "cached_copy"):
            yield f"peak of {rate}", getattr(outcome.peaks, rate), 0, MOST
    if outcome.learning is not None:
        for accuracy in (outcome.learning.target, *outcome.learning.accuracies):
            yield "accuracy", accuracy, 0, 1


def _bounds_of_timings(timings: Iterable[Timing]) -> Iterator[Bounds]:
    for timing in timings:
        yield f"iterations of {timing.phase}", timing.iterations, 1, MOST
        yield f"examples of {timing.phase}", timing.examples, 1, MOST
        for name in ("round_seconds", "round_cpu_seconds"):
            label = f"{name} of {timing.phase}"
            yield from ((label, seconds, 0, MOST_SECONDS) for seconds in getattr(timing, name))
