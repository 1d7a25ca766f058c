"""What the parent and a live worker say to each other: one JSON line each way, over a pipe.

Nothing that a library prints is read: standard output belongs to the libraries.
"""

from __future__ import annotations

import msgspec

from bench.documents.results import Measured, Outcome
from bench.documents.rounds import Turn, TurnKind


class PrepareCell(msgspec.Struct, frozen=True, tag=True):
    """Make the trainer of a batch size, prove it right and warm it up."""

    batch_size: int


class TakeTurn(msgspec.Struct, frozen=True, tag=True):
    """Take a turn; ``number`` counts the turns of this cell and chooses the order of examples."""

    kind: TurnKind
    number: int


class Finish(msgspec.Struct, frozen=True, tag=True):
    """Drop the trainer and say what is known only now, such as the peak of memory."""


Request = PrepareCell | TakeTurn | Finish


class Started(msgspec.Struct, frozen=True, tag=True):
    """The implementation is imported and the data are there."""


class Missing(msgspec.Struct, frozen=True, tag=True):
    """The implementation cannot be used: it does not import, or this machine lacks something."""

    reason: str
    is_unavailable: bool


class Ready(msgspec.Struct, frozen=True, tag=True):
    """A cell passed all checks; ``measured`` is everything that is known of it without a round."""

    measured: Measured


class NotMeasured(msgspec.Struct, frozen=True, tag=True):
    """A cell that is not measured, or no further: refused, declined or failed.

    ``is_out_of_memory`` says that memory on a device ran out.
    """

    outcome: Outcome
    is_out_of_memory: bool = False


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the last timed epoch left behind; ``number`` chose the order of its examples.

    ``batches`` is how many it had, ``first`` are the costs of the first ones and ``parts`` the sums
    of all in order.  ``norms`` are the lengths of the movement of each layer's weights,
    ``projections`` that movement along one random direction each.  None where a value is not
    finite: JSON has no NaN.
    """

    number: int
    batches: int
    first: tuple[float | None, ...]
    parts: tuple[float | None, ...] = ()
    norms: tuple[float | None, ...] = ()
    projections: tuple[float | None, ...] = ()


class Finished(msgspec.Struct, frozen=True, tag=True):
    """A cell at its end, still without its rounds, and what its last timed epoch left behind."""

    measured: Measured
    evidence: Evidence | None = None


Reply = Started | Missing | Ready | NotMeasured | Turn | Finished
