"""Numbers in TF32 stand by themselves: in rankings, under a label, with bounds of their own."""

from __future__ import annotations

from bench.documents.results import Measured, Results
from bench.documents.timings import Check
from bench.planning.plan import Cell
from reports.context import Context
from reports.findings import findings
from reports.gather import build_context
from reports.page import build_report
from reports.sections.correctness import render
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
    said = findings(context())
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
    assert "granted that rounding" in page
    plain = pieces.replace(document(), outcomes=document().outcomes[:1])
    assert "TF32" not in str(render(build_context([plain])))
