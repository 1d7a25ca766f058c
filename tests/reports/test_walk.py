"""The walk up the ladder as a page: every rung, exact gains, and documents that lack something."""

from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import pytest

from bench.documents.results import Results
from impls.numba import registers as numba_registers
from impls.numba import sparse as numba_sparse
from impls.numpy import optimized as numpy_optimized
from impls.registry import ROWS
from reports import markdown
from reports.ladder_page import measured
from reports.ladder_page.page import EXPLANATIONS, build_walk, stops
from tests.reports import pieces, sample

NAMES = tuple(row.name for row in stops())
RUNGS = {row.name: row.rung for row in ROWS if row.rung is not None}
FLOOR = NAMES[-1]
SECONDS = {name: 9.0 / 3**place for place, name in enumerate(NAMES)}
"""Each stop takes a third of the time of the one before."""
TIMES = "\N{MULTIPLICATION SIGN}"


def document(names: tuple[str, ...] = NAMES, blocks: int = 3, **changes: object) -> Results:
    """Every process of a stop took the same time; phases share it."""
    shape = sample.Shape(names, (500,), (1,), blocks=blocks, outcomes=False)
    outcomes = [
        pieces.measured(
            outcome.cell,
            block=outcome.block,
            epoch=[SECONDS[outcome.cell.implementation]],
            phases=[("forward", [SECONDS[outcome.cell.implementation] / 240])],
        )
        for outcome in sample.document(shape).outcomes
    ]
    return sample.document(shape, **({"outcomes": tuple(outcomes)} | changes))


def page_of(results: Results) -> str:
    return build_walk(results, Path("docs/r.json"), Path("docs/p.md"), "mlpbench walk r.json")


def stop(page: str, name: str) -> str:
    """What the page says below the heading ``name``."""
    return re.split(r"^## ", page.partition(f"\n## {name}\n")[2], flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of all table rows."""
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]


def test_numbers_in_the_words_are_those_of_the_code() -> None:
    words = " ".join(said.change + said.why for said in EXPLANATIONS.values())
    blocks = math.ceil(pieces.BLOG.layers[1] / 16)
    assert (blocks, numba_registers.ROWS[blocks] if numba_registers.LANES == 16 else 4) == (5, 4)
    assert "a result of 4 rows and 80 columns" in words
    assert numpy_optimized.TILE_ROWS == 1000
    assert "a thousand rows at a time" in words
    assert numba_registers.ROWS_AHEAD == 8
    assert "eight rows ahead" in words
    assert numba_sparse.DENSE_FROM == 1 / 5
    assert "fewer than a fifth" in words
    assert numba_sparse.GROUP == 8
    assert "eight numbers at a time" in words


def test_most_rounds_disturbed_make_a_page_provisional() -> None:
    said = "do not conclude anything"
    assert said not in page_of(document())
    times = [pieces.disturbance(waited=waited) for waited in (1.0, 0.0, 1.0)]
    outcomes = tuple(
        pieces.measured(one.cell, block=one.block, epoch=[1.0] * 3, disturbances={"epoch": times})
        for one in document().outcomes
    )
    page = page_of(document(outcomes=outcomes))
    assert said in page
    assert f"Disturbed: {2 * len(outcomes)} of {3 * len(outcomes)} rounds" in page


def test_every_rung_of_the_registry_has_an_explanation() -> None:
    targets = {row.target for row in ROWS}
    assert {row.target for row in ROWS if row.rung is not None} <= EXPLANATIONS.keys() <= targets


def test_the_walk_goes_up_the_rungs_and_ends_at_the_limit() -> None:
    assert [row.rung for row in stops() if row.rung is not None] == sorted(RUNGS.values())
    assert [row.role for row in stops()] == ["trainer"] * (len(NAMES) - 1) + ["floor"]
    headings = re.findall(r"^## (.+)$", page_of(document()), flags=re.MULTILINE)
    assert headings == ["All stops", *NAMES]


@pytest.mark.parametrize("target", EXPLANATIONS)
def test_an_explanation_says_what_changes_and_why_in_a_few_sentences(target: str) -> None:
    said = EXPLANATIONS[target]
    assert said.change
    assert 2 <= len(re.findall(r"[.](?: |$)", said.why)) <= 7
    assert said.excerpts
    assert said.change.count("`") % 2 == said.why.count("`") % 2 == 0


def test_gains_are_those_over_the_stop_before_over_the_baseline_and_of_the_floor() -> None:
    second, third = NAMES[1:3]
    heading, _, row, *_ = rows(stop(page_of(document()), third))
    assert heading == [
        "with",
        "batch",
        "epoch",
        f"over {second}",
        f"over {NAMES[0]}",
        "times the floor's time",
    ]
    assert row[:5] == [
        "1 thread",
        "500",
        "1.00 s",
        f"3.00 {TIMES} (3.00 to 3.00)",
        f"9.00 {TIMES} (9.00 to 9.00)",
    ]
    assert row[5].startswith(f"{3 ** (len(NAMES) - 3):.3g} {TIMES}")


def test_the_baseline_is_held_against_nothing_but_the_floor() -> None:
    heading, *_ = rows(stop(page_of(document()), NAMES[0]))
    assert heading == ["with", "batch", "epoch", "times the floor's time"]


def test_the_floor_is_no_gain_over_the_last_stop() -> None:
    heading, *_ = rows(stop(page_of(document()), FLOOR))
    assert heading == ["with", "batch", "epoch", f"over {NAMES[0]}"]


def test_phases_stand_beside_those_of_the_stop_before() -> None:
    text = stop(page_of(document()), NAMES[1])
    # An epoch has 120 batches, and the phase took a 240th part of it in each.
    assert ["forward", "4.50 s → 1.50 s"] in rows(text)


def test_with_fewer_than_three_processes_it_is_said_that_there_are_no_intervals() -> None:
    page = page_of(document(blocks=1))
    assert "There are no intervals: fewer than 3 processes were measured." in page
    assert rows(stop(page, NAMES[1]))[2][3] == f"3.00 {TIMES}"


def test_a_gain_that_is_none_carries_its_verdict() -> None:
    page = page_of(sample.document(sample.Shape(NAMES, outcomes=False)))
    gains = [row[3] for name in NAMES[1:-1] for row in rows(stop(page, name)) if len(row) == 6]
    verdicts = {gain.rpartition("), ")[2] for gain in gains}
    assert verdicts & {"same", "slower", "unclear", "likely faster", "likely slower"}


def test_a_missing_rung_is_said_and_the_next_is_compared_with_the_last_one_measured() -> None:
    page = page_of(document((*NAMES[:2], *NAMES[4:])))
    assert "Not in these results: not asked for." in stop(page, NAMES[2])
    assert "Not in these results: not asked for." in stop(page, NAMES[3])
    heading, _, row, *_ = rows(stop(page, NAMES[4]))
    assert heading[3:] == [f"over {NAMES[1]}", f"over {NAMES[0]}", "times the floor's time"]
    assert row[3] == f"27.0 {TIMES} (27.0 to 27.0)"


def test_a_document_without_outcomes_still_explains() -> None:
    page = page_of(document((), outcomes=()))
    assert "Nothing was measured." in page
    assert page.count("Not in these results: ") == len(NAMES)
    assert page.count("**Why.**") == len(NAMES)


def test_every_outcome_and_condition_has_its_place() -> None:
    settings: tuple[tuple[tuple[str, str | None], ...], ...] = ((), (("X", "a|b"),))
    page = page_of(sample.document(sample.Shape(settings=settings)))
    assert "1 thread, X=a|b" not in page, "it would be two cells"
    widths = [len(row) for row in rows(stop(page, NAMES[2]))]
    assert [width for width, _ in itertools.groupby(widths)] == [6, 5]


def test_another_network_is_said_to_be_another_and_nothing_published_stands_beside_it() -> None:
    theirs = page_of(document())
    assert "Sizes in the text" not in theirs
    said = (
        "The articles that this ladder follows went from numpy-naive to numpy-float32 in one step"
    )
    assert f"{said} and gained 4.36 {TIMES} at batch 500 on" in stop(theirs, "numpy-float32")
    assert theirs.count("The articles that this ladder follows went from") == 3
    smaller = sample.Network(name="blog", layers=(784, 20, 10))
    page = page_of(document(plan=pieces.replan(document().plan, network=smaller)))
    assert "Sizes in the text are those of a network 784-70-30-10" in page
    assert "The articles that this ladder" not in page


def test_what_documents_hold_is_no_markup() -> None:
    hostile = "<b>|`x`|</b> [a](b)"
    machine = pieces.replace_machine(document().machine, cpu=hostile)
    page = page_of(document(machine=machine, command="mlpbench ``` run"))
    assert "<b>" not in page
    assert "[a](b)" not in page
    assert "````console\nmlpbench ``` run\n````" in page


def test_the_head_says_what_was_measured_on_what() -> None:
    page = page_of(document()).partition("## All stops")[0]
    for what in ("Processor: Example CPU", "4 usable CPUs", "CPython 3.11.9", "numpy 2.4.0",
                 "OMP&#95;WAIT&#95;POLICY=active", "2026-11-21", "mlpbench run --impl all",
                 "mlpbench walk r.json", "[r.json](r.json)"):  # fmt: skip
        assert what in page


@pytest.mark.parametrize(
    ("share", "expected"),
    [(1, "█" * 16), (0.5, "█" * 8), (1 / 128, "▏"), (0, "▏"), (9 / 128, "█▏")],
)
def test_bars_are_true_to_an_eighth_of_a_character(share: float, expected: str) -> None:
    assert measured.bar(share) == expected


def test_links_lead_from_the_page_to_the_sources(tmp_path: Path) -> None:
    source = Path(measured.__file__)
    found = markdown.path_from(tmp_path / "deep" / "page.md", source)
    (tmp_path / "deep").mkdir()
    assert (tmp_path / "deep" / found).resolve() == source.resolve()
