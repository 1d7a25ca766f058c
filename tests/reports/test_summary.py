"""The answer in sentences, on documents small enough to reckon by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import pytest
from rich.console import Console

from bench.documents.results import Failed, Measured, Results
from bench.planning.plan import Cell
from impls.contract import Pool
from impls.registry import ROWS
from reports import answer, build_report
from reports.gather import build_context
from reports.remarks import export_line
from reports.terminal import epoch_tables
from tests.reports import pieces, sample

BASELINE = next(row.name for row in ROWS if row.rung == 0)
FLOOR = next(row.name for row in ROWS if row.is_floor)
ONE, TWO = (row.name for row in ROWS if row.rung in (1, 2))


def made(
    epochs: dict[str, Sequence[float]], *, batch_size: int = 500, threads: int | None = 2
) -> Results:
    """A document with one epoch round per block for each implementation."""
    outcomes = [
        pieces.measured(cell(name, batch_size, threads), block=block, epoch=[seconds])
        for name, blocks in epochs.items()
        for block, seconds in enumerate(blocks)
    ]
    shape = sample.Shape(batch_sizes=(batch_size,), threads=(threads,))
    return sample.document(shape, outcomes=tuple(outcomes))


def cell(name: str, batch_size: int = 500, threads: int | None = 2) -> Cell:
    return Cell(
        implementation=name, device="cpu", network="blog", batch_size=batch_size, threads=threads
    )


def said(*documents: Results) -> tuple[str, ...]:
    return answer.paragraphs(build_context(documents))


def test_an_interval_that_contains_one_is_unclear() -> None:
    document = made({ONE: (0.10, 0.11, 0.10), TWO: (0.105, 0.10, 0.11)})
    assert any(one.startswith(f"{TWO} may be as fast at batch 500.") for one in said(document))
    assert build_context([document]).winners[0].undecided == (TWO,)


def test_too_few_processes_are_counted_not_hidden() -> None:
    text = " ".join(said(made({BASELINE: (0.8,), ONE: (0.1,)})))
    assert "(no interval from 1 process)" in text
    assert "Not ranked: fewer than 3 blocks." in text


def test_the_floor_never_wins() -> None:
    document = made({ONE: (0.1,), FLOOR: (0.05,)})
    assert [one.best.implementation for one in build_context([document]).winners] == [ONE]


def test_the_best_thread_setting_of_each_implementation_counts() -> None:
    one = pieces.measured(cell(ONE, threads=1), block=0, epoch=[0.3])
    two = pieces.measured(cell(ONE, threads=2), block=0, epoch=[0.2])
    document = sample.document(sample.Shape(batch_sizes=(500,)), outcomes=(one, two))
    assert said(document)[0] == f"Lowest time at batch 500: {ONE} with 2 threads."


def test_export_lines_are_quoted_and_unset_what_was_unset() -> None:
    asked = Cell(
        implementation=ONE,
        device="cpu",
        network="blog",
        batch_size=500,
        threads=None,
        setting=(("A", "two words"), ("B", None)),
    )
    document = sample.document(outcomes=(pieces.measured(asked, block=0, epoch=[1.0]),))
    point = build_context([document]).winners[0].best
    assert export_line(point) == "unset B; export A='two words'"


@pytest.mark.parametrize(
    ("reason", "detail", "expected"),
    [
        ("exit code 1", "Traceback\nAttributeError: no G\n", "exit code 1: AttributeError: no G."),
        ("ValueError: odd", "Traceback\nValueError: odd", "ValueError: odd."),
        ("killed", "", "killed."),
    ],
)
def test_a_failure_is_told_with_the_last_words_of_its_worker(
    reason: str, detail: str, expected: str
) -> None:
    failed = Failed(cell=cell(ONE), block=0, reason=reason, detail=detail)
    document = msgspec.structs.replace(made({BASELINE: (0.8,)}), outcomes=(failed,))
    assert f"{ONE}: failed (1 outcome): {expected}" in said(document)


def test_what_was_not_measured_is_said_with_its_reason() -> None:
    failed = tuple(Failed(cell=cell(ONE), block=block, reason="killed") for block in range(3))
    assert said(sample.document(outcomes=failed))[:2] == (
        "Nothing was measured, so nothing can be compared.",
        f"{ONE}: failed (3 outcomes): killed.",
    )


def test_a_note_of_the_data_set_is_passed_on() -> None:
    document = made({ONE: (0.1,)})
    dataset = pieces.noted(document.dataset, "These are digits resized, not MNIST.")
    assert "These are digits resized, not MNIST." in said(pieces.replace(document, dataset=dataset))


def test_the_terminal_table_shows_times_ratios_and_outcomes() -> None:
    document = made({BASELINE: (0.8,), ONE: (0.1,), FLOOR: (0.05,)})
    failed = Failed(cell=cell("[bold]odd"), block=0, reason="killed")
    document = pieces.replace(document, outcomes=(*document.outcomes, failed))
    console = Console(width=100, record=True, color_system=None)
    with console.capture() as captured:
        console.print(epoch_tables(build_context([document]), console.width))
    shown = captured.get()
    lines = {line.split()[0]: line for line in shown.splitlines() if len(line.split()) > 1}
    assert "100 ms" in lines[ONE]
    assert "8.0 \N{MULTIPLICATION SIGN}" in lines[ONE]
    assert "failed" in lines["[bold]odd"]
    # The least time first; what has none comes last.
    places = [shown.rindex(name) for name in (FLOOR, ONE, BASELINE, "[bold]odd")]
    assert places == sorted(places)


def test_one_column_alone_has_intervals() -> None:
    steady = (0.1, 0.101, 0.1, 0.0995)
    context = build_context([made({BASELINE: tuple(8 * one for one in steady), ONE: steady})])
    console = Console(width=80, record=True, color_system=None)
    with console.capture() as captured:
        console.print(epoch_tables(context, console.width))
    assert re.search(r"8\.\d+ \N{MULTIPLICATION SIGN}  \(\S+ to \S+\)", captured.get())


def test_the_spread_of_one_round_is_not_called_none() -> None:
    page = build_report([made({ONE: (0.1,), TWO: (0.1, 0.1)})])
    assert '<small class="of-spread">one round</small>' in page
    assert page.count('<small class="of-spread">0.0 %</small>') == 1
    assert '<td class="number dim">one round</td>' in page


def test_products_at_half_the_width_are_said() -> None:
    document = sample.document()
    assert not any("vector register" in sentence for sentence in said(document))
    able = msgspec.structs.replace(document.machine, vectors="AVX-512")
    narrow = Pool(library="openblas (x.so)", version="1", threads=1, detail="pthreads, Haswell")
    outcomes = tuple(
        msgspec.structs.replace(one, process=msgspec.structs.replace(one.process, pools=(narrow,)))
        if isinstance(one, Measured)
        else one
        for one in document.outcomes
    )
    held = msgspec.structs.replace(document, machine=able, outcomes=outcomes)
    (sentence,) = [one for one in said(held) if "vector register" in one]
    assert sentence.startswith("OpenBLAS multiplied with its Haswell kernels")
    assert sentence.endswith("see OPENBLAS_CORETYPE.")


@pytest.mark.parametrize(("width", "tables"), [(200, 1), (60, 2), (10, 4)])
def test_what_does_not_fit_beside_goes_below(width: int, tables: int) -> None:
    outcomes = [
        pieces.measured(cell(ONE, size, threads), block=0, epoch=[0.1])
        for size in (32, 500)
        for threads in (1, 2)
    ]
    shape = sample.Shape(batch_sizes=(32, 500))
    context = build_context([sample.document(shape, outcomes=tuple(outcomes))])
    console = Console(width=200, record=True, color_system=None)
    with console.capture() as captured:
        console.print(epoch_tables(context, width))
    shown = captured.get()
    assert shown.count("implementation") == tables
    assert shown.count("batch 500") == shown.count("1 thread") == 2
