"""The disturbance section: shares, counts and effects are those that follow from the document."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import pytest

from bench.documents.results import Measured, Results
from bench.documents.timings import Disturbance
from bench.observations.points import Point, of_the_epoch
from bench.planning.plan import Cell
from bench.planning.variables import NEIGHBOURS
from impls.registry import ROWS
from reports import charts
from reports.answer import paragraphs
from reports.context import Context
from reports.facts.disturbed_rounds import effect, share
from reports.gather import build_context
from reports.section import Absence
from reports.sections import summary
from reports.sections.disturbance import render
from tests.reports import pieces, reading, sample
from tests.reports.pieces import disturbance

ONE, TWO = (row.name for row in ROWS if row.rung in (1, 2))
QUIET, HELD_UP = disturbance(), disturbance(waited=1.0)


def cell(name: str = ONE, size: int = 500) -> Cell:
    return Cell(implementation=name, device="cpu", network="blog", batch_size=size, threads=1)


def context_of(*outcomes: Measured) -> Context:
    shape = sample.Shape(batch_sizes=(500,), threads=(1,))
    return build_context([sample.document(shape, outcomes=outcomes)])


def epochs(
    *rounds: tuple[float, Disturbance], block: int = 0, name: str = ONE, size: int = 500
) -> Measured:
    return pieces.measured(
        cell(name, size),
        block=block,
        epoch=[seconds for seconds, _ in rounds],
        disturbances={"epoch": [found for _, found in rounds]},
    )


def only_point(context: Context) -> Point:
    (point,) = context.points.values()
    return point


def page_of(context: Context) -> str:
    found = render(context)
    assert not isinstance(found, Absence)
    return str(found)


def row_values(page: str, name: str) -> list[list[float]]:
    rows = re.findall(rf'<tr data-implementation="{re.escape(name)}".*?</tr>', page, re.DOTALL)
    return [list(map(float, re.findall(r'data-value="([^"]+)"', row))) for row in rows]


def test_shares_are_of_the_time_of_whole_rounds() -> None:
    one = epochs(
        (4.0, disturbance(waited=0.1, foreign=0.2, stolen=0.3)),
        (6.0, disturbance(waited=0.4, foreign=0.3, stolen=0.1)),
    )
    values = row_values(page_of(context_of(one)), ONE)[0]
    assert values == [2, 0, 0.05, 0.05, 0.04, 0]


def test_iterations_of_a_round_are_added_up_before_it_is_judged() -> None:
    steps = pieces.measured(
        cell(), block=0, step=[0.01], disturbances={"step": [disturbance(waited=0.05)]}
    )
    timing = pieces.retimed(steps.timings[0], iterations=100)
    long = pieces.remeasured(steps, timings=(timing,))
    assert [one.is_disturbed for one in only_point(context_of(steps)).watched] == [True]
    (found,) = only_point(context_of(long)).watched
    assert found.lasted == pytest.approx(1.0)
    assert not found.is_disturbed


def test_leaving_disturbed_rounds_out_is_shown_and_never_done() -> None:
    one = epochs((1.0, QUIET), (1.0, QUIET), (2.0, HELD_UP), (2.0, HELD_UP), (2.0, HELD_UP))
    context = context_of(one)
    found = effect(of_the_epoch(only_point(context).watched))
    assert found is not None
    assert found.undisturbed is not None
    assert (found.everything.value, found.undisturbed.value) == (2.0, 1.0)
    assert found.change == -0.5
    page = page_of(context)
    total, both = row_values(page, ONE)
    assert total[:2] == [5, 3]
    assert both[-3:] == [2.0, 1.0, -0.5]
    assert "<b>3 of 5 rounds</b> of step and epoch were disturbed" in page
    assert f"by at most 50 % ({ONE}, batch 500, 1 thread)" in page
    point = only_point(context)
    assert point.epoch
    assert point.epoch.value == 2.0


def test_the_largest_change_names_its_batch_size() -> None:
    small = epochs((1.0, QUIET), (1.2, HELD_UP), (1.2, HELD_UP), size=10)
    large = epochs((1.0, QUIET), (4.0, HELD_UP), (4.0, HELD_UP), size=1000)
    page = page_of(context_of(small, large))
    assert "-75 %<small>batch 1000</small>" in page


def test_a_process_without_an_undisturbed_round_is_counted_as_lost() -> None:
    page = page_of(context_of(epochs((1.0, QUIET)), epochs((3.0, HELD_UP), block=1)))
    assert "1 process fewer" in page


def test_cells_without_an_undisturbed_round_are_told() -> None:
    context = context_of(epochs((1.0, HELD_UP)), epochs((1.0, QUIET), name=TWO))
    page = page_of(context)
    assert "none left" in page
    assert "In 1 of 2 cells all rounds of the epoch were disturbed" in page
    assert "would change" not in page, "of the other cell none was disturbed"
    assert "<b>1 of 2 rounds</b> of step and epoch was disturbed" in page


def test_undisturbed_cells_are_not_listed_twice() -> None:
    page = page_of(context_of(epochs((1.0, QUIET), (1.1, QUIET))))
    assert "<b>0 of 2 rounds</b>" in page
    assert "Cells with and without" not in page
    assert "would change" not in page
    assert page.count("<caption>") == 1


def test_a_change_is_said_of_the_cells_that_have_rounds_left() -> None:
    context = context_of(
        epochs((1.0, HELD_UP)), epochs((2.0, HELD_UP), (1.0, QUIET), (1.0, QUIET), name=TWO)
    )
    page = page_of(context)
    assert re.search(rf"epoch times would change by at most [\d.]+ % \({TWO}, batch", page)


def test_most_rounds_disturbed_make_the_answer_provisional() -> None:
    said = "Provisional: most rounds behind the epoch times were disturbed (2 of 3), so do not"
    most = context_of(epochs((1.0, HELD_UP), (1.0, HELD_UP), (1.0, QUIET)))
    assert said in page_of(most)
    assert paragraphs(most)[0].startswith("Lowest time at batch 500")
    assert [said in one for one in paragraphs(most)].count(True) == 1
    shown = str(summary.render(most)).replace("\N{NO-BREAK SPACE}", " ")
    assert shown.index(f'<p class="doubt notice">{said}') < shown.index('class="headline"')
    assert shown.count("Provisional") == 1
    half = context_of(epochs((1.0, HELD_UP), (1.0, QUIET)))
    assert "Provisional" not in page_of(half)
    assert not any("Provisional" in one for one in paragraphs(half))


def test_load_that_was_asked_for_is_no_disturbance() -> None:
    def beside(neighbours: str, name: str) -> Measured:
        one = epochs((1.0, HELD_UP), (1.1, HELD_UP), (1.05, HELD_UP), name=name)
        setting = ((NEIGHBOURS, neighbours),)
        return pieces.remeasured(one, cell=msgspec.structs.replace(one.cell, setting=setting))

    asked = context_of(*(beside("1", name) for name in (ONE, TWO)))
    assert not any("Provisional" in one for one in paragraphs(asked))
    foreign = context_of(*(beside("0", name) for name in (ONE, TWO)))
    assert any("Provisional" in one for one in paragraphs(foreign))


def test_where_nothing_is_ranked_nothing_is_provisional() -> None:
    floor = next(row.name for row in ROWS if row.is_floor)
    alone = context_of(epochs((1.0, HELD_UP), name=floor))
    assert paragraphs(alone) == ("No implementation was measured, so nothing can be compared.",)
    assert "Provisional" not in str(summary.render(alone))


def test_what_the_system_does_not_tell_is_not_shown_as_nothing() -> None:
    unknown = disturbance(waited=None, foreign=None, stolen=0.01)
    context = context_of(epochs((1.0, unknown)))
    assert page_of(context).count(">unknown<") == 2
    rounds = only_point(context).watched
    assert share(rounds, lambda one: one.waited) is None
    assert share(rounds, lambda one: one.stolen) == 0.01


def test_the_course_of_the_run_follows_the_processes() -> None:
    outcomes = [
        epochs((1.0, QUIET), (1.2, HELD_UP), (1.0, QUIET), block=block, name=name)
        for name in (ONE, TWO)
        for block in (0, 1, 2)
    ]
    page = page_of(context_of(*outcomes))
    chart = re.findall(r"<figure.*?</figure>", page, re.DOTALL)[0]
    dots = re.findall(r'<path d="([^"]+)" class="p\d"', chart)
    assert len(dots) == 2, "one path for each implementation"
    across = [x for path in dots for x, _ in reading.places(path)[::2]]
    assert len(across) == 18
    assert sorted(across) != across, "blocks interleave the implementations"
    assert chart.count("<use ") == 6, "one cross for each disturbed round"


@pytest.mark.parametrize("changed", ["no entry", "too few entries"])
def test_rounds_without_a_record_each_are_left_out(changed: str) -> None:
    one = epochs((1.0, QUIET), (1.1, QUIET))
    kept = () if changed == "no entry" else one.timings[0].disturbances[:1]
    bare = pieces.remeasured(one, timings=(pieces.retimed(one.timings[0], disturbances=kept),))
    found = render(context_of(bare))
    assert isinstance(found, Absence)
    assert "pytest-benchmark" in found.reason
    page = page_of(context_of(bare, epochs((1.0, QUIET), name=TWO)))
    assert ONE not in page


def counted(document: Results) -> Sequence[bool]:
    return [
        (found.waited or 0) > 0.1 * seconds * timing.iterations
        for one in document.outcomes
        if isinstance(one, Measured)
        for timing in one.timings
        for seconds, found in zip(timing.round_seconds, timing.disturbances, strict=False)
    ]


def test_the_page_counts_the_disturbed_rounds_of_the_document(page: str, document: Results) -> None:
    disturbed = counted(document)
    assert any(disturbed)
    assert f"<b>{sum(disturbed)} of {len(disturbed)} rounds</b>" in page


@pytest.mark.parametrize("slowest", [1.1, 30.0, 300.0, 30000.0])
def test_the_name_of_the_axis_has_room_beside_its_numbers(slowest: float) -> None:
    context = context_of(epochs((1.0, QUIET), (slowest, HELD_UP), (1.0, QUIET)))
    chart = re.findall(r"<figure.*?</figure>", page_of(context), re.DOTALL)[0]
    name = re.findall(r'<text x="([-\d.]+)"[^>]*>off the cell', chart)
    ends = re.findall(r'<text x="([\d.]+)"[^>]*class="e">([^<]+ %)<', chart)
    assert len(name) == 1
    assert float(name[0]) >= 10, "the letters lie left of this place"
    assert ends
    for x, number in ends:
        assert float(x) - 6.3 * len(number) > float(name[0])


def test_rounds_of_an_equal_colour_differ_in_shape() -> None:
    paths = []
    for slot in (0, 12):
        track = charts.Track(charts.style_of(slot), (1, 2), (0.0, 0.01), (False, False))
        chart = str(charts.timeline("t", [track], [], description="d"))
        (path,) = re.findall(rf'data-series="{slot}"[^>]*><path d="([^"]+)"', chart)
        paths.append(reading.places(path))
    dots, longer = paths
    assert dots[0] == dots[1]
    assert longer[1][0] - longer[0][0] == pytest.approx(5.6, abs=0.11)
    middle = (longer[0][0] + longer[1][0]) / 2, longer[0][1]
    assert middle == pytest.approx(dots[0], abs=0.11)
