"""Numbers on the page are those that follow from the document."""

from __future__ import annotations

import math
import re
from statistics import median

import pytest

from bench.documents.results import Measured, Results
from bench.stats import estimates
from impls.registry import ROWS
from reports.context import Context
from reports.facts.costs import break_even

BASELINE = next(row.name for row in ROWS if row.rung == 0)
FLOOR = next(row.name for row in ROWS if row.is_floor)
LAST = max((row for row in ROWS if row.rung is not None), key=lambda row: row.rung or 0).name


def times_as_fast(reference: dict[int, list[float]], other: dict[int, list[float]]) -> float:
    """The geometric mean over the blocks of ratios of medians."""
    logs = [math.log(median(reference[block]) / median(other[block])) for block in reference]
    return math.exp(math.fsum(logs) / len(logs))


def epochs(document: Results, name: str, batch_size: int, threads: int) -> dict[int, list[float]]:
    return {
        one.block: list(timing.round_seconds)
        for one in document.outcomes
        if isinstance(one, Measured)
        and (one.cell.implementation, one.cell.batch_size, one.cell.threads)
        == (name, batch_size, threads)
        for timing in one.timings
        if timing.phase == "epoch"
    }


DIGITS = 1e-4
"""So exact are the numbers by which cells are sorted."""


def section(page: str, name: str) -> str:
    found = re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)
    assert found
    return found[0]


def values(markup: str) -> list[float]:
    return [float(value) for value in re.findall(r'data-value="([^"]+)"', markup)]


def row_of(markup: str, name: str, place: int) -> str:
    pattern = rf'<tr data-implementation="{re.escape(name)}" data-place="{place}">.*?</tr>'
    found = re.search(pattern, markup, re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_overview_holds_the_estimates_of_the_epoch(
    page: str, document: Results, threads: int
) -> None:
    for name in (BASELINE, FLOOR, LAST):
        row = row_of(section(page, "overview"), name, threads - 1)
        expected = [
            estimates.estimate(list(epochs(document, name, size, threads).values())).value
            for size in (128, 500, 2000, 20000)
        ]
        assert values(row) == pytest.approx(expected, rel=DIGITS)


def test_the_overview_prints_speed_up_and_multiple_of_the_floor(
    page: str, document: Results
) -> None:
    row = row_of(section(page, "overview"), LAST, 1)
    ours = epochs(document, LAST, 128, 2)
    over_baseline = times_as_fast(epochs(document, BASELINE, 128, 2), ours)
    over_floor = times_as_fast(ours, epochs(document, FLOOR, 128, 2))
    assert f"{over_baseline:.3g}" in row
    assert f"{over_floor:.3g}" in row


def test_the_picture_gives_time_and_interval_of_the_best(page: str, context: Context) -> None:
    best = min(
        (point for point in context.points.values() if not context.is_floor(point.implementation)
         and point.batch_size == 500 and point.epoch),
        key=lambda point: point.epoch.value if point.epoch else math.inf,
    )  # fmt: skip
    ratio = context.speed_ups[best.implementation, best.condition, 500]
    assert ratio.low
    assert ratio.high
    ends = f"({ratio.low:.3g} to {ratio.high:.3g})"
    picture = section(page, "picture").replace("\N{NO-BREAK SPACE}", " ")
    assert f"{ratio.value:.3g} \N{MULTIPLICATION SIGN} {ends}" in picture
    assert best.implementation in section(page, "summary")
    assert best.epoch
    places = [float(one) for one in re.findall(r'data-at="([^"]+)"', picture)]
    assert any(value == pytest.approx(best.epoch.value, rel=DIGITS) for value in places)


def test_multiples_of_the_floor_s_time_are_theirs_over_its(page: str, document: Results) -> None:
    row = row_of(section(page, "floor"), LAST, 0)
    expected = times_as_fast(epochs(document, LAST, 128, 1), epochs(document, FLOOR, 128, 1))
    assert values(row)[0] == pytest.approx(expected, rel=DIGITS)


def test_the_product_of_all_gains_is_the_gain_of_the_whole_ladder(
    page: str, document: Results
) -> None:
    rows = re.findall(
        r"<tr[^>]*>\s*<th[^>]*>whole ladder.*?</tr>", section(page, "ladder"), re.DOTALL
    )
    whole = times_as_fast(epochs(document, BASELINE, 128, 1), epochs(document, LAST, 128, 1))
    assert values(rows[0])[0] == pytest.approx(whole, rel=DIGITS)


def test_published_gains_stand_at_published_batch_sizes_only(page: str) -> None:
    ladder = section(page, "ladder")
    assert re.search("published: 1.28 . by step 3", ladder)
    assert re.search("published: 1.29 . by step 3", ladder)
    published = re.findall(r"published: ", ladder)
    assert len(published) == 2 * (4 + 2)
    assert ladder.count("<caption>Gain over the rung before") == 2


def test_observed_threads_stand_beside_requested_ones(page: str, context: Context) -> None:
    point = next(iter(context.points.values()))
    observed = pytest.approx(point.threads_observed, rel=DIGITS)
    assert observed in values(section(page, "thread-scaling"))
    assert observed in values(section(page, "environment"))


def test_the_residual_is_step_less_phases_over_step(page: str, context: Context) -> None:
    point = context.points[BASELINE, context.conditions[0], 500]
    names = ("prepare", "forward", "loss", "backward", "update")
    phases = sum(point.durations[name].value for name in names)
    assert point.step
    expected = (point.step.value - phases) / point.step.value
    assert any(
        value == pytest.approx(expected, rel=DIGITS) for value in values(section(page, "phases"))
    )


def test_refusals_give_reason_size_and_place(page: str) -> None:
    text = section(page, "correctness")
    assert "was refused (24 outcomes): gradient weights[1] differs from the reference" in text
    assert "error 3.1e-02, tolerance 1.0e-05, largest at [12, 7]" in text


@pytest.mark.parametrize(
    ("extra", "saved", "expected"),
    [
        (4.0, 0.4, 10.0),
        (-0.5, 0.4, math.inf),
        (4.0, -0.1, math.inf),
        (-0.5, -0.4, 1.25),
        (4.0, 0.0, math.inf),
        (0.0, 0.0, math.inf),
    ],
)
def test_break_even_is_the_extra_cost_over_the_saving_per_epoch(
    extra: float, saved: float, expected: float
) -> None:
    assert break_even(extra, saved) == pytest.approx(expected)
