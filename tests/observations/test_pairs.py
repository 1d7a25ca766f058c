"""Each pair that a page compares has one ratio and one verdict, in whichever direction."""

from __future__ import annotations

import pytest

from reports.gather import build_context
from tests.reports.test_summary import made
from tests.reports.test_verdicts_shown import BASELINE, EQUAL, ONE, STEADY, TWO


def test_a_pair_turned_round_is_the_same_pair() -> None:
    context = build_context([made({BASELINE: STEADY, ONE: EQUAL, TWO: (0.4, 0.41, 0.4, 0.4)})])
    points = {key.implementation: point for key, point in context.points.items()}
    there = context.judged.verdict(points[BASELINE], points[TWO])
    back = context.judged.verdict(points[TWO], points[BASELINE])
    assert there is not None
    assert back is not None
    assert (there.kind, back.kind, there.p) == ("faster", "slower", back.p)
    ratio = context.judged.ratio(points[TWO], points[BASELINE])
    assert ratio is not None
    assert ratio.value == pytest.approx(1 / there.ratio.value)


def test_a_pair_that_nobody_speaks_of_has_no_ratio_to_look_up() -> None:
    one, other = (build_context([made({name: STEADY})]) for name in (ONE, TWO))
    pair = *one.points.values(), *other.points.values()
    with pytest.raises(KeyError, match="no ratio of"):
        one.judged.ratio(*pair)
