from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.facts.crossover import Crossing, Node, Stretch, crossings, told, undecided


def curve(*ratios: float, sizes: tuple[float, ...] = (1, 10, 100, 1000)) -> list[Node]:
    """A curve without any width."""
    return [Node(s, r, r, r) for s, r in zip(sizes, ratios, strict=False)]


def banded(*ratios: float, factor: float) -> list[Node]:
    return [Node(one.size, one.ratio, one.ratio / factor, one.ratio * factor)
            for one in curve(*ratios)]  # fmt: skip


def test_a_crossing_is_interpolated_in_logarithms() -> None:
    # From 4 to 1/2: two thirds of the way in logarithms.
    (found,) = crossings(curve(4, 0.5))
    assert found.size == pytest.approx(10 ** (2 / 3))
    assert found.falls


def test_a_curve_that_rises_crosses_the_other_way() -> None:
    (found,) = crossings(curve(0.5, 4))
    assert found.size == pytest.approx(10 ** (1 / 3))
    assert not found.falls


def test_the_interval_ends_where_the_ends_of_the_interval_cross() -> None:
    # The lower end goes from 4 to 1/4, the upper from 16 to 1 and on to 1/16.
    (found,) = crossings(banded(8, 0.5, 1 / 32, factor=2))
    assert found.interval is not None
    assert found.interval.low == pytest.approx(math.sqrt(10))
    assert found.interval.high == pytest.approx(10)
    assert found.size == pytest.approx(10**0.75)


def test_an_end_that_does_not_cross_is_open() -> None:
    (found,) = crossings(banded(1.5, 0.1, 0.01, factor=2))
    assert found.interval is not None
    assert found.interval.low is None
    assert found.interval.high == pytest.approx(10 ** (math.log(3) / math.log(15)))
    (found,) = crossings(banded(100, 10, 1.5, 0.75, factor=2))
    assert found.interval is not None
    assert found.interval.high is None


def test_an_interval_may_reach_over_several_sizes() -> None:
    (found,) = crossings(banded(100, 1.5, 1 / 1.5, 0.01, factor=2))
    assert found.size == pytest.approx(math.sqrt(1000))
    assert found.interval is not None
    assert found.interval.low is not None
    assert found.interval.high is not None
    assert 1 < found.interval.low < 10
    assert 100 < found.interval.high < 1000
    assert undecided(banded(100, 1.5, 1 / 1.5, 0.01, factor=2)) == (found.interval,)


def test_no_width_gives_an_interval_without_width() -> None:
    (found,) = crossings(curve(3, 0.7, 0.2))
    assert found.interval == Stretch(pytest.approx(found.size), pytest.approx(found.size))


def test_every_crossing_is_found() -> None:
    found = crossings(curve(2, 0.5, 2, 0.5))
    assert [one.falls for one in found] == [True, False, True]
    assert [one.size for one in found] == pytest.approx([10**0.5, 10**1.5, 10**2.5])


def test_crossings_between_which_nothing_is_decided_share_an_interval() -> None:
    first, second = crossings(banded(100, 0.9, 100, factor=2))
    assert first.interval == second.interval


def test_what_is_undecided_at_neighbouring_sizes_is_one_stretch() -> None:
    # log 3 + (log 30 - log 3) is not log 30 in floating point.
    nodes = [Node(size, 1.0, 0.5, 2.0) for size in (1, 3, 30, 300)]
    assert undecided(nodes) == (Stretch(None, None),)


def test_two_stretches_are_told_apart_although_one_reaches_over_several_sizes() -> None:
    near, far = math.log(2) / math.log(100), math.log(50) / math.log(100)
    assert undecided(banded(1, 100, 1, 1, factor=2)) == (
        Stretch(None, pytest.approx(10**near)),
        Stretch(pytest.approx(10 ** (1 + far)), None),
    )


def test_a_ratio_of_one_at_a_size_is_a_crossing_there() -> None:
    assert [one.size for one in crossings(curve(2, 1, 0.5))] == pytest.approx([10])


def test_several_ratios_of_one_cross_in_their_middle() -> None:
    assert [one.size for one in crossings(curve(2, 1, 1, 0.5))] == pytest.approx([math.sqrt(1000)])


def test_touching_is_not_crossing() -> None:
    assert crossings(curve(2, 1, 2)) == ()
    assert undecided(curve(2, 1, 2)) == (Stretch(pytest.approx(10), pytest.approx(10)),)


def test_one_size_crosses_nothing() -> None:
    assert crossings(curve(2)) == ()
    assert undecided(curve(2)) == ()
    assert undecided(banded(1.5, factor=2)) == (Stretch(None, None),)


def test_a_ratio_without_an_interval_leaves_the_crossing_without_one() -> None:
    nodes = [*banded(4, factor=2), Node(10, 0.5)]
    assert crossings(nodes) == (Crossing(pytest.approx(10 ** (2 / 3)), falls=True, interval=None),)
    assert undecided(nodes) is None


HEIGHTS = st.floats(-5, 5, allow_nan=False)


@given(st.lists(st.tuples(HEIGHTS, st.floats(0, 3), st.floats(0, 3)), min_size=2, max_size=8))
def test_every_crossing_lies_in_its_interval(rows: list[tuple[float, float, float]]) -> None:
    nodes = [
        Node(2.0**place, math.exp(height), math.exp(height - down), math.exp(height + up))
        for place, (height, down, up) in enumerate(rows)
    ]
    found = crossings(nodes)
    signs = [height > 0 for height, _, _ in rows if math.log(math.exp(height))]
    assert len(found) == sum(a != b for a, b in pairwise(signs))
    assert list(found) == sorted(found, key=lambda one: one.size)
    for one in found:
        assert one.interval is not None
        assert (one.interval.low or 0) <= one.size * (1 + 1e-6)
        assert one.size <= (one.interval.high or math.inf) * (1 + 1e-6)


@given(st.lists(HEIGHTS, min_size=2, max_size=8))
def test_the_other_way_round_it_crosses_at_the_same_places(heights: list[float]) -> None:
    nodes = [Node(2.0**place, math.exp(height)) for place, height in enumerate(heights)]
    turned = [Node(node.size, 1 / node.ratio) for node in nodes]
    one, other = crossings(nodes), crossings(turned)
    assert [c.size for c in one] == pytest.approx([c.size for c in other], rel=1e-6)
    assert [c.falls for c in one] == [not c.falls for c in other]


GPU = "no crossover: the GPU is faster at every batch size measured; if there is one, it is below"
CPU = "no crossover: the CPU is faster at every batch size measured; if there is one, it is above"
OPEN = "so neither is proven faster there"
ALONE = "faster at a batch of 1, the only one measured on both"
NONE = "no interval: fewer than 3 processes at some batch size"


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (banded(8, 1 / 2, 1 / 32, factor=2),
         "from a batch of 5.6 on the GPU is faster (interval 3.2 to 10)."),
        (banded(1.5, 0.1, 0.01, factor=2),
         "from a batch of 1.4 on the GPU is faster (interval below 1 to 2.5)."),
        (banded(0.01, 0.1, 1.5, factor=2),
         "from a batch of 71 on the CPU is faster (interval 39 to above 100)."),
        (banded(0.1, 0.2, factor=2), f"{GPU} 1."),
        (banded(4, 3, factor=2), f"{CPU} 10."),
        (banded(4, 1.5, factor=2),
         f"{CPU} 10. Its interval contains 1 from 5.1 to above 10, {OPEN}."),
        (curve(1, 1), "both take the same time at every batch size measured: no crossover."),
        (banded(4, factor=2), f"the CPU is {ALONE}."),
        (banded(0.9, factor=2), f"the GPU is {ALONE}, but its interval contains 1."),
        ([Node(1, 4, 3, 5, likely=True)], f"the CPU is likely {ALONE}."),
        ([Node(1, 4, 3, 5), Node(10, 3, 2, 4, likely=True)],
         f"{CPU} 10. At 10 that is only likely."),
        ([Node(1, 4), Node(10, 0.5)], f"from a batch of 4.6 on the GPU is faster ({NONE})."),
        ([Node(1, 4), Node(10, 2)], f"{CPU} 10 ({NONE})."),
    ],
)  # fmt: skip
def test_curves_in_words(nodes: list[Node], words: str) -> None:
    assert told(nodes) == words


def test_several_crossings_are_all_told() -> None:
    said = told(banded(100, 0.9, 100, factor=2))
    assert said.startswith("2 crossings: from a batch of")
    assert said.endswith("Crossings that share an interval may be a single crossing.")
    apart = told(banded(100, 0.01, 100, factor=2))
    assert "may be a single" not in apart
    assert apart.count("interval") == 2
