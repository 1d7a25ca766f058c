"""Bounds of every number in a document, checked where a file is read.

A checksum (:mod:`bench.documents.checksums`) finds what changed after a document was written; these
bounds find what was never measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from bench.documents.results import Measured, Outcome, Results, Unavailable
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
            flaw = f"{flaw}, and both must be above 0"
        flaw = flaw or _impossible(_of_outcome(outcome)) or _refused(outcome) or _uneven(outcome)
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
    flaw = _impossible(_of_conditions(document)) or _twice(document.outcomes)
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


def _refused(outcome: Outcome) -> str:
    """Return the first failed check of what counts as measured."""
    for check in outcome.gate if isinstance(outcome, Measured) else ():
        if not check.passed:
            return (
                f"passed no check of {check.name}: its error {check.error} is above "
                f"{check.tolerance}"
            )
    return ""


def _uneven(outcome: Outcome) -> str:
    """Return which rounds lack something, or share a sweep that has one round of each phase."""
    for timing in outcome.timings if isinstance(outcome, Measured) else ():
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


def _twice(outcomes: Iterable[Outcome]) -> str:
    """Return a cell with two timed outcomes of one block; empty where there is none."""
    seen = set()
    for outcome in outcomes:
        if isinstance(outcome, Measured):
            place = (outcome.cell, outcome.block, outcome.source, outcome.process.started_at)
            if place in seen:
                return f"block {outcome.block} of {outcome.cell.id} twice"
            seen.add(place)
    return ""


def _of_conditions(document: Results) -> Iterator[Bounds]:
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


def _of_outcome(outcome: Outcome) -> Iterator[Bounds]:
    yield "threads", outcome.cell.threads, 1, MOST_THREADS
    yield "batch size", outcome.cell.batch_size, 1, MOST
    if not isinstance(outcome, Unavailable):
        yield "block", outcome.block, 0, MOST
    if isinstance(outcome, Measured):
        yield from _durations(outcome)
        yield from _counts(outcome)


def _durations(one: Measured) -> Iterator[Bounds]:
    seconds: dict[str, tuple[float | None, ...]] = {
        "first_call_seconds": (one.first_call_seconds,),
        "setup_seconds": (one.setup_seconds,),
        "bind_seconds": (one.bind_seconds,),
        "first_epoch_seconds": (one.first_epoch_seconds,),
        "import_seconds": (one.process.import_seconds,),
        "warmup_seconds": one.warmup_seconds,
        "wake_seconds": one.wake_seconds,
    }
    for timing in one.timings:
        seconds[f"round_seconds of {timing.phase}"] = timing.round_seconds
        seconds[f"round_cpu_seconds of {timing.phase}"] = timing.round_cpu_seconds
    for name, values in seconds.items():
        for value in values:
            yield name, value, 0, MOST_SECONDS


def _counts(one: Measured) -> Iterator[Bounds]:
    yield "threads_observed", one.threads_observed, 0, MOST_THREADS
    yield "threads_busy", one.threads_busy, 0, MOST_THREADS
    yield "affinity", one.process.affinity, 1, MOST_THREADS
    yield "peak_memory_bytes", one.peak_memory_bytes, 0, MOST
    yield "device_memory_bytes", one.device_memory_bytes, 0, MOST
    yield "first_epoch_examples", one.first_epoch_examples, 0, MOST
    for timing in one.timings:
        yield f"iterations of {timing.phase}", timing.iterations, 1, MOST
        yield f"examples of {timing.phase}", timing.examples, 1, MOST
    if one.peaks is not None:
        for rate in ("gemm", "copy", "cached_copy"):
            yield f"peak of {rate}", getattr(one.peaks, rate), 0, MOST
    if one.learning is not None:
        for accuracy in (one.learning.target, *one.learning.accuracies):
            yield "accuracy", accuracy, 0, 1
