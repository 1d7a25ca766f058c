"""When a round counts as disturbed: one rule for all readers.

Disturbed rounds are labelled and their effect is shown; none is ever removed.
"""

from __future__ import annotations

from bench.documents.timings import Disturbance

DISTURBED_SHARE = 0.1
"""A round is disturbed where something else took more than this share of its time."""
RESOLUTION_SECONDS = 0.015
"""Less than two ticks of the system, of commonly 10 ms, may be rounding and counts as nothing."""

BEYOND_USE = 0.5
"""Where more than this share of the rounds is disturbed, nothing is concluded from the rest."""


def share(disturbance: Disturbance, seconds: float) -> float:
    """Return the larger of two shares of a round that lasted ``seconds``, all iterations together.

    One is how long the threads could not run, ``waited`` and ``stolen`` together, which exceeds 1
    where several of them wait.  The other is ``foreign``, the processor time of other processes,
    which share caches and memory even where there are processors for all: as a share of all
    processors, because a load that takes one of two halves them and one of 64 is hardly felt.
    Where it is not recorded who waited, or how many processors there were, it is a share of one
    processor, which may have been ours.  What is not recorded counts as nothing.
    """
    held_up = (disturbance.waited or 0.0) + _certain(disturbance.stolen)
    shared = disturbance.processors if disturbance.waited is not None else None
    return max(held_up, _certain(disturbance.foreign) / (shared or 1)) / seconds


def is_disturbed(disturbance: Disturbance, seconds: float) -> bool:
    """Return whether :func:`share` is above :data:`DISTURBED_SHARE`."""
    return share(disturbance, seconds) > DISTURBED_SHARE


def is_held_up(disturbance: Disturbance, seconds: float) -> bool:
    """Return whether threads could not run for more than :data:`DISTURBED_SHARE` of a round.

    What others take of caches and memory hits both partners of a sweep alike; who has to wait for
    a processor does not.  Threads of one process also wait for each other, where a library has more
    of them than there are processors: that counts only as far as others took processor time.
    """
    waited = disturbance.waited or 0.0
    if disturbance.foreign is not None:
        waited = min(waited, _certain(disturbance.foreign))
    return (waited + _certain(disturbance.stolen)) / seconds > DISTURBED_SHARE


def is_beyond_use(disturbed: int, rounds: int) -> bool:
    """Return whether too many of the ``rounds`` were ``disturbed`` to conclude anything."""
    return disturbed > BEYOND_USE * rounds


def _certain(ticks: float | None) -> float:
    """Return time counted in ticks, and 0 where it may be their rounding."""
    return ticks if ticks is not None and ticks > RESOLUTION_SECONDS else 0.0
