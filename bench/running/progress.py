"""What a run says of itself while it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bench.documents.results import Outcome
from bench.planning.plan import Job


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
