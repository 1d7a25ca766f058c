"""Durations that no reader can reckon with, refused once for all of them: where a file is read."""

from __future__ import annotations

import math
from collections.abc import Iterable

from bench.documents.results import Measured, Outcome
from bench.errors import ResultsError


def require_durations(outcomes: Iterable[Outcome], *, origin: str) -> None:
    """Refuse measured rounds that took no time, or no finite one; ``origin`` names the document.

    Every estimate takes the logarithm of a duration.  What is unverified is never estimated, and
    stays as it is.

    Raises:
        ResultsError: there is such a round, or one for no examples.
    """
    for outcome in outcomes:
        flaw = unsound(outcome)
        if flaw:
            raise ResultsError(
                f"{origin} is damaged: {outcome.cell.id} has {flaw}, and both must be above 0. "
                "Take this cell out of the file, or run the measurement again."
            )


def unsound(outcome: Outcome) -> str:
    """The first round of ``outcome`` that nobody can reckon with; empty where there is none."""
    for timing in outcome.timings if isinstance(outcome, Measured) else ():
        for seconds in timing.round_seconds:
            if timing.examples <= 0 or not 0 < seconds < math.inf:
                return f"a round of {timing.phase} of {seconds} s for {timing.examples} examples"
    return ""
