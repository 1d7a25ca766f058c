"""When a round counts as disturbed: one rule for the report and for advice.

Disturbed rounds are labelled and their effect is shown; none is ever removed.
"""

from __future__ import annotations

from bench.results import Disturbance

DISTURBED_SHARE = 0.1
"""A round is disturbed where something else took more than this share of its time."""
RESOLUTION_SECONDS = 0.015
"""Less than two ticks of the system, of commonly 10 ms, may be rounding and counts as nothing."""


def share(disturbance: Disturbance, seconds: float) -> float:
    """The larger of two shares of a round that lasted ``seconds``, all iterations together.

    One is how long the threads could not run, ``waited`` and ``stolen`` together; the other is
    ``foreign``, the processor time of other processes, which share caches and memory even where
    there are processors for all.  Both may exceed 1 with several threads or processors.  What the
    system does not tell counts as nothing.
    """
    held_up = (disturbance.waited or 0.0) + _certain(disturbance.stolen)
    return max(held_up, _certain(disturbance.foreign)) / seconds


def is_disturbed(disturbance: Disturbance, seconds: float) -> bool:
    """Whether :func:`share` is above :data:`DISTURBED_SHARE`."""
    return share(disturbance, seconds) > DISTURBED_SHARE


def _certain(ticks: float | None) -> float:
    """Time counted in ticks, where it is more than their rounding."""
    return ticks if ticks is not None and ticks > RESOLUTION_SECONDS else 0.0
