"""Charts made of rows: places on the axis, ticks, and digits that the noise supports."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stats.estimates import Ratio
from reports import charts, rounding
from reports import format as text
from reports.figures import shape_of
from reports.gather import build_context
from reports.sections import picture
from tests.reports import pieces, sample
from tests.reports.test_answer import grid
from tests.reports.test_summary import BASELINE, FLOOR, ONE, TWO

POSITIVE = st.floats(1e-7, 1e4)


@given(st.lists(POSITIVE, min_size=1, max_size=9))
def test_a_log_axis_holds_all_values_in_their_order_and_has_a_tick(values: list[float]) -> None:
    axis = charts.log_axis(values, (), text.seconds)
    places = [axis.at(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(0 < place < 100 for place in places)
    assert 1 <= len(axis.ticks) <= 6
    gaps = [after.at - before.at for before, after in zip(axis.ticks, axis.ticks[1:], strict=False)]
    assert all(gap > 15 for gap in gaps)


def test_an_interval_beyond_the_axis_ends_in_an_arrow_and_its_values_are_in_the_tip() -> None:
    axis = charts.log_axis([1.0, 2.0], [0.01, 50.0], text.seconds)
    assert axis.low > 0.3
    assert axis.high < 6.5
    dot = charts.dot(axis, 1.0, (0.01, 50.0), "1 s (10 ms to 50 s)")
    assert (dot.open_low, dot.open_high) == (True, True)


@pytest.mark.parametrize(
    ("ratio", "shown"),
    [
        (Ratio(14.04, 11.2, 17.3, 0.1, 2, 3), "14 × (11 to 17)"),  # noqa: RUF001 - the sign
        (Ratio(8.404, 8.3, 8.5, 0.001, 2, 3), "8.40 × (8.30 to 8.50)"),  # noqa: RUF001
        (Ratio(8.404, None, None, None, 0, 1), "8.4 ×"),  # noqa: RUF001
    ],
)
def test_noise_above_five_percent_leaves_two_digits(ratio: Ratio, shown: str) -> None:
    assert rounding.with_interval(ratio) == shown


def test_percentages_end_at_a_thousand() -> None:
    assert text.percent(9.99) == "999 %"
    assert text.percent(12.3) == "12 \N{MULTIPLICATION SIGN}"


def shown(times: dict[tuple[str, int, int], tuple[float, ...]]) -> str:
    return str(picture.render(build_context([grid(times)])))


def names(page: str) -> list[str]:
    return re.findall(r'<tr class="line[^"]*" data-implementation="([^"]+)"', page)


def test_the_fastest_is_the_first_row_and_the_floor_is_a_line() -> None:
    page = shown(
        {
            (BASELINE, 500, 2): (0.8, 0.8, 0.81),
            (ONE, 500, 2): (0.1, 0.1, 0.11),
            (TWO, 500, 2): (0.2, 0.2, 0.21),
            (FLOOR, 500, 2): (0.05, 0.05, 0.05),
        }
    )
    assert names(page) == [ONE, TWO, BASELINE]
    assert ">floor 50.0 ms</text>" in page
    assert page.count('class="f"') == 3


def test_filled_and_hollow_markers_are_thread_counts() -> None:
    page = shown(
        {(ONE, 500, threads): (0.2 / threads, 0.2 / threads, 0.21 / threads) for threads in (1, 2)}
    )
    dots = re.findall(r'<g class="dot dense( hollow)?" data-place="(\d)"', page)
    assert dots == [(" hollow", "0"), ("", "1")]
    assert "2 threads" in page
    assert "1 thread</span>" in page


def test_of_many_batch_sizes_three_are_open_and_of_many_rows_a_dozen() -> None:
    several = {(ONE, size, 2): (0.1, 0.1, 0.11) for size in range(10, 30)}
    page = shown(several)
    assert "The other 17 batch sizes" in page
    assert page.count('class="panel-of"') == 20
    rows = sample.document(sample.Shape(batch_sizes=(500,), threads=(1,), outcomes=False))
    many = str(picture.render(build_context([rows])))
    assert re.search(r"\d+ slower implementations", many)


def test_what_skips_zeros_and_what_runs_on_a_device_has_another_marker() -> None:
    context = build_context([sample.document(sample.Shape(batch_sizes=(500,), outcomes=False))])
    shapes = {name: shape_of(context, name) for name in context.trainers}
    assert shapes["numba-sparse"] == "sparse"
    assert shapes["torch-gpu"] == "gpu"
    assert shapes[BASELINE] == "dense"


def test_a_document_whose_rows_do_not_say_so_is_told_by_the_registry() -> None:
    document = sample.document(sample.Shape(names=("numba-sparse",), outcomes=False))
    context = build_context([pieces.replace(document, rows=())])
    assert shape_of(context, "numba-sparse") == "sparse"


@pytest.mark.parametrize(("narrow", "gap"), [(False, 17.0), (True, 26.0)])
def test_labels_of_a_narrow_axis_are_further_apart(*, narrow: bool, gap: float) -> None:
    for most in (0.3, 0.6, 2.0, 9.0):
        places = [one.at for one in charts.log_axis([0.02, most], (), str, narrow=narrow).ticks]
        assert len(places) >= 2
        assert all(after - before >= gap for before, after in pairwise(places))
