from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pytest

import bench
from bench.documents import journal
from bench.documents.assignment import Arrays, Assignment, load_arrays
from bench.documents.messages import (
    Finish,
    Finished,
    Missing,
    NotMeasured,
    PrepareCell,
    Reply,
    Request,
    TakeTurn,
)
from bench.documents.results import Failed, Measured, Results, Unavailable, Unverified
from bench.documents.rounds import Turn
from bench.documents.timings import Peaks
from bench.planning.plan import Plan, jobs, repetitions
from bench.roofline import step_operations
from bench.running.processes import NoReply
from bench.running.runner import SPARE_BYTES, WORKER_BYTES, Runner
from bench.running.turns import Progress
from impls import registry
from tests.stand_ins import fakes

GONE = NoReply("the worker was killed by SIGSEGV", "last words")


@dataclass
class Ran:
    launcher: fakes.FakeLauncher
    results: Results
    progress: list[Progress]
    lines: list[journal.Line]

    def of(self, kind: type[journal.L]) -> list[journal.L]:
        return [line for line in self.lines if isinstance(line, kind)]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    """Carry out a plan with fake workers."""

    def carry_out(
        behave: fakes.Behaviour = fakes.measure_all,
        plan: Plan | None = None,
        environment: Mapping[str, str] | None = None,
        record: journal.Journal | None = None,
    ) -> Ran:
        plan = plan or fakes.plan()
        record = record or journal.Journal(
            tmp_path / "out", fakes.document(plan=plan, complete=False)
        )
        launcher = fakes.FakeLauncher(behave)
        seen: list[Progress] = []
        runner = Runner(
            plan,
            [registry.find(name) for name in plan.implementations],
            launcher,
            record,
            environment=environment or {},
            timeout=7.5,
            on_progress=seen.append,
        )
        try:
            runner.run(Arrays(*fakes.examples()))
        finally:
            record.close()
        return Ran(launcher, journal.read(record.path), seen, record.lines)

    return carry_out


def test_every_block_has_a_fresh_worker_for_each_job(run: Callable[..., Ran]) -> None:
    ran = run()
    blocks = ran.of(journal.Block)
    assert [sorted(block.jobs) for block in blocks] == [[0, 1, 2, 3]] * 2
    assert len(ran.launcher.workers) == 2 * len(jobs(fakes.plan()))
    assert ran.results.complete
    assert ran.results.ended == "all 2 blocks"
    assert len(ran.results.outcomes) == 2 * 2 * 2 * 3
    assert all(isinstance(outcome, Measured) for outcome in ran.results.outcomes)


def test_batch_sizes_come_in_the_order_of_the_plan_and_all_workers_live_together(
    run: Callable[..., Ran],
) -> None:
    ran = run()
    stages = ran.of(journal.Stage)
    expected = [size for one in repetitions(fakes.plan()) for size in one.batch_sizes]
    assert [stage.batch_size for stage in stages] == expected
    assert all(sorted(stage.jobs) == [0, 1, 2, 3] for stage in stages)


def test_every_worker_takes_one_turn_a_sweep_in_an_order_that_changes(
    run: Callable[..., Ran],
) -> None:
    sweeps = run().of(journal.Sweep)
    for sweep in sweeps:
        assert sorted(job for job, _ in sweep.turns) == [0, 1, 2, 3]
    assert len({tuple(job for job, _ in sweep.turns) for sweep in sweeps}) > 5


def test_every_third_sweep_times_step_and_phases(run: Callable[..., Ran]) -> None:
    for sweep in run().of(journal.Sweep):
        kinds = {turn.kind for _, turn in sweep.turns}
        assert kinds == {"parts" if sweep.sweep % 3 == 1 else "epoch"}


def test_rounds_know_their_sweep(run: Callable[..., Ran]) -> None:
    for outcome in run().results.outcomes:
        assert isinstance(outcome, Measured)
        sweeps = {timing.phase: timing.sweeps for timing in outcome.timings}
        assert sweeps == {"epoch": (0, 2, 3), "step": (1,), "forward": (1,)}


def test_a_worker_is_started_asked_and_ended(run: Callable[..., Ran]) -> None:
    for worker in run().launcher.workers:
        start, *requests = worker.asked
        assert start is None
        assert None not in requests
        assert worker.has_ended


def test_processor_time_of_waiting_siblings_is_part_of_the_disturbance(
    run: Callable[..., Ran],
) -> None:
    disturbed = fakes.disturbance()

    def spinning(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        found = fakes.measure_all(assignment, request)
        if isinstance(found, Turn):
            for worker in launcher[0].workers:
                if worker.assignment != assignment and worker.cpu is not None:
                    worker.cpu += 0.25
            found = fakes.with_disturbance(found, disturbed)
        return found

    launcher: list[fakes.FakeLauncher] = []
    start = fakes.FakeLauncher.start

    def remember(self: fakes.FakeLauncher, *arguments: object) -> fakes.FakeWorker:
        launcher[:] = [self]
        return start(self, *arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fakes.FakeLauncher, "start", remember)
        ran = run(spinning)
    for outcome in ran.results.outcomes:
        assert isinstance(outcome, Measured)
        for timing in outcome.timings:
            assert {one.siblings for one in timing.disturbances} <= {0.75}


def test_a_worker_finds_the_data_as_it_was(run: Callable[..., Ran]) -> None:
    found = []

    def look(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if request is None:
            found.append(load_arrays(Path(assignment.arrays)))
        return fakes.measure_all(assignment, request)

    ran = run(look)
    assert found[0].X_test is None
    for loaded, given in zip(found[0][:2], fakes.examples(), strict=True):
        assert np.array_equal(loaded, given)
        assert loaded.dtype == np.float32
    assert not Path(ran.launcher.assignments[0].arrays).exists(), "nothing is left behind"


def test_a_worker_gets_threads_setting_and_the_path_of_this_copy(run: Callable[..., Ran]) -> None:
    settings = ((("A", "1"),), (("A", None),))
    ran = run(
        fakes.measure_all, fakes.plan(settings=settings), {"A": "user", "PYTHONPATH": "/elsewhere"}
    )
    root = str(Path(bench.__file__).parent.parent)
    for worker, environment in zip(ran.launcher.workers, ran.launcher.environments, strict=True):
        assignment = worker.assignment
        assert environment["OPENBLAS_NUM_THREADS"] == str(assignment.job.threads)
        assert environment.get("A") == dict(assignment.job.setting)["A"]
        assert environment["PYTHONPATH"] == f"{root}:/elsewhere"
        assert assignment.root == root
        assert set(worker.timeouts) == {7.5}


def die_in(kind: str, name: str = "numpy-optimized") -> fakes.Behaviour:
    """A worker that dies when it is asked for something; the others go on."""

    def behave(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        asked = "Start" if request is None else type(request).__name__
        return (
            GONE
            if assignment.row.name == name and asked == kind
            else fakes.measure_all(assignment, request)
        )

    return behave


@pytest.mark.parametrize("kind", ["Start", "PrepareCell", "TakeTurn", "Finish"])
def test_a_worker_that_dies_is_its_rows_outcome_and_the_others_go_on(
    run: Callable[..., Ran], kind: str
) -> None:
    ran = run(die_in(kind))
    lost = [one for one in ran.results.outcomes if isinstance(one, Failed)]
    rest = [one for one in ran.results.outcomes if isinstance(one, Measured)]
    assert {one.cell.implementation for one in lost} == {"numpy-optimized"}
    assert {one.cell.implementation for one in rest} == {"numpy-naive"}
    assert len(lost) == len(rest) == 12
    assert {(one.reason, one.detail) for one in lost} == {(GONE.reason, GONE.output)}
    assert ran.results.complete


def test_a_cell_that_fails_leaves_the_other_batch_sizes_of_its_worker(
    run: Callable[..., Ran],
) -> None:
    def fail_at_20(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if isinstance(request, PrepareCell) and request.batch_size == 20:
            cell = fakes.cell(assignment.plan, assignment.job, 20)
            return NotMeasured(Failed(cell=cell, block=assignment.block, reason="planted"))
        return fakes.measure_all(assignment, request)

    ran = run(fail_at_20)
    for outcome in ran.results.outcomes:
        assert isinstance(outcome, Failed if outcome.cell.batch_size == 20 else Measured)
    assert len(ran.launcher.workers) == 8, "the same processes went on"


def on_a_device(monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setattr(registry, "missing", lambda _row: None)
    monkeypatch.setattr(registry, "no_device", lambda _row: None)
    return fakes.plan(implementations=("torch-gpu", "jax-gpu"), threads=(1,))


def test_after_an_error_on_a_device_the_next_batch_size_gets_a_fresh_process(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = on_a_device(monkeypatch)

    def fail_at_20(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if isinstance(request, PrepareCell) and request.batch_size == 20:
            cell = fakes.cell(assignment.plan, assignment.job, 20, device=assignment.row.device)
            return NotMeasured(Failed(cell=cell, block=assignment.block, reason="planted"))
        return fakes.measure_all(assignment, request)

    ran = run(fail_at_20, plan)
    for outcome in ran.results.outcomes:
        assert isinstance(outcome, Failed if outcome.cell.batch_size == 20 else Measured)
    last = sum(one.batch_sizes[-1] == 20 for one in repetitions(plan))
    assert len(ran.launcher.workers) == 2 * (2 * 2 - last)


def test_memory_that_siblings_hold_on_a_device_gets_a_row_a_block_of_its_own(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = on_a_device(monkeypatch)
    alive: set[str] = set()

    def crowded(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if request is None:
            alive.add(assignment.row.name)
        together = assignment.block % 2 == 0
        if isinstance(request, PrepareCell) and assignment.row.name == "jax-gpu" and together:
            cell = fakes.cell(
                assignment.plan, assignment.job, request.batch_size, device=assignment.row.device
            )
            failed = Failed(cell=cell, block=assignment.block, reason="out of memory")
            return NotMeasured(failed, is_out_of_memory=True)
        return fakes.measure_all(assignment, request)

    ran = run(crowded, plan)
    assert all(isinstance(outcome, Measured) for outcome in ran.results.outcomes)
    # jax-gpu is measured in a block of its own, beside the baseline of its condition.
    blocks = [set(block.jobs) for block in ran.of(journal.Block)]
    assert blocks == [{0, 1}, {0, 1}] * 2
    of_jax = [one for one in ran.results.outcomes if one.cell.implementation == "jax-gpu"]
    assert len(of_jax) == 2 * 3


def test_a_set_that_memory_splits_shares_the_baseline(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = fakes.plan(
        implementations=("numpy-naive", "numpy-float32", "numpy-layout", "numpy-cached"),
        threads=(1,),
    )
    room = iter([True, False] * 20)
    monkeypatch.setattr("bench.running.runner.available", lambda: 1 << 40 if next(room) else 0)
    ran = run(fakes.measure_all, plan)
    blocks = [block.jobs for block in ran.of(journal.Block)]
    assert all(0 in block for block in blocks), "the baseline is in every block"
    assert len(blocks) > 2
    for repetition in (0, 1):
        done = [
            job
            for block in ran.of(journal.Block)
            if block.repetition == repetition
            for job in block.jobs
            if job
        ]
        assert sorted(done) == [1, 2, 3], "each other job is measured once"
    assert ran.results.complete


def test_what_this_machine_lacks_is_asked_once(run: Callable[..., Ran]) -> None:
    def no_device(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if assignment.row.name == "numpy-naive":
            return Missing("no such device", is_unavailable=True)
        return fakes.measure_all(assignment, request)

    ran = run(no_device)
    asked = [assignment.row.name for assignment in ran.launcher.assignments]
    assert asked.count("numpy-naive") == 1
    assert asked.count("numpy-optimized") == 4
    absent = [one for one in ran.results.outcomes if isinstance(one, Unavailable)]
    assert len(absent) == 12
    assert {one.reason for one in absent} == {"no such device"}
    assert sum(isinstance(one, Measured) for one in ran.results.outcomes) == 12


def test_a_device_hidden_by_one_setting_is_asked_for_under_the_next(
    run: Callable[..., Ran],
) -> None:
    settings = ((("CUDA_VISIBLE_DEVICES", "-1"),), (("CUDA_VISIBLE_DEVICES", "0"),))

    def hidden(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if dict(assignment.job.setting)["CUDA_VISIBLE_DEVICES"] == "-1":
            return Missing("no GPU", is_unavailable=True)
        return fakes.measure_all(assignment, request)

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
    ran = run()
    assert {assignment.row.name for assignment in ran.launcher.assignments} == {"numpy-optimized"}
    absent = [one for one in ran.results.outcomes if isinstance(one, Unavailable)]
    assert {one.reason for one in absent} == {"keras not installed"}
    assert len(absent) == 12


def test_every_sweep_is_in_the_journal_before_the_next_one_begins(
    run: Callable[..., Ran],
) -> None:
    ran = run()
    told = [one.sweep for one in ran.progress if one.sweep is not None]
    assert told == [sweep.sweep + 1 for sweep in ran.of(journal.Sweep)]


def test_a_run_that_is_cut_after_any_line_is_completed_and_loses_nothing(
    run: Callable[..., Ran], tmp_path: Path
) -> None:
    plan = fakes.plan(implementations=("numpy-naive", "numpy-cached"), threads=(1,))
    whole = run(fakes.measure_all, plan)
    text = (tmp_path / "out" / journal.NAME).read_bytes().splitlines(keepends=True)
    for cut in range(1, len(text), 3):
        folder = tmp_path / f"cut-{cut}"
        folder.mkdir()
        kept = b"".join(text[:cut])
        (folder / journal.NAME).write_bytes(kept + text[cut][: len(text[cut]) // 2])
        record = journal.Journal.resume(folder)
        ran = run(fakes.measure_all, plan, record=record)
        assert (folder / journal.NAME).read_bytes().startswith(kept)
        assert ran.results.complete
        cells = {outcome.cell for outcome in ran.results.outcomes}
        assert cells == {outcome.cell for outcome in whole.results.outcomes}
        assert len(ran.of(journal.Stage)) == len(whole.of(journal.Stage))


def test_a_worker_is_asked_for_turns_numbered_as_their_sweeps(run: Callable[..., Ran]) -> None:
    (first, *_) = run().launcher.workers
    numbers = [one.number for one in first.asked if isinstance(one, TakeTurn)]
    assert numbers == [0, 1, 2, 3] * 3
    assert sum(isinstance(one, Finish) for one in first.asked) == 3


@pytest.mark.parametrize("share", [0.5, 3.0, 4.9, 6.0, 8.0])
def test_a_rate_above_the_best_product_of_the_machine_is_not_believed(
    run: Callable[..., Ran], share: float
) -> None:
    """The floor's BLAS may use narrower instructions, so three times its rate is still possible."""
    plan = fakes.plan(implementations=("numpy-naive", "numba-sparse", "floor"), threads=(1,))
    peak = 1e9
    seconds = step_operations(plan.network, plan.examples) / (share * peak)

    def behave(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        reply = fakes.measure_all(assignment, request)
        if isinstance(request, TakeTurn):
            return fakes.turn(assignment, request.kind, seconds)
        if isinstance(request, Finish) and assignment.row.is_floor:
            peaks = Peaks(gemm=peak, copy=1e9, cached_copy=1e9)
            size = plan.trainings[0].batch_size
            return Finished(msgspec.structs.replace(fakes.frame_of(assignment, size), peaks=peaks))
        return reply

    ran = run(behave, plan=msgspec.structs.replace(plan, trainings=plan.trainings[:1]))
    kinds = {(o.cell.implementation, type(o)) for o in ran.results.outcomes}
    assert ("numba-sparse", Measured) in kinds
    assert ("floor", Measured) in kinds
    assert ("numpy-naive", Measured if share < 5 else Unverified) in kinds
    if share > 5:
        (reason,) = {o.reason for o in ran.results.outcomes if isinstance(o, Unverified)}
        assert reason.startswith(
            f"{share:.0f} GFLOP/s in its epochs, and this machine reaches 1 GFLOP/s"
        )


def crashing(assignment: Assignment, request: Request | None) -> Reply | NoReply:
    """Everything goes well, except that numpy-optimized fails at batch size 20."""
    if assignment.row.name == "numpy-optimized" and request == PrepareCell(batch_size=20):
        cell = fakes.cell(assignment.plan, assignment.job, 20)
        return NotMeasured(Failed(cell=cell, block=assignment.block, reason="MemoryError"))
    return fakes.measure_all(assignment, request)


@pytest.mark.parametrize("limits", [{}, {"budget_seconds": 1.0}, {"precision": 0.5}])
def test_cells_that_failed_are_measured_again_when_the_run_is_resumed(
    run: Callable[..., Ran], tmp_path: Path, limits: dict[str, float]
) -> None:
    plan = fakes.plan(threads=(1,), trainings=fakes.plan().trainings[:2], **limits)
    first = run(crashing, plan)
    failed = [one for one in first.results.outcomes if isinstance(one, Failed)]
    assert len(failed) == len({block.repetition for block in first.of(journal.Block)})
    kept = (tmp_path / "out" / journal.NAME).read_bytes()
    second = run(fakes.measure_all, plan, record=journal.Journal.resume(tmp_path / "out"))
    assert (tmp_path / "out" / journal.NAME).read_bytes().startswith(kept)
    assert second.results.complete
    assert all(isinstance(one, Measured) for one in second.results.outcomes)
    assert {one.cell for one in second.results.outcomes} == {
        one.cell for one in first.results.outcomes
    }
    # Only what failed, and the baseline beside it, has new processes and turns.
    asked = [request for worker in second.launcher.workers for request in worker.asked]
    assert {one.batch_size for one in asked if isinstance(one, PrepareCell)} == {20}
    assert len(second.launcher.workers) == 2 * len(failed)


def test_a_cell_that_fails_for_good_is_tried_once_each_time_and_stands_once_in_the_document(
    run: Callable[..., Ran], tmp_path: Path
) -> None:
    plan = fakes.plan(threads=(1,))
    first = run(crashing, plan)
    for _ in range(2):
        again = run(crashing, plan, record=journal.Journal.resume(tmp_path / "out"))
        assert len(again.launcher.workers) == 2 * len(again.of(journal.Again)[-1].cells) == 4
        failures = [one for one in again.results.outcomes if isinstance(one, Failed)]
        assert len(failures) == sum(isinstance(one, Failed) for one in first.results.outcomes)
        assert again.results.complete


def test_a_failure_stays_in_the_document_until_its_cell_was_timed(
    run: Callable[..., Ran], tmp_path: Path
) -> None:
    def interrupted(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if isinstance(request, TakeTurn):
            raise KeyboardInterrupt
        return fakes.measure_all(assignment, request)

    plan = fakes.plan(threads=(1,))
    first = run(crashing, plan)
    with pytest.raises(KeyboardInterrupt):
        run(interrupted, plan, record=journal.Journal.resume(tmp_path / "out"))
    found = journal.read(tmp_path / "out" / journal.NAME)
    assert not found.complete
    assert sorted(one.cell.id for one in found.outcomes if isinstance(one, Failed)) == sorted(
        one.cell.id for one in first.results.outcomes if isinstance(one, Failed)
    )
    last = run(fakes.measure_all, plan, record=journal.Journal.resume(tmp_path / "out"))
    assert all(isinstance(one, Measured) for one in last.results.outcomes)


def test_the_peak_of_an_earlier_block_bounds_what_is_measured_again(
    run: Callable[..., Ran], tmp_path: Path
) -> None:
    plan = fakes.plan(implementations=("numpy-naive", "numba", "floor"), threads=(1,))
    plan = msgspec.structs.replace(plan, trainings=plan.trainings[:1])

    def behave(assignment: Assignment, request: Request | None) -> Reply | NoReply:
        if assignment.row.name == "numba" and isinstance(request, PrepareCell) and is_first:
            return GONE
        if assignment.row.name == "numba" and isinstance(request, TakeTurn):
            return fakes.turn(assignment, request.kind, 1e-9)
        if isinstance(request, Finish) and assignment.row.is_floor:
            peaks = Peaks(gemm=1e9, copy=1e9, cached_copy=1e9)
            return Finished(msgspec.structs.replace(fakes.frame_of(assignment, 8), peaks=peaks))
        return fakes.measure_all(assignment, request)

    is_first = True
    run(behave, plan)
    is_first = False
    again = run(behave, plan, record=journal.Journal.resume(tmp_path / "out"))
    assert "floor" not in {assignment.row.name for assignment in again.launcher.assignments}
    kinds = {type(o) for o in again.results.outcomes if o.cell.implementation == "numba"}
    assert kinds == {Unverified}


@pytest.mark.parametrize(("more", "blocks"), [(0, 2), (1, 1)])
def test_a_worker_starts_beside_another_where_both_can_hold_the_data_twice(
    run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, more: int, blocks: int
) -> None:
    copies = 2 * 2 * sum(array.nbytes for array in fakes.examples())
    free = WORKER_BYTES + SPARE_BYTES + copies + more
    monkeypatch.setattr("bench.running.runner.available", lambda: free)
    effort = msgspec.structs.replace(fakes.EFFORT, blocks=1)
    ran = run(fakes.measure_all, fakes.plan(threads=(1,), effort=effort))
    assert len(ran.of(journal.Block)) == blocks
