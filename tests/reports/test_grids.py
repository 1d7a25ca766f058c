"""Which documents may stand in one grid: what a comparison forbids, a report keeps apart."""

from __future__ import annotations

import re

import msgspec
import pytest

from bench.documents.results import Results
from bench.planning.plan import Cell
from bench.provenance.records import Accelerator
from reports.answer import paragraphs
from reports.gather import build_context
from reports.grids import kept_apart, remark
from tests.reports import pieces, sample


def document(
    name: str, *, threads: int | None = 1, device: str = "cpu", gpu: str | None = None
) -> Results:
    """One cell in one process."""
    cell = Cell(implementation=name, device=device, network="blog", batch_size=500, threads=threads)
    one = pieces.measured(cell, block=0, epoch=[1.0])
    if gpu is not None:
        accelerator = Accelerator(name=gpu, driver="1", readings=())
        one = pieces.reprocessed(one, accelerator=accelerator)
    shape = sample.Shape(names=(name,), batch_sizes=(500,), threads=(threads,), outcomes=False)
    return pieces.replace(sample.document(shape), outcomes=(one,))


ONE, TWO = document("numpy-naive"), document("numba")


def trained(results: Results, **changes: object) -> Results:
    trainings = tuple(msgspec.structs.replace(one, **changes) for one in results.plan.trainings)
    return pieces.replace(results, plan=pieces.replan(results.plan, trainings=trainings))


def exported(results: Results, name: str, value: str) -> Results:
    environment = results.machine.environment | {name: value}
    machine = pieces.replace_machine(results.machine, environment=environment)
    return pieces.replace(results, machine=machine)


def with_target(results: Results, target: float | None) -> Results:
    return pieces.replace(results, plan=pieces.replan(results.plan, target=target))


APART = {
    "plan.trainings.optimiser (sgd, adam)": trained(TWO, optimiser="adam"),
    "machine.usable_cpus (4, 64)": pieces.replace(
        TWO, machine=pieces.replace_machine(TWO.machine, usable_cpus=64)
    ),
    "plan.examples (60000, 10000)": pieces.replace(
        TWO, plan=pieces.replan(TWO.plan, examples=10000)
    ),
    "plan.target (none, 0.9)": with_target(TWO, 0.9),
}


@pytest.mark.parametrize("why", APART)
def test_what_a_comparison_forbids_keeps_documents_apart_and_is_said(why: str) -> None:
    context = build_context([ONE, APART[why]])
    assert [scope.run for scope in context.scopes] == [1, 2]
    assert not any(key.implementation == "numba" for key in context.speed_ups)
    (said,) = [one for one in paragraphs(context) if "separate runs" in one]
    assert why in said


def test_an_exported_thread_count_that_workers_are_given_anew_is_no_difference() -> None:
    one, two = (exported(each, "OMP_NUM_THREADS", str(n)) for n, each in enumerate((ONE, TWO), 1))
    assert not kept_apart([one, two])
    assert remark([one, two]) == ""


def test_where_threads_are_left_to_the_libraries_an_exported_count_is_said() -> None:
    one, two = document("numpy-naive", threads=None), document("numba", threads=None)
    said = remark([one, exported(two, "OMP_NUM_THREADS", "1")])
    assert "differences may explain a ratio" in said
    assert "machine.environment.OMP_NUM_THREADS (unset, 1)" in said


def test_kernels_that_one_document_was_told_to_use_are_said_in_the_report() -> None:
    results = [ONE, exported(TWO, "OPENBLAS_CORETYPE", "Haswell")]
    assert not kept_apart(results)
    (said,) = [one for one in paragraphs(build_context(results)) if "may explain" in one]
    assert "machine.environment.OPENBLAS_CORETYPE (unset, Haswell)" in said


def test_a_long_list_is_cut_and_counted() -> None:
    changed = TWO
    for number in range(9):
        changed = exported(changed, f"OMP_{number}", "1")
    assert remark([ONE, changed]).endswith("and 3 more.")


def test_networks_of_different_names_train_in_their_own_ways() -> None:
    other = trained(TWO, optimiser="adam")
    network = pieces.network("another")
    cell = pieces.replace(other.outcomes[0].cell, network="another")
    other = pieces.replace(
        other,
        plan=pieces.replan(other.plan, network=network, target=0.9),
        outcomes=(pieces.replace(other.outcomes[0], cell=cell),),
    )
    assert not kept_apart([ONE, other])


def test_two_devices_are_two_machines() -> None:
    first = document("torch-gpu", device="gpu", gpu="A")
    second = document("jax-gpu", device="gpu", gpu="B")
    assert remark([first, second]).endswith(
        "because they differ in process.accelerator.name (A, B)."
    )
    assert not kept_apart([first, document("jax-gpu", device="gpu", gpu="A")])


def test_every_document_is_held_against_every_other() -> None:
    third = document("sklearn")
    assert not kept_apart([ONE, TWO, third])
    assert kept_apart([ONE, TWO, trained(third, l2=0.25)])
    assert kept_apart([trained(ONE, l2=0.25), TWO, third])


def test_the_same_cells_in_two_documents_would_count_twice() -> None:
    assert kept_apart([ONE, ONE])
    assert remark([ONE, ONE]).endswith("because they hold the same cells.")
    both = remark([ONE, trained(ONE, l2=0.25)])
    assert re.search(
        r"because they hold the same cells and they differ in [^:]*\.l2 \(.*\)\.$", both
    )
