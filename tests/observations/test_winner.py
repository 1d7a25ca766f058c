"""Which point is the fastest: what was measured too seldom may be lucky."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from bench.observations.winner import fastest
from bench.stats.estimates import Estimate, estimate


class Stub(NamedTuple):
    """What the rule looks at."""

    implementation: str
    epoch: Estimate | None


def point(name: str, seconds: float, processes: int) -> Any:
    return Stub(name, estimate([[seconds, seconds]] * processes) if processes else None)


@pytest.mark.parametrize(
    ("measured", "name"),
    [
        ([("naive", 2.0, 5), ("numba", 1.0, 5)], "numba"),
        ([("naive", 2.0, 5), ("numba", 1.0, 5), ("lucky", 0.5, 1)], "numba"),
        ([("naive", 2.0, 5), ("numba", 1.0, 5), ("failed", 0.5, 0)], "numba"),
        ([("naive", 2.0, 2), ("numba", 1.0, 2)], "numba"),
        # The baseline is measured again beside what a resumed run or a second set had left.
        ([("naive", 2.0, 6), ("numba", 1.0, 2)], "numba"),
        ([("naive", 2.0, 6), ("naive", 1.5, 6), ("numba", 1.0, 2), ("torch", 0.9, 2)], "torch"),
        ([("naive", 2.0, 6), ("numba", 1.0, 2), ("lucky", 0.5, 1)], "numba"),
        ([("naive", 2.0, 6)], "naive"),
    ],
)
def test_the_fastest_of_those_that_were_measured_often_enough(
    measured: list[tuple[str, float, int]], name: str
) -> None:
    found = fastest([point(*one) for one in measured])
    assert found is not None
    assert found.implementation == name


def test_nothing_is_the_fastest_where_nothing_was_timed() -> None:
    assert fastest([]) is None
    assert fastest([point("failed", 1.0, 0)]) is None
