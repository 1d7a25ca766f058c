"""Numbers in TF32 stand by themselves: in rankings, under a label, with bounds of their own."""

from __future__ import annotations

import pytest
from rich.console import Console

from bench.documents.results import Failed, Invalid, Measured, Outcome, Results, Unverified
from bench.documents.timings import Check
from bench.planning.plan import Cell
from reports.context import Context
from reports.gather import build_context
from reports.page import build_report
from reports.sections.correctness import render
from reports.terminal import epoch_tables
from tests.reports import pieces, sample

NAMES = ("numpy-naive", "torch-gpu", "jax-gpu")


def one(name: str, seconds: float, declared: dict[str, str], error: float) -> Measured:
    cell = Cell(
        implementation=name,
        device="gpu" if name.endswith("-gpu") else "cpu",
        network="blog",
        batch_size=500,
        threads=1,
    )
    check = Check(name="outputs", error=error, tolerance=10 * error)
    found = pieces.measured(cell, block=0, epoch=[seconds], step=[seconds / 120], checks=(check,))
    return pieces.reprocessed(found, declared=declared)


def document() -> Results:
    shape = sample.Shape(names=NAMES, batch_sizes=(500,), threads=(1,), outcomes=False)
    outcomes = (
        one("numpy-naive", 4.0, {}, 1e-7),
        one("torch-gpu", 0.5, {"TF32": "on"}, 1e-4),
        one("jax-gpu", 1.0, {"TF32": "off"}, 1e-7),
    )
    return pieces.replace(sample.document(shape), outcomes=outcomes)


def context() -> Context:
    return build_context([document()])


def test_a_number_in_tf32_is_in_no_ranking_with_others() -> None:
    found = context()
    in_full, in_tf32 = found.conditions
    assert (in_full.scope.is_tf32, in_tf32.scope.is_tf32) == (False, True)
    assert list(found.group(in_full, 500)) == ["numpy-naive", "jax-gpu"]
    assert list(found.group(in_tf32, 500)) == ["torch-gpu"]
    best = found.best(in_full, 500)
    assert best is not None
    assert best.implementation == "jax-gpu"
    assert {name for name, _, _ in found.speed_ups} == {"numpy-naive", "jax-gpu"}


def test_no_finding_and_no_verdict_is_over_both() -> None:
    said = context().winners
    assert [(one.best.implementation, one.scope.is_tf32) for one in said] == [
        ("jax-gpu", False), ("torch-gpu", True),
    ]  # fmt: skip
    assert [[point.implementation for point, _ in one.rivals] for one in said] == [
        ["numpy-naive"], [],
    ]  # fmt: skip


def test_its_condition_says_what_it_is() -> None:
    found = context()
    assert [found.label(one) for one in found.conditions] == [
        "1 thread", "1 thread, products in TF32",
    ]  # fmt: skip
    assert "products in TF32" in build_report([document()])


def test_the_gate_s_bounds_are_shown_as_those_of_tf32() -> None:
    page = str(render(context()))
    assert ">torch-gpu, TF32<" in page
    assert ">jax-gpu<" in page
    assert "tolerance is one rounding of TF32, 4096 of float32's" in page
    plain = pieces.replace(document(), outcomes=document().outcomes[:1])
    assert "TF32" not in str(render(build_context([plain])))


DECLARED = {"TF32": "on"}
TIMED = one("torch-gpu", 0.5, DECLARED, 1e-4)
UNTIMED: dict[str, Outcome] = {
    "invalid": Invalid(
        cell=TIMED.cell,
        block=0,
        reason="refused",
        gate=(Check(name="outputs", error=2e-3, tolerance=1e-3),),
        declared=DECLARED,
    ),
    "unverified": Unverified(cell=TIMED.cell, block=0, reason="no wait", declared=DECLARED),
    "unverified, timed": Unverified(cell=TIMED.cell, block=0, reason="shared", measured=TIMED),
    "failed": Failed(cell=TIMED.cell, block=0, reason="no memory", declared=DECLARED),
}


@pytest.mark.parametrize("outcome", UNTIMED.values(), ids=UNTIMED)
def test_what_failed_in_tf32_is_told_where_tf32_is(outcome: Outcome) -> None:
    naive = document().outcomes[0]
    found = build_context([pieces.replace(document(), outcomes=(naive, outcome))])
    in_full, in_tf32 = found.conditions
    assert (in_full.scope.is_tf32, in_tf32.scope.is_tf32) == (False, True)
    assert found.absence("torch-gpu", in_full, 500) == "not asked for"
    assert found.absence("torch-gpu", in_tf32, 500) == type(outcome).__name__.lower()
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(epoch_tables(found, console.width))
    (row,) = [line for line in captured.get().splitlines() if "torch-gpu" in line]
    assert row.index("not asked for") < row.index(type(outcome).__name__.lower())


def test_a_refusal_in_tf32_bears_its_name() -> None:
    refused = UNTIMED["invalid"]
    page = str(render(build_context([pieces.replace(document(), outcomes=(refused,))])))
    assert ">torch-gpu, TF32<" in page
    assert ">torch-gpu</" not in page.replace("<b>torch-gpu</b>", "")
