"""Real worker processes: whatever one does, it becomes an outcome and the others go on."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

import bench
from bench.documents import journal
from bench.documents.assignment import Arrays, Assignment, save_arrays
from bench.documents.messages import Missing, NotMeasured, PrepareCell, Ready, Reply, Started
from bench.documents.results import Failed, Invalid, Measured, Outcome, Unavailable, Unverified
from bench.measuring import parent_death, worker
from bench.measuring.clock import Clock
from bench.measuring.disturbance import Monitor
from bench.planning.plan import Plan, jobs
from bench.planning.variables import worker_environment
from bench.provenance import machine
from bench.running import processes
from bench.running.processes import Launcher
from bench.running.runner import Runner
from impls import registry
from impls.errors import ImplementationError
from impls.networks import Network, Training
from impls.row import Row
from tests.stand_ins import fakes, third_party

TIMEOUT = 20.0

Run = Callable[..., dict[str, list[Outcome]]]


def plan_of(names: tuple[str, ...], **changes: object) -> Plan:
    return fakes.plan(
        network=Network(name="20-8-3", layers=(20, 8, 3)),
        implementations=names,
        **{
            "trainings": (Training(batch_size=20),),
            "threads": (1,),
            "effort": fakes.REAL_EFFORT,
        }
        | changes,
    )


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Measure files in real processes; the outcomes by the name of the file."""

    def measure(*names: str, timeout: float = TIMEOUT, **changes: Any) -> dict[str, list[Outcome]]:
        paths = tuple(
            third_party.write(tmp_path, name) if name in third_party.BODIES else name
            for name in names
        )
        rows = [registry.find(path) for path in paths]
        plan = plan_of(tuple(row.name for row in rows), **changes)
        record = journal.Journal(tmp_path / "out", fakes.document(plan=plan, complete=False))
        Runner(
            plan,
            rows,
            Launcher(plan.cpus),
            record,
            environment=os.environ,
            timeout=timeout,
            on_progress=lambda _progress: None,
        ).run(Arrays(*fakes.examples(200, 20, 3)))
        record.close()
        found: dict[str, list[Outcome]] = {}
        for outcome in journal.read(record.path).outcomes:
            name = outcome.cell.implementation.removesuffix(":Trainer")
            found.setdefault(name, []).append(outcome)
        return found

    return measure


def assignment_of(plan: Plan, row: Row, folder: Path, root: str = "unused") -> Assignment:
    (job,) = jobs(plan)
    return Assignment(
        job=job, block=0, repetition=0, plan=plan, row=row, root=root, arrays=str(folder)
    )


def only(outcomes: list[Outcome]) -> Any:
    (outcome,) = outcomes
    return outcome


def test_an_exception_is_the_outcome_of_its_cell_and_the_others_are_measured(run: Run) -> None:
    trainings = tuple(Training(batch_size=size) for size in (10, 20, 50))
    found = run("raises", "one_bad_size", "right", trainings=trainings)
    raised = [one for one in found["raises"] if isinstance(one, Failed)]
    assert len(raised) == len(found["raises"]) == 3
    assert {one.reason for one in raised} == {"ValueError: planted trouble"}
    assert "planted trouble" in raised[0].detail
    assert all(one.declared == {"TF32": "on"} for one in raised)
    by_size = {one.cell.batch_size: one for one in found["one_bad_size"]}
    assert isinstance(by_size[10], Measured)
    assert isinstance(by_size[20], Measured)
    assert isinstance(by_size[50], Failed)
    assert by_size[50].reason == "MemoryError: too large"
    assert [type(one) for one in found["right"]] == [Measured] * 3


def test_a_worker_runs_on_the_processors_asked_for_alone(run: Run) -> None:
    before = os.sched_getaffinity(0)
    last = max(before)
    process = only(run("right", cpus=(last,))["right"]).process
    assert (process.affinity, process.cpus) == (1, str(last))
    assert os.sched_getaffinity(0) == before


def test_a_full_device_is_the_outcome_of_its_cell_and_says_what_to_do(run: Run) -> None:
    trainings = tuple(Training(batch_size=size) for size in (10, 20, 50))
    by_size = {
        one.cell.batch_size: one for one in run("full_device", trainings=trainings)["full_device"]
    }
    assert isinstance(by_size[50], Failed)
    assert by_size[50].reason.startswith("memory was exhausted (OutOfMemoryError): use a smaller")
    assert isinstance(by_size[10], Measured)
    assert isinstance(by_size[20], Measured)


def test_processes_of_one_cell_that_declare_different_things_are_not_mixed(run: Run) -> None:
    effort = msgspec.structs.replace(fakes.REAL_EFFORT, blocks=2)
    first, second = run("undecided", effort=effort)["undecided"]
    assert isinstance(first, Measured)
    assert isinstance(second, Unverified)
    assert "has other settings than that of block 1 (chosen: '" in second.reason
    assert second.measured is not None


def test_a_measured_outcome_holds_what_is_needed_to_believe_it(run: Run) -> None:
    one = only(run("right")["right"])
    assert isinstance(one, Measured)
    timings = {timing.phase: timing for timing in one.timings}
    assert set(timings) == {
        "step", "prepare", "forward", "loss", "backward", "update", "epoch",
    }  # fmt: skip
    assert len(timings["epoch"].round_seconds) == 2
    assert all(len(timing.round_seconds) >= 1 for timing in timings.values())
    assert all(seconds > 0 for timing in timings.values() for seconds in timing.round_seconds)
    assert one.gate
    assert all(check.passed for check in one.gate)
    assert one.first_call_seconds > 0
    assert one.memory is not None
    stages = (one.memory.started, one.memory.imported, one.memory.loaded, one.memory.bound)
    assert all(
        stage is not None and 2**20 < stage <= 1.1 * one.peak_memory_bytes for stage in stages
    )
    assert one.bind_seconds is not None
    assert one.bind_seconds >= 0
    assert one.process.environment["OPENBLAS_NUM_THREADS"] == "1"
    assert any(pool.threads == 1 for pool in one.process.pools)
    assert len(one.process.source_hash) == 64
    assert one.process.versions["mlpbench"] == bench.__version__


def test_dying_workers_are_outcomes_with_reasons(run: Run) -> None:
    found = run("exits", "killed", "chatty_death", "quits", "right")
    assert only(found["exits"]).reason == "the worker ended with exit code 3"
    assert only(found["killed"]).reason == "the worker was killed by SIGKILL (out of memory?)"
    assert only(found["quits"]).reason == "the worker ended without an answer"
    talkative = only(found["chatty_death"])
    assert talkative.reason == "the worker ended with exit code 4"
    assert talkative.detail.endswith("xxx the end")
    assert len(talkative.detail) <= 4000
    assert isinstance(only(found["right"]), Measured)


def test_a_worker_that_hangs_is_stopped(run: Run) -> None:
    found = run("hangs", timeout=2)
    assert isinstance(only(found["hangs"]), Failed)
    assert only(found["hangs"]).reason == "no answer within 2 s; it was stopped"


def test_wrong_numbers_are_refused_and_never_timed(run: Run) -> None:
    found = run("nan", "wrong")
    assert isinstance(only(found["nan"]), Invalid)
    assert "outputs: not comparable" in only(found["nan"]).reason
    assert "not finite at [0, 0]" in only(found["nan"]).reason
    assert isinstance(only(found["wrong"]), Invalid)
    assert "gradient of biases[0]: relative error 1 " in only(found["wrong"]).reason
    assert any(not check.passed for check in only(found["wrong"]).gate)


def test_megabytes_on_standard_output_do_no_harm(run: Run) -> None:
    assert isinstance(only(run("chatty")["chatty"]), Measured)


def test_an_implementation_declines_and_lacks_a_device_with_its_reason(
    run: Run, tmp_path: Path
) -> None:
    trainings = tuple(Training(batch_size=size) for size in (20, 50))
    effort = msgspec.structs.replace(fakes.REAL_EFFORT, blocks=2)
    found = run("declines", "no_device", trainings=trainings, effort=effort)
    by_size = {one.cell.batch_size: one for one in found["declines"]}
    assert isinstance(by_size[20], Measured)
    assert by_size[50] == Unavailable(cell=by_size[50].cell, reason="nothing for me")
    assert len(found["no_device"]) == 4
    assert {one.reason for one in found["no_device"]} == {"no quantum computer found"}  # type: ignore[union-attr]
    assert (tmp_path / "no_device.py.asked").read_text() == "asked ", "once, not in every block"


@pytest.mark.parametrize(
    ("device", "visible", "hint"),
    [
        ("gpu", "-1", " (CUDA_VISIBLE_DEVICES='-1' hides all devices: unset it)"),
        ("gpu", "", " (CUDA_VISIBLE_DEVICES='' hides all devices: unset it)"),
        ("gpu", "0", ""),
        ("gpu", None, ""),
        ("cpu", "-1", ""),
    ],
)
def test_a_worker_without_its_gpu_is_unavailable_and_says_what_hides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, visible: str | None, hint: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    text = (
        "from impls.mathematics import reference\n\n\nclass Trainer(reference.Trainer):\n"
        '    @classmethod\n    def unavailable(cls):\n        return "no quantum computer found"\n'
    )
    row = registry.find(third_party.write_text(tmp_path, "deviceless", text))
    row = dataclasses.replace(row, device=device)  # type: ignore[arg-type]
    plan = plan_of((row.name,))
    with closing(Monitor()) as monitor:
        reply = worker.Worker(assignment_of(plan, row, tmp_path), Clock(), monitor).start()
    assert reply == Missing(f"no quantum computer found{hint}", is_unavailable=True)


@pytest.mark.parametrize(
    ("device", "expected"), [("cpu", [Ready, NotMeasured, Ready]), ("gpu", [Ready, NotMeasured])]
)
def test_after_an_error_on_a_device_a_worker_ends(
    tmp_path: Path, device: str, expected: list[type]
) -> None:
    row = registry.find(third_party.write(tmp_path, "one_bad_size"))
    row = dataclasses.replace(row, device=device)  # type: ignore[arg-type]
    trainings = tuple(Training(batch_size=size) for size in (10, 20, 50))
    plan = plan_of((row.name,), trainings=trainings, threads=(None,))
    save_arrays(tmp_path, Arrays(*fakes.examples(200, 20, 3)))
    requests = b"".join(
        msgspec.json.encode(PrepareCell(batch_size=size)) + b"\n" for size in (10, 50, 20)
    )
    replies = io.BytesIO()
    with closing(Monitor()) as monitor:
        served = worker.Worker(assignment_of(plan, row, tmp_path), Clock(), monitor)
        worker.serve(served, io.BytesIO(requests), replies)
    _, *found = [msgspec.json.decode(line, type=Reply) for line in replies.getvalue().splitlines()]
    assert [type(one) for one in found] == expected
    assert isinstance(found[1], NotMeasured)
    assert isinstance(found[1].outcome, Failed)


@pytest.mark.skipif(machine.usable_cpus() < 2, reason="libraries start no more than there are")
def test_threads_other_than_requested_are_unverified_and_not_timed(run: Run) -> None:
    settings = ((("MKL_NUM_THREADS", "2"), ("OPENBLAS_NUM_THREADS", "2")),)
    one = only(run("right", settings=settings)["right"])
    assert isinstance(one, Unverified)
    assert re.match("1 thread requested, but .* reports 2", one.reason)
    assert one.measured is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module\n\n\nclass Trainer: pass\n", "No module named 'no_such_module'"),
        ("import numpy\nnumpy.no_such_thing\n\n\nclass Trainer: pass\n", "no_such_thing"),
    ],
)
def test_a_file_that_cannot_be_imported_has_failed_with_the_cause(
    run: Run, tmp_path: Path, text: str, said: str
) -> None:
    path = third_party.write_text(tmp_path, "broken", text)
    one = only(run(path)["broken"])
    assert isinstance(one, Failed)
    assert said in one.reason


def test_a_package_called_bench_in_the_current_folder_is_not_in_the_way(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other" / "bench").mkdir(parents=True)
    (tmp_path / "other" / "bench" / "__init__.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path / "other")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "other"))
    assert isinstance(only(run("right")["right"]), Measured)


def test_a_worker_that_finds_another_copy_of_this_project_refuses_to_measure_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # This process must not end with the one that started the tests.
    monkeypatch.setattr(parent_death, "end_with", lambda _parent: True)
    plan = plan_of(("floor",))
    assignment = assignment_of(plan, registry.find("floor"), tmp_path, root="the/parents/folder")
    (tmp_path / "assignment").write_bytes(msgspec.json.encode(assignment))
    with pytest.raises(ImplementationError, match="its parent runs from the/parents/folder"):
        worker.main([str(tmp_path / "assignment"), str(os.getppid()), "0", "1"])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "the worker ended without an answer"),
        (3, "the worker ended with exit code 3"),
        (-signal.SIGKILL, "the worker was killed by SIGKILL (out of memory?)"),
        (-signal.SIGSEGV, "the worker was killed by SIGSEGV"),
        (-40, "the worker was killed by signal 40"),
    ],
)
def test_an_exit_code_is_explained(code: int, said: str) -> None:
    assert processes._describe(code) == said  # noqa: SLF001  # no process dies of every signal


def state_of(pid: int) -> str:
    """The state of a process as the kernel names it: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_worker_and_what_it_has_started_run_only_while_it_is_asked(tmp_path: Path) -> None:
    pid, seen = tmp_path / "pid", tmp_path / "seen"
    text = (
        "import subprocess\nfrom impls.mathematics import reference\n\n"
        "child = subprocess.Popen(['sleep', '985'])\n"
        f"open({str(pid)!r}, 'w').write(str(child.pid))\n\n\n"
        "class Trainer(reference.Trainer):\n    def step(self, rows):\n"
        f"        open({str(seen)!r}, 'w').write(open(f'/proc/{{child.pid}}/stat').read())\n"
        "        return super().step(rows)\n"
    )
    row = registry.find(third_party.write_text(tmp_path, "helped", text))
    save_arrays(tmp_path, Arrays(*fakes.examples(200, 20, 3)))
    assignment = assignment_of(
        plan_of((row.name,)), row, tmp_path, str(Path(bench.__file__).parents[1])
    )
    (tmp_path / "assignment.json").write_bytes(msgspec.json.encode(assignment))
    environment = worker_environment(os.environ, 1, (), {})
    started = Launcher().start(tmp_path / "assignment.json", environment)
    try:
        for request, reply in ((None, Started), (PrepareCell(20), Ready)):
            assert isinstance(started.ask(request, TIMEOUT), reply)
            for process in (started.process.pid, child := int(pid.read_text())):
                deadline = time.monotonic() + TIMEOUT
                while state_of(process) != "T" and time.monotonic() < deadline:
                    time.sleep(0.01)
                assert state_of(process) == "T"
        assert seen.read_text().rpartition(")")[2].split()[0] != "T"
    finally:
        started.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_what_has_left_the_session_of_its_worker_ends_with_it(run: Run, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = (
        "import subprocess\nfrom impls.mathematics import reference\n\n"
        # Both ignore the end of their parent, and the second one is a child of nobody at once.
        f"sleep = ['setsid', 'sh', '-c', 'sleep 987 & echo $! >> {pids}; sleep 986']\n"
        "Trainer = reference.Trainer\nsubprocess.Popen(sleep)\n"
    )
    only(run(third_party.write_text(tmp_path, "strays", text))["strays"])
    (pid,) = map(int, pids.read_text().split())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
