from __future__ import annotations

import pytest

from bench.documents.timings import Disturbance
from bench.stats.disturbed import is_disturbed, is_held_up, share


def disturbance(
    waited: float | None = 0.0,
    foreign: float | None = 0.0,
    stolen: float | None = 0.0,
    processors: int | None = None,
) -> Disturbance:
    return Disturbance(
        waited=waited, foreign=foreign, stolen=stolen, switches=3, processors=processors
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (disturbance(), 0.0),
        (disturbance(waited=0.25), 0.125),
        (disturbance(waited=0.25, stolen=0.25), 0.25),
        (disturbance(waited=0.25, foreign=1.0, stolen=0.25), 0.5),
        (disturbance(foreign=3.0), 1.5),
        (disturbance(waited=None, foreign=None, stolen=None), 0.0),
        (disturbance(waited=None, stolen=0.5), 0.25),
    ],
)
def test_the_share_is_the_larger_of_being_held_up_and_of_foreign_work(
    found: Disturbance, expected: float
) -> None:
    assert share(found, 2.0) == expected


def test_one_tick_may_be_rounding_and_two_are_not() -> None:
    assert share(disturbance(foreign=0.010000001, stolen=0.010000001), 0.02) == 0.0
    assert share(disturbance(foreign=0.02), 0.02) == 1.0
    assert share(disturbance(stolen=0.02), 0.02) == 1.0
    assert share(disturbance(waited=0.001), 0.02) == pytest.approx(0.05)


def test_more_than_a_tenth_of_the_round_disturbs_it() -> None:
    assert is_disturbed(disturbance(foreign=0.11), 1.0)
    assert not is_disturbed(disturbance(foreign=0.1, waited=0.09), 1.0)
    assert is_disturbed(disturbance(waited=0.06, stolen=0.05), 1.0)


@pytest.mark.parametrize(
    ("found", "disturbed"),
    [
        # A process that keeps one processor busy, and the usual background of a machine.
        (disturbance(foreign=1.0, processors=2), True),
        (disturbance(foreign=1.0, processors=64), False),
        (disturbance(foreign=0.002 * 64, processors=64), False),
        (disturbance(foreign=0.002 * 2, processors=2), False),
        # A load of a quarter of the machine, whichever it is.
        (disturbance(foreign=0.25 * 2, processors=2), True),
        (disturbance(foreign=0.25 * 64, processors=64), True),
        # Whoever waits is held up, whatever the share.
        (disturbance(foreign=0.128, waited=0.128, processors=64), True),
        # Where nobody tells who waits, it may have been us.
        (disturbance(foreign=0.128, waited=None, processors=64), True),
        (disturbance(foreign=0.128, processors=None), True),
    ],
)
def test_foreign_work_counts_as_a_share_of_the_machine(
    found: Disturbance, *, disturbed: bool
) -> None:
    assert is_disturbed(found, 1.0) == disturbed


@pytest.mark.parametrize(
    ("waited", "foreign", "stolen", "expected"),
    [
        (0.5, 0.5, 0.0, True),
        # Threads of one process that wait for each other.
        (0.5, 0.0, 0.0, False),
        (0.5, None, None, True),
        (0.0, 0.9, 0.0, False),
        (0.0, 0.0, 0.2, True),
        (0.09, 1.0, 0.0, False),
    ],
)
def test_a_round_is_held_up_where_others_took_the_processor_that_threads_waited_for(
    waited: float,
    foreign: float | None,
    stolen: float | None,
    expected: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    found = Disturbance(waited=waited, foreign=foreign, stolen=stolen, switches=0)
    assert is_held_up(found, 1.0) == expected
