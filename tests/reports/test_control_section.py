"""The control: never ranked, always judged, and what it says of the run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median

import msgspec
import pytest

from bench.documents.results import Failed, Results
from bench.stats.estimates import detectable
from bench.stats.verdicts import MARGIN, readable
from impls.registry import ROWS
from impls.row import Row
from reports import build_report
from reports.facts import aa_control
from reports.gather import build_context
from reports.section import Absence
from reports.sections import control as section
from reports.templates import sentence
from tests.reports import pieces, sample
from tests.reports.repeated import with_control
from tests.reports.test_summary import made, said

BASELINE = next(row.name for row in ROWS if row.rung == 0)
ONE, TWO = (row.name for row in ROWS if row.rung in (1, 2))
STEADY = (1.0, 1.0, 1.0, 1.0)


def document(slower: Sequence[float]) -> Results:
    """The control takes so many times as long, block by block."""
    plain = made({BASELINE: (0.8, 0.81, 0.8, 0.79), ONE: (0.1, 0.101, 0.1, 0.099)})
    return with_control(plain, ONE, lambda block: slower[block])


def brief(slower: float) -> Results:
    """A single block."""
    return with_control(made({BASELINE: (0.8,), ONE: (0.1,)}), ONE, lambda _: slower)


def shown(*results: Results) -> str:
    body = section.render(build_context(results))
    assert not isinstance(body, Absence)
    return str(body)


def test_a_control_is_neither_ranked_nor_charted_nor_an_implementation() -> None:
    context = build_context([document((0.5,) * 4)])
    assert context.trainers == (BASELINE, ONE)
    assert [name for _, name in context.ladder] == [BASELINE, ONE]
    assert {name for name, _, _ in context.points} == {BASELINE, ONE}
    assert [one.best.implementation for one in context.winners] == [ONE]
    assert {key.implementation for key in context.controls} == {ONE}
    page = build_report([document((0.5,) * 4)])
    control = next(row.name for row in context.results[0].rows if row.role == "control")
    assert f'data-implementation="{control}"' not in page


def test_a_control_equal_to_its_original_is_the_same() -> None:
    body = shown(document((1.001, 0.999, 1.0, 1.0)))
    assert "Of 1 comparison none is a false alarm" in body
    assert ">same<" in body
    assert "The same within 3 %" in body


def test_a_control_that_differs_is_a_false_alarm_and_called_so() -> None:
    alarming = document((1.2, 1.21, 1.2, 1.19))
    body = shown(alarming)
    assert "1 of 1 comparison is a false alarm" in body
    assert "<b>slower</b><small>a false alarm</small>" in body
    remark = aa_control.remark(build_context([alarming]))
    assert "slower, a false alarm." in remark


def test_too_few_blocks_cannot_show_a_false_alarm_but_how_far_the_same_code_differed() -> None:
    few = brief(2.95)
    warned = (
        "The same code differed by a factor of 2.95 in this run. "
        "Treat smaller differences as noise."
    )
    body = shown(few)
    assert f"blocks there is no verdict, so none can be a false alarm. {warned}" in body
    assert "Of 1 comparison" not in body
    remark = aa_control.remark(build_context([few]))
    assert "in too few blocks for a verdict. " + warned in remark
    assert "false alarm" not in remark


def test_a_control_within_the_margin_warns_of_nothing() -> None:
    assert "Treat smaller" not in shown(brief(1.02))
    assert "Treat smaller" not in shown(document((1.001, 0.999, 1.0, 1.0)))


def test_an_open_control_beyond_the_margin_warns_of_smaller_factors() -> None:
    remark = aa_control.remark(build_context([document((0.5, 1.0, 0.4, 1.1))]))
    assert ", unclear. The same code differed by a factor of 1.460 in this run. " in remark
    assert "Treat smaller differences as noise unless their verdict is clear." in remark


def test_the_remark_names_the_ratio_and_what_the_run_can_find() -> None:
    found = said(document((1.001, 0.999, 1.0, 1.0)))
    remark = next(one for one in found if one.startswith("Control: "))
    assert remark.startswith(f"Control: {ONE} against itself under a second name is 1.000 times")
    assert "the same within 3 %." in remark
    context = build_context([document((1.001, 0.999, 1.0, 1.0))])
    (speed_up,) = context.verdicts.values()
    size = detectable(speed_up.ratio)
    assert size is not None
    assert (
        f"This run can detect a difference of {100 * size:.1f} % with 80 % power "
        "(one comparison over 4 blocks)."
    ) in remark


def test_several_controls_are_counted_by_verdict() -> None:
    many = with_control(sample.document(), ONE, lambda block: (1.0, 1.02, 0.985)[block])
    remark = aa_control.remark(build_context([many]))
    assert re.search(r"8 comparisons: .*8? ?\w+; no false alarm\.", remark)


def test_the_power_of_a_run_is_the_median_and_the_largest_by_blocks() -> None:
    context = build_context([sample.document()])
    found = {one.blocks: one for one in aa_control.power(context) if one.blocks == 3}
    number = context.judged.comparisons(context.scopes[0])
    assert number > len(context.verdicts)
    sizes = [
        size
        for verdict in context.verdicts.values()
        if verdict.ratio.blocks == 3
        and (size := detectable(verdict.ratio, comparisons=number)) is not None
    ]
    assert (found[3].usual, found[3].worst) == (median(sizes), max(sizes))
    assert (found[3].ratios, found[3].comparisons) == (len(sizes), number)
    assert number > 1
    assert sentence("remarks", "power", power=found[3]).endswith(
        f" in one of {number} comparisons with 80 % power (median of {len(sizes)} over 3 blocks)."
    )


def test_a_factor_that_no_run_shows_is_said_in_plain_words_and_in_full_in_its_section() -> None:
    wide = with_control(made({ONE: (0.1, 0.1, 0.1)}), ONE, lambda block: (0.3, 1.0, 4.0)[block])
    (found,) = aa_control.power(build_context([wide]))
    assert found.usual > 1
    remark = aa_control.remark(build_context([wide]))
    factor = readable(1 + found.usual)
    assert remark.endswith(f"With 3 blocks this run can only detect factors above {factor}.")
    assert f"This run can detect a factor of {factor}" in shown(wide)


def test_each_table_of_comparisons_has_its_own_power() -> None:
    alone = document(STEADY)
    two = made({BASELINE: (0.8, 0.81, 0.8, 0.79), ONE: (0.1, 0.101, 0.1, 0.099), TWO: (0.2,) * 4})
    found = aa_control.power(build_context([alone, two]))
    assert [(one.comparisons, one.ratios) for one in found] == [(1, 1), (3, 2)]


def test_without_a_baseline_the_controls_show_the_power() -> None:
    plain = made({ONE: (0.1, 0.102, 0.1, 0.099)})
    context = build_context([with_control(plain, ONE, lambda block: 1 + block / 100)])
    assert [one.ratios for one in aa_control.power(context)] == [1]
    assert "judged by the control" in shown(*context.results)


def test_scatter_is_split_into_two_levels() -> None:
    cell = made({ONE: (0.1,)}).outcomes[0].cell
    rounds = ((0.1, 0.102), (0.11, 0.112), (0.1, 0.102))
    outcomes = tuple(
        pieces.measured(cell, block=block, epoch=some) for block, some in enumerate(rounds)
    )
    (found,) = aa_control.scatter(build_context([sample.document(outcomes=outcomes)]))
    assert (found.name, found.cells) == (ONE, 1)
    assert found.within == pytest.approx(0.0138, abs=1e-3)
    assert found.between == pytest.approx(0.054, abs=2e-3)


def test_without_a_control_the_section_says_how_to_get_one() -> None:
    body = section.render(build_context([made({ONE: (0.1, 0.1, 0.1)})]))
    assert isinstance(body, Absence)
    assert "mlpbench run adds such a control unless --bare is given" in body.reason


def test_a_control_that_failed_is_named_among_what_was_not_measured() -> None:
    run = document(STEADY)
    name = next(row.name for row in run.rows if row.role == "control")
    outcomes = tuple(
        Failed(cell=one.cell, block=0, reason="killed") if one.cell.implementation == name else one
        for one in run.outcomes
    )
    failed = pieces.replace(run, outcomes=outcomes)
    body = section.render(build_context([failed]))
    assert isinstance(body, Absence)
    assert body.reason.startswith("The control of this run was not measured")
    assert any(one.startswith(f"{name}: failed") for one in said(failed))


def test_what_a_document_knows_of_its_rows_comes_before_the_registry() -> None:
    plain = made({BASELINE: (0.8,), "their:Trainer": (0.5,), "their:limit": (0.05,)})
    theirs = (
        Row("their:Trainer", "their:Trainer", "theirs", rung=0),
        Row("their:limit", "their:limit", "their floor", role="floor"),
        msgspec.convert(
            {"name": BASELINE, "target": "x:Y", "summary": "demoted", "rung": None}, Row
        ),
    )
    context = build_context([pieces.replace(plain, rows=theirs)])
    assert context.baseline == "their:Trainer"
    assert context.floors == {"cpu": "their:limit"}
    assert context.rows[BASELINE].summary == "demoted"
    assert context.implementations == (BASELINE, "their:Trainer", "their:limit")
    assert context.margin == MARGIN
