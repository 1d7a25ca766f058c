"""Documents hold whatever was measured: each of these must give a page that makes sense."""

from __future__ import annotations

import pytest

from bench.documents.results import Failed, Measured, Results, Unavailable, Unverified
from impls.registry import ROWS
from reports import build_report
from reports.answer import paragraphs
from reports.gather import build_context
from tests.reports import pieces, sample
from tests.reports.reading import Page

SMALL = {"batch_sizes": (500,), "threads": (1,), "blocks": 1, "rounds": 2, "epoch_rounds": 2}
KNOWN = {row.name: row for row in ROWS}
FLOOR = next(name for name, row in KNOWN.items() if row.is_floor)
BASELINE = next(name for name, row in KNOWN.items() if row.rung == 0)
OTHERS = tuple(n for n, row in KNOWN.items() if row.rung is None and row.role == "trainer")


def small(**changes: object) -> Results:
    return sample.document(sample.Shape(**(SMALL | changes)))  # type: ignore[arg-type]


def shown(*documents: Results) -> Page:
    page = Page(build_report(documents))
    assert page.unbalanced == []
    assert len(page.ids) == len(set(page.ids))
    assert "nan" not in page.text.lower().split()
    return page


def linked(page: Page) -> set[str]:
    return {str(one.get("href"))[1:] for one in page.all("a")}


def test_one_cell_in_one_block_leaves_out_what_needs_more() -> None:
    page = shown(small(names=(BASELINE,), outcomes=False))
    assert "part-scaling" not in linked(page)
    assert "Only one batch size was measured" in page.text
    assert "Fewer than two thread counts were measured" in page.text
    assert f"Lowest time at batch 500: {BASELINE} with 1 thread, the baseline." in page.text


def test_without_floor_and_baseline_no_ratio_is_invented() -> None:
    page = shown(small(names=OTHERS, outcomes=False))
    assert "No floor was measured" in page.text
    assert " as fast as " not in page.text.split("Overview")[0]
    assert "GFLOP/s" in page.text


def test_the_floor_alone_is_no_answer() -> None:
    page = shown(small(names=(FLOOR,), outcomes=False))
    assert "No implementation was measured, so nothing can be compared" in page.text


def test_only_failures_are_told_with_their_reasons() -> None:
    document = small(names=(BASELINE, FLOOR), outcomes=False)
    outcomes = tuple(
        Failed(cell=one.cell, block=0, reason="exit code 9", detail="Killed")
        for one in document.outcomes
    )
    page = shown(pieces.replace(document, outcomes=outcomes))
    assert "Nothing was measured" in page.text
    assert f"{BASELINE}, {FLOOR}: failed (1 outcome each): exit code 9: Killed." in page.text
    assert "Killed" in page.text
    assert linked(page) == {"main", "part-result", "part-details"} | {
        link for link in linked(page) if link.startswith("ata:")
    }


def test_no_outcome_at_all_still_gives_a_page() -> None:
    page = shown(pieces.replace(small(), outcomes=(), complete=False))
    assert "The run was interrupted" in page.text


def test_an_unverified_cell_is_kept_out_of_every_ranking() -> None:
    document = small(names=(BASELINE, OTHERS[0]), outcomes=False)
    fast = next(one for one in document.outcomes if one.cell.implementation == OTHERS[0])
    assert isinstance(fast, Measured)
    unverified = Unverified(cell=fast.cell, block=0, reason="2 threads reported", measured=fast)
    outcomes = (*(one for one in document.outcomes if one is not fast), unverified)
    context = build_context([pieces.replace(document, outcomes=outcomes)])
    said = " ".join(paragraphs(context))
    assert f"Lowest time at batch 500: {BASELINE}" in said
    assert f"{OTHERS[0]}: unverified (1 outcome): 2 threads reported." in said
    shown(*context.results)


def test_unset_threads_are_called_so() -> None:
    page = shown(small(threads=(None,), outcomes=False))
    assert "with threads unset" in page.text


def test_settings_are_told_apart() -> None:
    settings = ((("OMP_WAIT_POLICY", "active"),), (("OMP_WAIT_POLICY", None),))
    page = shown(small(settings=settings, outcomes=False))
    assert "1 thread, OMP_WAIT_POLICY=active" in page.text
    assert "1 thread, OMP_WAIT_POLICY unset" in page.text


def test_phases_alone_give_no_epoch() -> None:
    document = small(names=(BASELINE,), outcomes=False)
    one = document.outcomes[0]
    bare = pieces.measured(one.cell, block=0, phases=[("forward", [0.1])])
    page = shown(pieces.replace(document, outcomes=(bare,)))
    assert "not separable" in page.text
    assert "No epoch was measured, so nothing can be compared" in page.text


def test_an_epoch_is_reckoned_from_steps_where_none_was_timed() -> None:
    document = small(names=(BASELINE,), outcomes=False)
    cell = document.outcomes[0].cell
    steps = pieces.measured(cell, block=0, step=[0.01, 0.01])
    page = shown(pieces.replace(document, outcomes=(steps,)))
    assert "1.20 s †" in page.text
    assert "Where no whole epoch was timed, it is computed from steps" in page.text


def test_an_unavailable_implementation_is_listed_with_the_remedy() -> None:
    document = small(names=(BASELINE, OTHERS[0]), outcomes=False)
    cell = document.outcomes[-1].cell
    absent = Unavailable(cell=cell, reason="x not installed; install with: pip install 'y'")
    page = shown(pieces.replace(document, outcomes=(document.outcomes[0], absent)))
    assert "install with: pip install 'y'" in page.text


def test_documents_that_fit_together_form_one_grid() -> None:
    one = small(names=(BASELINE, OTHERS[0]), threads=(1,), outcomes=False)
    two = small(names=(BASELINE, OTHERS[0]), threads=(2,), outcomes=False, seed=8)
    page = shown(one, two)
    assert "part-scaling" in linked(page)
    assert "shown as separate runs" not in page.text


def test_documents_with_the_same_cells_are_kept_apart() -> None:
    one = small(names=(BASELINE, OTHERS[0]), outcomes=False)
    two = small(names=(BASELINE, OTHERS[0]), outcomes=False, seed=8)
    page = shown(one, two)
    assert "1 thread, run 1" in page.text
    assert "1 thread, run 2" in page.text
    assert "shown as separate runs" in page.text


def test_documents_of_two_machines_are_kept_apart() -> None:
    one = small(names=(BASELINE,), threads=(1,), outcomes=False)
    two = small(names=(OTHERS[0],), threads=(1,), outcomes=False)
    two = pieces.replace(two, machine=pieces.machine("Another CPU"))
    context = build_context([one, two])
    assert context.speed_ups.keys() == {
        key for key in context.points if key.implementation == BASELINE
    }
    assert "Another CPU" in shown(one, two).text


def test_documents_that_fed_a_network_differently_are_kept_apart() -> None:
    one = small(names=(BASELINE,), threads=(1,), outcomes=False)
    two = small(names=(OTHERS[0],), threads=(1,), outcomes=False)
    assert "shown as separate runs" not in shown(one, two).text
    dataset = pieces.replace(two.dataset, normalisation="range")
    page = shown(one, pieces.replace(two, dataset=dataset))
    assert "shown as separate runs" in page.text
    other = pieces.replace(two.plan.network, name="other")
    plan = pieces.replace(two.plan, network=other)
    outcomes = tuple(
        pieces.replace(one, cell=pieces.replace(one.cell, network="other")) for one in two.outcomes
    )
    page = shown(one, pieces.replace(two, dataset=dataset, plan=plan, outcomes=outcomes))
    assert "shown as separate runs" not in page.text


def test_ratios_across_blocks_are_called_unpaired() -> None:
    document = small(names=(BASELINE, OTHERS[0]), blocks=2, outcomes=False)
    outcomes = tuple(
        one
        for one in document.outcomes
        if isinstance(one, Measured) and one.block == (one.cell.implementation == BASELINE)
    )
    page = shown(pieces.replace(document, outcomes=outcomes))
    assert "no interval from 1 process on one side" in page.text
    assert "measured at different times" in page.text


def test_a_network_that_no_document_describes_has_no_rate() -> None:
    document = small(names=(BASELINE, FLOOR), outcomes=False)
    plan = pieces.replan(document.plan, network=pieces.network("another"))
    page = shown(pieces.replace(document, plan=plan))
    assert "unknown work" in page.text
    assert "GFLOP/s:" not in page.text
    assert "No shares: no document describes the training" in page.text


def test_one_process_gives_no_interval() -> None:
    page = shown(small(names=(BASELINE, OTHERS[0]), blocks=1, outcomes=False))
    assert "no interval from 1 process" in page.text


@pytest.mark.parametrize(("complete", "word"), [(False, "not begun"), (True, "not asked for")])
def test_a_cell_without_outcome_was_not_reached_only_if_the_run_was_interrupted(
    *, complete: bool, word: str
) -> None:
    whole = small()
    lost = whole.outcomes[0].cell
    rest = tuple(outcome for outcome in whole.outcomes if outcome.cell != lost)
    kept = build_context([whole])
    context = build_context([pieces.replace(whole, outcomes=rest, complete=complete)])
    condition = next(
        key.condition
        for key in kept.points
        if (key.implementation, key.batch_size) == (lost.implementation, lost.batch_size)
    )
    assert context.absence(lost.implementation, condition, lost.batch_size) == word


def test_what_runs_on_a_device_was_not_asked_for_with_fewer_threads() -> None:
    document = small(names=(BASELINE,), threads=(1, 2), outcomes=False)
    names = (BASELINE, "torch-gpu")
    plan = pieces.replan(document.plan, implementations=names, on_devices=names[1:])
    context = build_context([pieces.replace(document, plan=plan, complete=False)])
    words = [context.absence("torch-gpu", one, 500) for one in context.conditions]
    assert words == ["not asked for", "not begun"]
