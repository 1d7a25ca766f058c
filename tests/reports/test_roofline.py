"""The roofline section: limits, shares and flags are those that follow from the document."""

from __future__ import annotations

import re

import pytest

from bench.documents.results import Measured, Results
from bench.documents.timings import Peaks
from bench.planning.plan import Cell
from bench.roofline import work_of
from impls.networks import Training
from impls.registry import ROWS
from reports.context import Context
from reports.facts.phase_rates import model_of, parts_of, roof_of
from reports.gather import build_context
from reports.section import Absence
from reports.sections.roofline import render
from tests.reports import pieces, sample

FLOOR = next(row.name for row in ROWS if row.is_floor)
BASELINE = next(row.name for row in ROWS if row.rung == 0)
PEAKS = Peaks(gemm=100e9, copy=10e9, cached_copy=50e9)
STEP_WORK = 500 * 233920
"""Operations of a step of the blog network on 500 examples."""


def cell(name: str, *, device: str = "cpu", threads: int | None = 1, size: int = 500) -> Cell:
    return Cell(
        implementation=name, device=device, network="blog", batch_size=size, threads=threads
    )


def context_of(*outcomes: Measured) -> Context:
    shape = sample.Shape(batch_sizes=(500,), threads=(1,))
    return build_context([sample.document(shape, outcomes=tuple(outcomes))])


def floor(
    block: int = 0, peaks: Peaks | None = PEAKS, step: float = 0.0016, **of: object
) -> object:
    where = cell(FLOOR, **of)  # type: ignore[arg-type]
    return pieces.measured(where, block=block, step=[step], epoch=[0.2], peaks=peaks)


def page_of(context: Context) -> str:
    found = render(context)
    assert not isinstance(found, Absence)
    return str(found)


def share_values(page: str, name: str) -> list[float]:
    rows = re.findall(
        rf'<tr data-implementation="{re.escape(name)}" data-batch.*?</tr>', page, re.DOTALL
    )
    assert len(rows) == 1
    values = re.findall(r'data-value="([^"]+)"', rows[0])
    return [float(value) for value in values]


def test_limits_are_the_best_of_all_blocks_with_their_range() -> None:
    worse = Peaks(gemm=90e9, copy=11e9, cached_copy=40e9)
    context = context_of(floor(), floor(1, worse))
    roof = roof_of(context, context.conditions[0])
    assert roof is not None
    assert roof.best == Peaks(gemm=100e9, copy=11e9, cached_copy=50e9)
    assert roof.worst == Peaks(gemm=90e9, copy=10e9, cached_copy=40e9)
    assert roof.processes == 2
    page = page_of(context)
    assert "100 GFLOP/s<small>90.0 to 100</small>" in page
    assert "11.0 GB/s<small>10.0 to 11.0</small>" in page
    assert f'data-value="{100 / 11:.5g}"' in page


@pytest.mark.parametrize(("threads", "times"), [(1, 1), (2, 2), (None, 4)])
def test_each_thread_may_run_beside_a_cache_of_its_own(threads: int | None, times: int) -> None:
    context = context_of(floor(threads=threads))
    roof = roof_of(context, context.conditions[0])
    assert roof is not None
    assert roof.cache_bytes == times * 32 * 2**20


def test_a_step_is_held_against_the_products_at_their_best_rate() -> None:
    least = STEP_WORK / 100e9
    slow = pieces.measured(cell(BASELINE), block=0, step=[4 * least], epoch=[1.0])
    page = page_of(context_of(floor(step=2 * least), slow))
    assert share_values(page, BASELINE) == [0.25]
    assert share_values(page, FLOOR) == [0.5]
    assert "1.17 ms of 4.68 ms, products" in page
    assert "25.0 GFLOP/s" in page
    assert "GFLOP/s, " not in page.split("The work model")[0].split("Shares of every phase")[1]


def test_phases_without_products_are_held_against_copies() -> None:
    work = work_of(pieces.BLOG, Training(batch_size=500), 500)
    phases = [("prepare", [1e-3]), ("update", [1e-3]), ("forward", [1e-3]), ("loss", [1e-3])]
    outcome = pieces.measured(cell(BASELINE), block=0, step=[0.01], epoch=[1.0], phases=phases)
    page = page_of(context_of(floor(), outcome))
    shares = share_values(page, BASELINE)
    expected = {name: work[name].bytes / 50e9 / 1e-3 for name in ("prepare", "loss", "update")}
    assert shares[1] == pytest.approx(expected["prepare"], rel=1e-4)
    assert shares[2] == pytest.approx(work["forward"].products / 100e9 / 1e-3, rel=1e-4)
    assert shares[3:] == pytest.approx([expected["loss"], expected["update"]], rel=1e-4)
    assert ", cache" in page


def test_what_passes_a_limit_is_named_as_an_error_of_model_or_timing() -> None:
    least = STEP_WORK / 100e9
    near = pieces.measured(cell(BASELINE), block=0, step=[least / 1.049], epoch=[1.0])
    assert "above 105" not in page_of(context_of(floor(), near))
    past = pieces.measured(cell(BASELINE), block=0, step=[least / 1.2], epoch=[1.0])
    page = page_of(context_of(floor(), past))
    assert "Either the work model does not fit these" in page
    assert "1 share above 105\N{NO-BREAK SPACE}% of what is possible" in page.replace(
        "105 %", "105\N{NO-BREAK SPACE}%"
    )
    assert f"<li>{BASELINE}, batch 500, 1 thread: step 120\N{NO-BREAK SPACE}%</li>" in page
    assert "<b>120 %</b>" in page


def test_only_the_worst_of_many_are_named() -> None:
    names = [row.name for row in ROWS if row.device == "cpu" and row.role == "trainer"]
    names += [f"{name} (control)" for name in names]
    assert len(names) > 8
    # The model does not apply to what skips zeros.
    sparse = [row.name for row in ROWS if row.sparse]
    past = [
        pieces.measured(cell(name), block=0, step=[1e-4 / (place + 1)], epoch=[1.0])
        for place, name in enumerate(names)
    ]
    page = page_of(context_of(floor(), *past))
    named = re.findall(r"<li>([^<]*): step", page)
    assert named[0].startswith(names[-1])
    assert len(named) == 8
    assert f"and {len(names) - len(sparse) - 8} other" in page


def test_the_floor_is_bound_by_its_products_alone() -> None:
    # A batch of 1 of anything that trains is bound by the bytes of its parameters.
    outcomes = [
        pieces.measured(
            cell(name, size=1), block=0, step=[1e-3], epoch=[1.0],
            peaks=PEAKS if name == FLOOR else None,
        )
        for name in (FLOOR, BASELINE)
    ]  # fmt: skip
    shape = sample.Shape(batch_sizes=(1,), threads=(1,))
    context = build_context([sample.document(shape, outcomes=tuple(outcomes))])
    roof = roof_of(context, context.conditions[0])
    assert roof is not None
    floor_part, part = (
        parts_of(context, context.points[name, context.conditions[0], 1], roof)["step"]
        for name in (FLOOR, BASELINE)
    )
    assert (floor_part.bound.limit, part.bound.limit) == ("products", "cache")
    assert floor_part.bound.seconds == 233920 / 100e9
    assert part.bound.seconds == part.work.bytes / 50e9
    assert "% of products" in page_of(context)


def test_another_device_is_not_held_against_these_limits() -> None:
    gpu = pieces.measured(
        cell("on another device", device="gpu"), block=0, step=[1e-9], epoch=[1e-6]
    )
    page = page_of(context_of(floor(), gpu))
    assert "on another device" not in page
    assert "above 105" not in page


def test_conditions_without_limits_are_named() -> None:
    other = pieces.measured(cell(BASELINE, threads=2), block=0, step=[0.01], epoch=[1.0])
    assert "No limits were measured with 2 threads." in page_of(context_of(floor(), other))


def test_an_unknown_cache_serves_all_bytes() -> None:
    document = sample.document(sample.Shape(batch_sizes=(500,), threads=(1,)), outcomes=(floor(),))
    machine = pieces.replace_machine(document.machine, caches={})
    context = build_context([pieces.replace(document, machine=machine)])
    roof = roof_of(context, context.conditions[0])
    assert roof is not None
    assert roof.cache_bytes == float("inf")
    assert "No cache size is known here" in page_of(context)


def test_a_batch_larger_than_the_epoch_counts_the_examples_that_there_are() -> None:
    shape = sample.Shape(batch_sizes=(100000,), threads=(1,), outcomes=False, names=(FLOOR,))
    context = build_context([sample.document(shape)])
    model = model_of(context, context.scopes[0], 100000)
    assert model is not None
    assert model["step"].products == 60000 * 233920


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (floor(peaks=None), "holds no limits of the machine"),
        (
            pieces.measured(cell(BASELINE), block=0, epoch=[1.0]),
            "beside the floor, which was not measured",
        ),
    ],
    ids=["no peaks", "no floor"],
)
def test_without_limits_the_reason_is_given(outcome: Measured, reason: str) -> None:
    found = render(context_of(outcome))
    assert isinstance(found, Absence)
    assert reason in found.reason


def test_the_model_of_every_batch_size_is_in_the_page(page: str, document: Results) -> None:
    for training in document.plan.trainings:
        work = work_of(document.plan.network, training, training.batch_size)
        for phase in work.values():
            assert f'data-value="{phase.bytes}"' in page
            assert f'data-value="{phase.products}"' in page
