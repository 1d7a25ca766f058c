"""One ratio alone, computed as every reader computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.observations.points import Timed
from bench.observations.ratios import Pairing, ratios_of
from bench.stats.estimates import Ratio


def ratio_of(
    reference: Mapping[int, Sequence[float]], other: Mapping[int, Sequence[float]]
) -> Ratio:
    """How many times faster ``other`` is than ``reference``, both as rounds by block."""
    theirs, ours = (
        Timed({block: tuple(rounds) for block, rounds in side.items()}, {})
        for side in (reference, other)
    )
    (found,) = ratios_of([Pairing(theirs, ours)])
    assert found is not None
    return found
