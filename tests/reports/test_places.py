"""What came out differently in some cells names them, in sentences and in the correctness table."""

from __future__ import annotations

from bench.documents.results import Invalid, Outcome, Results
from bench.documents.timings import Check
from bench.planning.plan import Cell
from impls.registry import ROWS
from reports.answer import paragraphs
from reports.context import Context
from reports.gather import build_context
from reports.remarks import cells_in_words, gap_sentences
from reports.sections.correctness import render
from tests.reports import pieces, sample
from tests.reports.reading import Page

ONE, TWO = (row.name for row in ROWS if row.rung in (1, 2))
GOOD = Check(name="loss", error=1e-7, tolerance=1e-5, place="at [0]: 1 instead of 2")
BAD = Check(name="loss", error=0.5, tolerance=1e-5, place="at [7]: 3 instead of 4")


def cell(name: str, batch_size: int, threads: int) -> Cell:
    return Cell(
        implementation=name, device="cpu", network="blog", batch_size=batch_size, threads=threads
    )


def refused(name: str, batch_size: int, threads: int, reason: str = "wrong") -> Invalid:
    return Invalid(cell=cell(name, batch_size, threads), block=0, reason=reason, gate=(BAD,))


def good(name: str, batch_size: int, threads: int) -> Outcome:
    asked = cell(name, batch_size, threads)
    return pieces.measured(asked, block=0, epoch=[1.0], checks=(GOOD,))


def context(*outcomes: Outcome) -> Context:
    document: Results = sample.document(
        sample.Shape(batch_sizes=(100, 500), threads=(1, 2)), outcomes=outcomes
    )
    return build_context([document])


MIXED = (good(ONE, 100, 1), refused(ONE, 500, 1), refused(ONE, 100, 2), refused(ONE, 500, 2))


def test_a_refusal_names_its_cells_where_others_passed() -> None:
    said = " ".join(paragraphs(context(*MIXED)))
    assert (
        f"{ONE}: invalid (3 outcomes: batch 500 with 1 thread; batch 100 and 500 with 2 threads): "
        "wrong." in said
    )


def test_two_reasons_have_their_cells_each() -> None:
    said = paragraphs(
        context(refused(ONE, 100, 1), refused(ONE, 500, 1, "worse"), good(TWO, 100, 1))
    )
    assert f"{ONE}: invalid (1 outcome: batch 100 with 1 thread): wrong." in said
    assert f"{ONE}: invalid (1 outcome: batch 500 with 1 thread): worse." in said


def test_what_is_refused_everywhere_needs_no_place() -> None:
    said = paragraphs(context(refused(ONE, 100, 1), refused(ONE, 500, 1), good(TWO, 100, 1)))
    assert f"{ONE}: invalid (2 outcomes): wrong." in said


def test_implementations_with_the_same_reason_share_a_sentence() -> None:
    same = context(refused(ONE, 100, 1), refused(TWO, 100, 1))
    assert gap_sentences(same) == (f"{ONE}, {TWO}: invalid (1 outcome each): wrong.",)
    more = context(refused(ONE, 100, 1), refused(ONE, 500, 1), refused(TWO, 100, 1))
    assert gap_sentences(more) == (
        f"{ONE}: invalid (2 outcomes): wrong.",
        f"{TWO}: invalid (1 outcome): wrong.",
    )


def test_conditions_with_the_same_batch_sizes_stand_together() -> None:
    found = context(*MIXED)
    both = [(condition, 500) for condition in found.conditions]
    assert cells_in_words(found, both) == "batch 500 with 1 thread and 2 threads"


def test_passed_and_refused_cells_have_rows_of_their_own() -> None:
    read = Page(str(render(context(*MIXED, good(TWO, 100, 1))))).text
    assert f"{ONE} batch 100 with 1 thread passed 1 of 1" in read
    assert f"{ONE} batch 500 with 1 thread; batch 100 and 500 with 2 threads refused 0 of 1" in read
    assert f"{TWO} passed 1 of 1" in read
    assert "was refused (3 outcomes: batch 500 with 1 thread; batch 100" in read


def test_the_place_of_a_failure_is_said_once() -> None:
    read = Page(str(render(context(refused(ONE, 100, 1))))).text
    assert "largest at [7]: 3 instead of 4" in read
    assert "at at" not in read
