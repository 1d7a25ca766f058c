"""Verdicts in sentences, tables and titles, on documents small enough to reckon by hand."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from rich.console import Console

from bench.cli import main
from bench.documents import files
from bench.documents.results import Results
from bench.stats.verdicts import Kind
from impls.registry import ROWS
from reports import answer, build_report
from reports.context import Context, Winner
from reports.gather import build_context
from reports.terminal import epoch_tables
from tests.reports import pieces, sample
from tests.reports.test_summary import cell, made

BASELINE = next(row.name for row in ROWS if row.rung == 0)
FLOOR = next(row.name for row in ROWS if row.is_floor)
ONE, TWO = (row.name for row in ROWS if row.rung in (1, 2))

STEADY = (0.8, 0.804, 0.796, 0.8)
EQUAL = (0.801, 0.803, 0.797, 0.8)
OPEN = (0.8, 0.77, 0.83, 0.81)


def lead(document: Results, margin: float = 0.03) -> Winner:
    return build_context([document], margin).winners[0]


def test_each_kind_of_lead_is_judged() -> None:
    rivals: dict[Kind, tuple[float, ...]] = {
        "faster": (0.9, 0.9, 0.89, 0.91),
        "same": EQUAL,
        "unclear": (0.8, 0.7, 0.95, 0.9),
    }
    for kind, rival in rivals.items():
        verdict = lead(made({ONE: STEADY, TWO: rival})).verdict
        assert verdict is not None
        assert verdict.kind == kind
        settled = re.search(r"About (\d+) blocks would settle it\.$", verdict.reason)
        assert (settled is not None) == (kind == "unclear")
        assert verdict.blocks == (int(settled[1]) if settled else None)


def test_a_rival_that_scatters_keeps_a_clear_lead_from_counting() -> None:
    rivals = {TWO: (0.9, 0.9, 0.89, 0.91), BASELINE: (0.8, 1.2, 0.85, 1.0)}
    found = lead(made({ONE: STEADY, **rivals}))
    assert found.verdict is not None
    assert found.verdict.kind == "faster"
    assert found.undecided == (BASELINE,)


def test_a_rival_counts_under_all_conditions_not_only_its_best() -> None:
    times = {1: (0.92, 1.3, 0.81, 0.95), 2: (0.9, 0.9, 0.89, 0.91)}
    outcomes = [
        pieces.measured(cell(TWO, threads=threads), block=block, epoch=[seconds])
        for threads, some in times.items()
        for block, seconds in enumerate(some)
    ]
    ours = made({ONE: STEADY}).outcomes
    document = sample.document(sample.Shape(batch_sizes=(500,)), outcomes=(*ours, *outcomes))
    found = build_context([document]).winners[0]
    assert found.verdict is not None
    assert found.verdict.kind == "faster"
    assert found.undecided == (TWO,)


def test_the_margin_decides_what_is_the_same() -> None:
    document = made({ONE: STEADY, TWO: (0.84, 0.844, 0.836, 0.84)})
    kinds = [one.kind for m in (0.03, 0.1) if (one := lead(document, margin=m).verdict) is not None]
    assert kinds == ["faster", "same"]
    assert "margin of 10 %" in build_report([document], margin=0.1)


@pytest.mark.parametrize(
    ("epochs", "words"),
    [(EQUAL, "same"), ((0.8, 0.7, 0.78, 0.75), "unclear"), ((0.4, 0.402, 0.398, 0.4), "")],
)
def test_each_kind_of_speed_up_has_its_words(epochs: tuple[float, ...], words: str) -> None:
    # As a matter of names alone the baseline could win a draw: it takes a little longer here.
    slow = tuple(seconds * 1.001 for seconds in STEADY)
    fast = tuple(seconds * 0.999 for seconds in epochs)
    said = answer.headline(build_context([made({BASELINE: slow, ONE: fast})]))
    assert said.endswith(f", {words})." if words else ").")
    assert any(word in said for word in ("same", "unclear")) == bool(words)


@pytest.fixture(scope="module")
def three() -> Results:
    """One the same as the baseline, one unclear, and a floor, which is never judged."""
    return made({BASELINE: STEADY, ONE: EQUAL, TWO: OPEN, FLOOR: (0.1, 0.1, 0.1, 0.1)})


def test_neither_the_baseline_nor_a_floor_is_judged(three: Results) -> None:
    context = build_context([three])
    assert {key.implementation for key in context.verdicts} == {ONE, TWO}


def test_scopes_are_families_of_their_own() -> None:
    single, both = (build_context([made({BASELINE: STEADY, ONE: EQUAL})] * n) for n in (1, 2))
    assert len({key.condition.scope for key in both.verdicts}) == 2
    assert list(both.verdicts.values()) == list(single.verdicts.values()) * 2


def cells_of(page: str, section: str) -> str:
    found = re.search(rf'<section id="{section}".*?</section>', page, re.DOTALL)
    assert found
    return found[0]


def test_the_overview_marks_what_is_the_same_or_unclear_with_the_reason(three: Results) -> None:
    context = build_context([three])
    overview = cells_of(build_report([three]), "overview")
    kinds = {key.implementation: verdict.kind for key, verdict in context.verdicts.items()}
    assert kinds == {ONE: "same", TWO: "unclear"}
    assert re.search(r'class="of-base">[^<]* same</small>', overview)
    assert re.search(r'class="of-base">[^<]* unclear</small>', overview)
    for verdict in context.verdicts.values():
        assert overview.count(html.escape(verdict.reason)) == 1


def test_the_ladder_judges_its_gains(three: Results) -> None:
    ladder = cells_of(build_report([three]), "ladder")
    assert "<small>same</small>" in ladder
    assert "<small>unclear</small>" in ladder
    assert "Verdicts on the gains of the rungs" in ladder
    assert 'title="The same within 3 %' in ladder


def test_the_summary_table_gives_the_reason_of_every_lead(three: Results) -> None:
    page = build_report([three])
    context = build_context([three])
    verdict = context.winners[0].verdict
    assert verdict is not None
    assert cells_of(page, "summary").count(html.escape(verdict.reason)) == 2


def test_too_few_blocks_are_no_ranking() -> None:
    page = build_report([made({ONE: (0.1,), TWO: (0.9,)})])
    assert "too few blocks to rank" in page
    assert "At least 3 blocks are needed." in page


def table_of(context: Context) -> str:
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(epoch_tables(context, console.width))
    return " ".join(captured.get().split())


def test_the_terminal_marks_what_is_the_same_or_unclear(three: Results) -> None:
    shown = table_of(build_context([three]))
    assert "\N{MULTIPLICATION SIGN} =" in shown
    assert "\N{MULTIPLICATION SIGN} ?" in shown
    assert "= the same within 3 %, ? unclear" in shown
    few = table_of(build_context([made({BASELINE: (0.8,), ONE: (0.1,)})]))
    assert "? unclear: fewer than 3 blocks" in few
    plain = table_of(build_context([made({BASELINE: STEADY, ONE: (0.1, 0.1, 0.101, 0.1)})]))
    assert "unclear" not in plain


def test_the_method_names_the_verdicts_and_the_margin() -> None:
    method = cells_of(build_report([made({ONE: STEADY})], margin=0.07), "method")
    assert "margin of 7 %" in method
    for word in ("faster, slower", "same", "likely faster, likely slower", "unclear"):
        assert f"<dt>{word}</dt>" in method


def test_report_judges_at_the_margin_that_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = made({ONE: STEADY, TWO: (0.84, 0.844, 0.836, 0.84)})
    files.save(document, tmp_path / "results.json")
    page = tmp_path / "report.html"
    arguments = ["report", str(tmp_path / "results.json"), "-o", str(page)]
    assert main(arguments) == 0
    assert "may be as fast" not in capsys.readouterr().out
    assert main([*arguments, "--margin", "10%"]) == 0
    assert "is as fast at batch 500" in capsys.readouterr().out
    assert "margin of 10 %" in page.read_text()
