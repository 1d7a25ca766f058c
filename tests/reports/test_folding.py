"""What a page leaves out of a large grid, and that nothing is lost by it but what it says."""

from __future__ import annotations

import dataclasses
import itertools
import re

import pytest

from impls.registry import ROWS
from reports import folding
from reports.context import Context
from reports.gather import build_context
from reports.page import build_report
from tests.reports import sample
from tests.reports.reading import Page

NAMES = tuple(row.name for row in ROWS if row.device == "cpu")[:9]
FLOOR = next(row.name for row in ROWS if row.is_floor)
LARGE = sample.Shape(
    names=(*NAMES, FLOOR),
    batch_sizes=tuple(range(100, 1300, 100)),
    threads=(1, 2, 4, 8),
    blocks=3,
    rounds=1,
    epoch_rounds=1,
)
MOST_BYTES = 5_000_000


@pytest.fixture(scope="module")
def whole() -> Context:
    return build_context([sample.document(LARGE)])


@pytest.fixture
def shown(whole: Context, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setattr(folding, "MOST_CELLS", 100)
    monkeypatch.setattr(folding, "FOLDED_CELLS", 80)
    return folding.folded(whole)


def test_a_small_grid_is_laid_out_whole(whole: Context) -> None:
    assert folding.folded(whole) is whole
    assert folding.left_out(whole) == ""


def test_about_as_many_cells_are_kept_as_a_page_can_hold(whole: Context, shown: Context) -> None:
    assert len(shown.points) < 2 * 80 < len(whole.points)
    number = len(whole.points) - len(shown.points)
    assert folding.left_out(shown).startswith(f"{number} of {len(whole.points)} measured cells")


def test_the_extremes_are_kept(whole: Context, shown: Context) -> None:
    (scope,) = whole.scopes
    sizes, threads = (
        {key.batch_size for key in shown.points},
        {key.condition.threads for key in shown.points},
    )
    assert {100, 1200} <= sizes
    assert {1, 8} <= threads
    assert shown.batch_sizes(scope) == tuple(sorted(sizes))
    names = {key.implementation for key in shown.points}
    trainers = [point for point in whole.points.values() if point.implementation != FLOOR]
    shortest = {
        name: min(one.epoch.value for one in some if one.epoch)
        for name, some in itertools.groupby(trainers, key=lambda one: one.implementation)
    }
    assert {whole.baseline, FLOOR, max(shortest, key=shortest.__getitem__)} <= names


def test_the_winner_at_every_batch_size_shown_is_shown(whole: Context, shown: Context) -> None:
    (scope,) = whole.scopes
    assert shown.winners == whole.winners
    won = {one.batch_size: one.best for one in whole.winners}
    for batch_size in shown.batch_sizes(scope):
        assert won[batch_size].key in shown.points


def test_kept_cells_have_the_numbers_of_the_whole(whole: Context, shown: Context) -> None:
    for key, point in shown.points.items():
        assert point is whole.points[key]
        assert shown.speed_ups.get(key) == whole.speed_ups.get(key)
        assert shown.over_floor.get(key) == whole.over_floor.get(key)
        assert shown.verdicts.get(key) == whole.verdicts.get(key)


@pytest.mark.usefixtures("shown")
def test_counts_and_failures_are_those_of_all_cells(whole: Context) -> None:
    page = Page(build_report(whole.results))
    measured = sum(len(point.measured) for point in whole.points.values())
    assert f"measured {measured} " in page.text
    for kind in ("invalid", "failed"):
        number = sum(gap.kind == kind for gap in whole.gaps)
        assert number
        assert f"{kind} {number} " in page.text
    for one in whole.winners:
        assert f"{one.batch_size} {one.best.implementation} " in page.text


@pytest.mark.usefixtures("shown")
def test_every_section_that_leaves_cells_out_says_so(whole: Context) -> None:
    page = build_report(whole.results)
    parts = re.findall(r'<section id="([^"]+)"[^>]*>(.*?)</section>', page, re.DOTALL)
    said = {name for name, body in parts if "are left out of this section" in body}
    assert {"overview", "thread-scaling", "cold-cost", "ladder", "distributions"} <= said
    assert not {"summary", "correctness", "raw-data", "environment"} & said


def test_of_many_runs_a_sample_is_laid_out() -> None:
    small = dataclasses.replace(LARGE, batch_sizes=(500,), threads=(1,), blocks=1)
    documents = [sample.document(dataclasses.replace(small, seed=seed)) for seed in range(15)]
    whole = build_context(documents)
    shown = folding.folded(whole)
    runs = [scope.run for scope in shown.scopes]
    assert len(runs) == folding.MOST_SCOPES
    assert (runs[0], runs[-1]) == (1, 15)
    assert "in 10 of 15 runs." in folding.left_out(shown)
    page = Page(build_report(documents))
    for one in whole.winners:
        assert f"500 (run {one.scope.run}) {one.best.implementation} " in page.text


def test_a_page_of_ten_thousand_cells_is_light() -> None:
    shape = sample.Shape(
        names=(*(row.name for row in ROWS if row.device == "cpu"),)[:20],
        batch_sizes=tuple(range(100, 5100, 100)),
        threads=tuple(range(1, 11)),
        blocks=1,
        rounds=1,
        epoch_rounds=1,
        outcomes=False,
    )
    document = sample.document(shape)
    assert len(document.outcomes) == 10_000
    assert len(build_report([document]).encode()) < MOST_BYTES


@pytest.mark.parametrize(
    ("number", "always", "expected"),
    [(1, [], {1}), (1, [4], {4}), (2, [], {1, 9}), (3, [], {1, 5, 9}), (3, [2], {1, 2, 5, 9}),
     (9, [], set(range(1, 10)))],
)  # fmt: skip
def test_a_sample_has_both_ends(number: int, always: list[int], expected: set[int]) -> None:
    assert folding.sample(range(1, 10), number, always) == expected


def test_the_longest_axis_is_shortened_first() -> None:
    assert folding.shrunk((50, 4, 1), (5, 3, 2), 60) == [15, 4, 1]
    assert folding.shrunk((50, 40, 1), (5, 3, 2), 1) == [5, 3, 1]
    assert folding.shrunk((5, 3, 1), (1, 1, 1), 1) == [1, 1, 1]
