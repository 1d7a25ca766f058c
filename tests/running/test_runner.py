from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from bench.running.executor import End

import bench
from bench.documents import journal
from bench.documents.orders import Order, append, load_arrays
from bench.documents.results import Failed, Measured, Results, Unavailable
from bench.planning.plan import Plan, jobs
from bench.running.runner import Progress, Runner
from impls import registry
from tests.stand_ins import fakes


@dataclass
class Ran:
    executor: fakes.FakeExecutor
    results: Results
    progress: list[Progress]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Carry out a plan with fake workers."""

    def carry_out(
        work: Callable[[Order], End],
        plan: Plan | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Ran:
        plan = plan or fakes.plan()
        record = journal.Journal(tmp_path / "out", fakes.document(plan=plan, complete=False))
        executor = fakes.FakeExecutor(work)
        seen: list[Progress] = []
        runner = Runner(
            plan,
            [registry.find(name) for name in plan.implementations],
            executor,
            record,
            environment=environment or {},
            timeout=7.5,
            on_progress=seen.append,
        )
        try:
            runner.run(*fakes.examples())
        finally:
            record.close()
        return Ran(executor, journal.read(record.path), seen)

    return carry_out


def test_every_job_is_executed_in_the_order_of_the_plan(run: Callable[..., Ran]) -> None:
    ran = run(fakes.measure_all)
    assert [order.job for order in ran.executor.orders] == jobs(fakes.plan())
    assert ran.results.complete
    assert len(ran.results.outcomes) == 2 * 2 * 2 * 3
    assert all(isinstance(outcome, Measured) for outcome in ran.results.outcomes)


def test_a_worker_finds_the_data_as_it_was(run: Callable[..., Ran]) -> None:
    found = []

    def work(order: Order) -> End:
        found.append(load_arrays(Path(order.arrays)))
        return fakes.measure_all(order)

    ran = run(work)
    assert found[0].X_test is None
    for loaded, given in zip(found[0][:2], fakes.examples(), strict=True):
        assert np.array_equal(loaded, given)
        assert loaded.dtype == np.float32
    assert not Path(ran.executor.orders[0].arrays).exists(), "nothing is left behind"


def test_a_worker_gets_threads_setting_and_the_path_of_this_copy(run: Callable[..., Ran]) -> None:
    settings = ((("A", "1"),), (("A", None),))
    ran = run(
        fakes.measure_all, fakes.plan(settings=settings), {"A": "user", "PYTHONPATH": "/elsewhere"}
    )
    root = str(Path(bench.__file__).parent.parent)
    for order, environment in zip(ran.executor.orders, ran.executor.environments, strict=True):
        assert environment["OPENBLAS_NUM_THREADS"] == str(order.job.threads)
        assert environment.get("A") == dict(order.job.setting)["A"]
        assert environment["PYTHONPATH"] == f"{root}:/elsewhere"
        assert order.root == root
    assert set(ran.executor.timeouts) == {7.5}


def test_progress_is_told_before_and_after_every_job(run: Callable[..., Ran]) -> None:
    progress = run(fakes.measure_all).progress
    assert [(one.job.index, one.outcomes is None) for one in progress] == [
        (index, begun) for index in range(8) for begun in (True, False)
    ]
    assert all(len(one.outcomes) == 3 for one in progress if one.outcomes is not None)


def test_cells_that_a_dying_worker_did_not_report_have_failed(run: Callable[..., Ran]) -> None:
    def die_after_one(order: Order) -> End:
        cell = fakes.cell(order.plan, order.job, order.job.batch_sizes[0])
        append(Path(order.output), fakes.measured(cell, order.job.block))
        with Path(order.output).open("ab") as file:
            file.write(b'{"kind":"measured","cell":{"impl')
        return End("the worker was killed by SIGSEGV", "last words")

    outcomes = run(die_after_one).results.outcomes
    lost = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert len(outcomes) == 24
    assert len(lost) == 16
    assert {(one.reason, one.detail) for one in lost} == {
        ("the worker was killed by SIGSEGV", "last words")
    }
    assert {outcome.cell for outcome in outcomes} == {
        fakes.cell(fakes.plan(), job, size) for job in jobs(fakes.plan()) for size in (8, 20, 50)
    }
    assert {one.block for one in lost} == {0, 1}


def fail_at(size: int, then: Callable[[Order], End]) -> Callable[[Order], End]:
    """Measures up to ``size``, which fails; ``then`` is what the worker does about it."""

    def work(order: Order) -> End:
        output, job = Path(order.output), order.job
        for one in job.batch_sizes:
            cell = fakes.cell(order.plan, job, one, device=order.row.device)
            if one == size:
                append(output, Failed(cell=cell, block=job.block, reason="planted"))
                return then(order)
            append(output, fakes.measured(cell, job.block))
        return fakes.FINE

    return work


@pytest.mark.parametrize("end", [fakes.FINE, End("the worker was killed by SIGABRT", "")])
def test_after_an_error_on_a_device_the_other_batch_sizes_get_a_fresh_process(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, end: End
) -> None:
    monkeypatch.setattr(registry, "missing", lambda _row: None)
    monkeypatch.setattr(registry, "no_device", lambda _row: None)
    plan = fakes.plan(implementations=("torch-gpu",), threads=(1,))
    ran = run(fail_at(20, lambda _order: end), plan)
    assert len(ran.results.outcomes) == 2 * 3
    for outcome in ran.results.outcomes:
        assert isinstance(outcome, Failed if outcome.cell.batch_size == 20 else Measured)
    sizes = [order.job.batch_sizes for order in ran.executor.orders]
    expected = []
    for job in jobs(plan):
        expected.append(job.batch_sizes)
        rest = job.batch_sizes[job.batch_sizes.index(20) + 1 :]
        expected += [rest] if rest else []
    assert sizes == expected
    assert len(ran.progress) == 2 * len(jobs(plan)), "it is one job all the same"


def test_a_worker_on_a_device_that_dies_gets_no_second_try(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "missing", lambda _row: None)
    monkeypatch.setattr(registry, "no_device", lambda _row: None)
    plan = fakes.plan(implementations=("torch-gpu",), threads=(1,))
    ran = run(lambda _order: End("the worker was killed by SIGSEGV", ""), plan)
    assert len(ran.executor.orders) == len(jobs(plan))


def test_on_the_processor_a_worker_that_ends_after_an_error_has_lost_the_rest(
    run: Callable[..., Ran],
) -> None:
    ran = run(fail_at(20, lambda _order: fakes.FINE))
    assert len(ran.executor.orders) == len(jobs(fakes.plan()))


def test_a_worker_that_ends_well_without_an_outcome_has_failed(run: Callable[..., Ran]) -> None:
    outcomes = run(lambda _order: fakes.FINE).results.outcomes
    assert {outcome.reason for outcome in outcomes} == {"the worker ended without an outcome"}  # type: ignore[union-attr]


def test_what_this_machine_lacks_is_asked_once(run: Callable[..., Ran]) -> None:
    def no_device(order: Order) -> End:
        if order.row.name != "numpy-naive":
            return fakes.measure_all(order)
        for size in order.job.batch_sizes:
            cell = fakes.cell(order.plan, order.job, size)
            append(Path(order.output), Unavailable(cell=cell, reason="no such device"))
        return fakes.FINE

    ran = run(no_device)
    asked = [order.row.name for order in ran.executor.orders]
    assert asked.count("numpy-naive") == 1
    assert asked.count("numpy-optimized") == 4
    absent = [one for one in ran.results.outcomes if isinstance(one, Unavailable)]
    assert len(absent) == 12
    assert {one.reason for one in absent} == {"no such device"}
    assert sum(isinstance(one, Measured) for one in ran.results.outcomes) == 12


def test_an_implementation_that_declines_one_batch_size_is_asked_again(
    run: Callable[..., Ran],
) -> None:
    def decline_one(order: Order) -> End:
        for size in order.job.batch_sizes:
            cell = fakes.cell(order.plan, order.job, size)
            declined = Unavailable(cell=cell, reason="too small")
            append(
                Path(order.output),
                declined if size == 8 else fakes.measured(cell, order.job.block),
            )
        return fakes.FINE

    assert len(run(decline_one).executor.orders) == 8


def test_a_device_hidden_by_one_setting_is_asked_for_under_the_next(
    run: Callable[..., Ran],
) -> None:
    settings = ((("CUDA_VISIBLE_DEVICES", "-1"),), (("CUDA_VISIBLE_DEVICES", "0"),))

    def hidden(order: Order) -> End:
        if dict(order.job.setting)["CUDA_VISIBLE_DEVICES"] == "0":
            return fakes.measure_all(order)
        for size in order.job.batch_sizes:
            cell = fakes.cell(order.plan, order.job, size)
            append(Path(order.output), Unavailable(cell=cell, reason="no GPU"))
        return fakes.FINE

    ran = run(hidden, fakes.plan(settings=settings))
    measured = [one for one in ran.results.outcomes if isinstance(one, Measured)]
    assert len(measured) == len(ran.results.outcomes) / 2


def test_an_implementation_whose_package_is_missing_gets_no_worker(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "impls.registry.missing",
        lambda row: "keras not installed" if row.name == "numpy-naive" else None,
    )
    ran = run(fakes.measure_all)
    assert {order.row.name for order in ran.executor.orders} == {"numpy-optimized"}
    absent = [one for one in ran.results.outcomes if isinstance(one, Unavailable)]
    assert {one.reason for one in absent} == {"keras not installed"}
    assert len(absent) == 12


def test_an_implementation_whose_device_is_missing_gets_no_worker(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impls.registry.no_device", lambda _row: "no device: none")
    ran = run(fakes.measure_all)
    assert ran.executor.orders == []
    assert {one.reason for one in ran.results.outcomes if isinstance(one, Unavailable)} == {
        "no device: none"
    }


def test_outcomes_are_in_the_journal_before_the_next_job_begins(
    tmp_path: Path, tiny_plan: Plan
) -> None:
    record = journal.Journal(tmp_path, fakes.document(complete=False))
    lines: list[int] = []

    def count(progress: Progress) -> None:
        if progress.outcomes is None:
            lines.append(len(record.path.read_bytes().splitlines()))

    runner = Runner(
        tiny_plan,
        [registry.find(name) for name in tiny_plan.implementations],
        fakes.FakeExecutor(fakes.measure_all),
        record,
        environment={},
        timeout=1,
        on_progress=count,
    )
    try:
        runner.run(*fakes.examples())
    finally:
        record.close()
    assert lines == list(range(1, 9))


def test_a_worker_that_writes_something_else_than_outcomes_has_failed_alone(
    run: Callable[..., Ran],
) -> None:
    def nonsense(order: Order) -> End:
        if order.row.name == "numpy-optimized":
            return fakes.measure_all(order)
        Path(order.output).write_bytes(b'{"kind": "unavailable", "reason": true}\n')
        return fakes.FINE

    outcomes = run(nonsense).results.outcomes
    assert sum(isinstance(one, Failed) for one in outcomes) == 12
    assert sum(isinstance(one, Measured) for one in outcomes) == 12
