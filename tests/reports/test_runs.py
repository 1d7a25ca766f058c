"""Several runs in one report: what holds for one of them says for which."""

from __future__ import annotations

import re

from bench.documents.results import Measured, Results
from reports.answer import paragraphs
from reports.gather import build_context
from reports.sections import control, disturbance, overview, picture, summary
from tests.reports import pieces, sample
from tests.reports.reading import Page
from tests.reports.repeated import with_control
from tests.reports.test_summary import BASELINE, ONE, TWO, cell, made

NOTE = "These are digits resized, not MNIST."


def noted(document: Results) -> Results:
    dataset = pieces.noted(document.dataset, NOTE)
    return pieces.replace(document, dataset=dataset)


def held_up(document: Results) -> Results:
    found = (pieces.disturbance(waited=9.0),)
    outcomes = tuple(
        pieces.remeasured(
            one, timings=tuple(pieces.retimed(timing, disturbances=found) for timing in one.timings)
        )
        for one in document.outcomes
        if isinstance(one, Measured)
    )
    return pieces.replace(document, outcomes=outcomes)


def of_two_sizes(name: str, threads: int = 2) -> Results:
    outcomes = tuple(
        pieces.measured(cell(name, size, threads), block=0, epoch=[0.1]) for size in (500, 100)
    )
    shape = sample.Shape(batch_sizes=(500, 100), threads=(threads,))
    return sample.document(shape, outcomes=outcomes)


def exports(*documents: Results) -> list[str]:
    shown = str(summary.render(build_context(documents)))
    return re.findall(r'<p class="before-code">(.*?):</p>', shown)


def test_a_note_names_the_run_that_used_such_data() -> None:
    plain = made({ONE: (0.1,)})
    assert f"Run 2: {NOTE}" in paragraphs(build_context([plain, noted(plain)]))
    both = paragraphs(build_context([noted(plain), plain, noted(plain)]))
    assert [said for said in both if NOTE in said] == [f"Runs 1 and 3: {NOTE}"]


def test_a_note_names_no_run_where_there_is_one_grid() -> None:
    grid = [noted(made({ONE: (0.1,)})), noted(made({TWO: (0.1,)}))]
    assert [said for said in paragraphs(build_context(grid)) if NOTE in said] == [NOTE]


def test_only_the_run_with_the_disturbed_rounds_is_provisional() -> None:
    plain = made({BASELINE: (0.8,), ONE: (0.1,)})
    context = build_context([plain, held_up(plain)])
    said = "Run 2: Provisional: most rounds behind the epoch times were disturbed (2 of 2), so"
    assert any(one.startswith(said) for one in paragraphs(context))
    assert said in str(disturbance.render(context))


def test_controls_are_told_by_run() -> None:
    plain = made({BASELINE: (0.8,), ONE: (0.1,)})
    steady = with_control(plain, ONE, lambda _: 1.01)
    odd = with_control(plain, ONE, lambda _: 2.95)
    context = build_context([steady, odd])
    first, second = (said for said in paragraphs(context) if "Control: " in said)
    assert first.startswith("Run 1: Control: ")
    assert second.startswith("Run 2: Control: ")
    warned = "The same code differed by a factor of 2.95 in this run. "
    assert warned not in first
    assert warned in second
    assert f"Run 2: {warned}" in str(control.render(context))


def test_pictures_and_tables_of_two_machines_name_the_processor() -> None:
    one, two = of_two_sizes(ONE), of_two_sizes(TWO)
    other = pieces.replace(two, machine=pieces.machine("Another CPU"))
    context = build_context([one, other])
    for render in (picture.render, overview.render):
        page = str(render(context)).replace("\N{NO-BREAK SPACE}", " ")
        assert re.search(r"run 2 \(Another CPU, \d+ CPUs?\)", page)


def test_an_interrupted_run_is_named() -> None:
    plain = made({ONE: (0.1,)})
    found = paragraphs(build_context([plain, pieces.replace(plain, complete=False)]))
    assert any(said.startswith("Run 2: The run was interrupted") for said in found)


def test_settings_to_reproduce_are_in_the_order_of_the_table_and_name_their_run() -> None:
    assert exports(of_two_sizes(ONE)) == [f"{ONE} at batch sizes 100 and 500"]
    one, two = of_two_sizes(TWO), of_two_sizes(ONE, threads=1)
    two = pieces.replace(two, machine=pieces.machine("Another CPU"))
    assert exports(one, two) == [
        f"{TWO} at batch sizes 100 and 500 (run 1)",
        f"{ONE} at batch sizes 100 and 500 (run 2)",
    ]


def test_equal_settings_stand_once() -> None:
    context = build_context([of_two_sizes(TWO), of_two_sizes(TWO)])
    read = Page(str(summary.render(context))).text
    merged = f"{TWO} at batch sizes 100 and 500 (run 1); {TWO} at batch sizes 100 and 500 (run 2)"
    assert merged in read
    assert read.count("export OPENBLAS_NUM_THREADS=2") == 1
