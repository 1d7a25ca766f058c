"""Plans of jobs, what a job does on its node, and how jobs stand: without any scheduler."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.cluster import collect, job, submission, submit
from bench.cluster.collect import JobState, ask_slurm, standing_of
from bench.cluster.job import MeasuringRun
from bench.cluster.submission import Attempt, Resources, State, Submission, Task, tasks_for
from bench.documents import journal
from bench.planning.revisions import ROOT
from impls.errors import ResultsError, UsageError
from tests.stand_ins import fakes
from tests.stand_ins.command import Said

TASK = Task(name="rome-1", kind="rome", replicate=1)
NODE = platform.node()
RUN = (
    "--examples", "90", "--network", "36-8-3", "--batch-size", "20", "--impl", "numpy-optimized",
    "--bare", "--profile", "quick", "--threads", "1",
)  # fmt: skip


def state_of(*jobs: str, local: bool = False) -> State:
    planned = Submission(arguments=(), directory="/", tasks=(TASK,), local=local)
    return State(version=1, submission=planned, jobs={"rome-1": jobs})


def test_there_is_one_job_per_kind_and_replicate() -> None:
    found = tasks_for(("rome", "genoa&ib"), 2)
    assert [task.name for task in found] == ["rome-1", "rome-2", "genoa-ib-1", "genoa-ib-2"]
    assert found[2].constraint == "genoa&ib"
    assert tasks_for(("any",), 1)[0].constraint is None
    with pytest.raises(UsageError, match="name each kind once"):
        tasks_for(("a&b", "a|b"), 1)


def attempt(folder: Path, number: int = 1, **changes: Any) -> Path:
    found = {"job": "7", "node": NODE, "begun": submission.now()} | changes
    path = folder / "rome-1" / str(number)
    path.mkdir(parents=True)
    submission.record(path, Attempt(**found))
    return path


@pytest.mark.parametrize(
    ("exit_code", "said", "kind", "reason"),
    [
        (0, None, "done", ""),
        (3, JobState("COMPLETED"), "done", ""),
        (64, JobState("COMPLETED"), "failed", "mlpbench run ended with exit code 64: no such data"),
        (None, JobState("RUNNING"), "running", "no such data"),
        (None, JobState("PENDING", "Priority"), "waiting",
         "begun before; goes on when it gets a node, Priority"),
        (-15, JobState("PENDING"), "waiting", "begun before; goes on when it gets a node"),
        (None, JobState("NODE_FAIL", "NodeDown"), "lost", "the node failed (NODE_FAIL, NodeDown)"),
        (None, JobState("PREEMPTED"), "preempted",
         "a job of higher priority took the node (PREEMPTED)"),
        (130, JobState("TIMEOUT"), "timed out", "the time limit was reached (TIMEOUT)"),
        (None, JobState("CANCELLED"), "cancelled", "it was cancelled (CANCELLED)"),
        (-9, JobState("OUT_OF_MEMORY"), "failed",
         "it was killed by SIGKILL; the job ran out of memory (OUT_OF_MEMORY): no such data"),
        (None, None, "lost", "SLURM does not know the job any more, and it left no result"),
    ],
)  # fmt: skip
def test_every_job_has_a_standing_with_its_reason(
    tmp_path: Path, exit_code: int | None, said: JobState | None, kind: str, reason: str
) -> None:
    (attempt(tmp_path, exit_code=exit_code) / submission.OUTPUT).write_text(
        "reading\nno such data\n\n"
    )
    states = {"7": said} if said else {}
    found = standing_of(tmp_path, state_of("7"), TASK, states)
    assert (found.kind, found.reason) == (kind, reason)
    assert (found.node, found.attempts, found.exit_code) == (NODE, 1, exit_code)


def test_a_job_that_was_submitted_again_is_not_judged_by_its_earlier_attempt(
    tmp_path: Path,
) -> None:
    attempt(tmp_path, exit_code=64)
    found = standing_of(tmp_path, state_of("7", "8"), TASK, {"8": JobState("PENDING")})
    assert (found.job, found.kind) == ("8", "waiting")


def test_a_job_that_failed_before_its_run_says_what_its_log_ends_with(tmp_path: Path) -> None:
    (tmp_path / submission.LOGS).mkdir()
    (tmp_path / submission.LOGS / "7_0_log.err").write_text("module: not found\n")
    said = {"7": JobState("FAILED", "NonZeroExitCode", "node1")}
    found = standing_of(tmp_path, state_of("7"), TASK, said)
    assert found.reason == (
        "the job ended without a result (FAILED, NonZeroExitCode): module: not found"
    )
    assert found.node == "node1"


def test_a_run_that_was_killed_here_is_cancelled(tmp_path: Path) -> None:
    of = state_of("7", local=True)
    assert standing_of(tmp_path, of, TASK, {}).kind == "waiting"
    attempt(tmp_path, exit_code=-9)
    found = standing_of(tmp_path, of, TASK, {})
    assert (found.kind, found.reason) == ("cancelled", "it was killed by SIGKILL")


def test_a_damaged_journal_fails_its_job_alone(tmp_path: Path) -> None:
    path = attempt(tmp_path, exit_code=0)
    (path / journal.NAME).write_text("{}\n")
    found = collect.collect(tmp_path, state_of("7"), {})
    assert found.documents == ()
    assert found.standings[0].kind == "failed"
    assert "not a results document" in found.standings[0].reason


def test_the_latest_document_counts(tmp_path: Path) -> None:
    for number in (1, 2):
        path = attempt(tmp_path, number, exit_code=0)
        record = journal.Journal(path, fakes.document(command=f"attempt {number}"))
        record.close()
    found = collect.collect(tmp_path, state_of("7"), {})
    assert [one.command for one in found.documents] == ["attempt 2"]
    assert found.standings[0].run == 1


def test_what_slurm_says_is_read_and_an_unknown_job_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, lines in {
        "squeue": "7_0|RUNNING|None|node1\n7_1|PENDING|Priority|\nnonsense\n",
        "sacct": "7_0|COMPLETED|None|node1\n5|CANCELLED by 1000|None|None assigned\n",
    }.items():
        (tmp_path / f"{name}.txt").write_text(lines)
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\ncat {tmp_path / name}.txt\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = ask_slurm(["7_0", "7_1", "5", "9"])
    assert found == {
        "7_0": JobState("RUNNING", "", "node1"),
        "7_1": JobState("PENDING", "Priority", ""),
        "5": JobState("CANCELLED", "", ""),
    }
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert ask_slurm(["7_0"]) == {}
    assert ask_slurm([]) == {}


def run_of(
    folder: Path,
    npz: Path,
    *,
    arguments: tuple[str, ...] | None = None,
    local: bool = False,
    **changes: Any,
) -> MeasuringRun:
    planned = Submission(
        arguments=arguments or ("--dataset", str(npz), *RUN),
        directory=str(folder),
        tasks=(TASK,),
        local=local,
    )
    return MeasuringRun(folder / "rome-1", planned, TASK, **changes)


@pytest.fixture
def own_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("MLPBENCH_LOCK_DIR", str(tmp_path / "temporary"))


@pytest.mark.usefixtures("own_lock")
def test_a_job_begins_and_goes_on_where_it_was_killed(tmp_path: Path, npz: Path) -> None:
    measuring = run_of(tmp_path, npz)
    assert measuring() == 0
    first = tmp_path / "rome-1" / "1"
    whole = (first / journal.NAME).read_bytes().splitlines(keepends=True)
    # As a kill leaves it: the end is missing, and the exit code of a run that died by a signal.
    (first / journal.NAME).write_bytes(b"".join(whole[:-1]))
    before = submission.attempts(tmp_path / "rome-1")[0][1]
    submission.record(first, msgspec.structs.replace(before, exit_code=-15))
    assert measuring() == 0
    assert [path.name for path, _ in submission.attempts(tmp_path / "rome-1")] == ["1"]
    assert "Resuming: " in (first / submission.OUTPUT).read_text()
    # On another machine it begins again, for a run is of one machine.
    submission.record(first, msgspec.structs.replace(before, exit_code=None, node="elsewhere"))
    assert measuring() == 0
    assert [path.name for path, _ in submission.attempts(tmp_path / "rome-1")] == ["1", "2"]


@pytest.mark.usefixtures("own_lock")
def test_what_run_refuses_is_the_end_of_the_job(tmp_path: Path, npz: Path) -> None:
    measuring = run_of(tmp_path, npz, arguments=("--dataset", str(tmp_path / "none.npz")))
    assert measuring() == 64
    found = standing_of(tmp_path, state_of(job.node_and_job()[1]), TASK, {})
    assert found.kind == "failed"
    assert "none.npz" in found.reason


def test_a_run_is_told_its_kind_and_keeps_the_devices_of_the_user(tmp_path: Path) -> None:
    measuring = run_of(tmp_path, tmp_path, root="/here", local=True)
    hidden = {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": "/there"}
    assert measuring.environment(hidden) == {
        "MLPBENCH_KIND": "rome",
        "PYTHONPATH": "/here:/there",
    }
    chosen = run_of(tmp_path, tmp_path, devices="1", local=True).environment(hidden)
    assert chosen["CUDA_VISIBLE_DEVICES"] == "1"
    on_slurm = run_of(tmp_path, tmp_path).environment({"CUDA_VISIBLE_DEVICES": "0"})
    assert on_slurm["CUDA_VISIBLE_DEVICES"] == "0"


@pytest.mark.parametrize(("obeys", "code"), [(True, 130), (False, -signal.SIGKILL)])
def test_a_run_is_interrupted_and_killed_where_it_does_not_end(*, obeys: bool, code: int) -> None:
    handler = "lambda *_: sys.exit(130)" if obeys else "signal.SIG_IGN"
    program = (
        f"import signal, sys, time; signal.signal(signal.SIGINT, {handler}); "
        "print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    begun = time.monotonic()
    job.interrupt([process], patience=20.0 if obeys else 0.5)
    assert time.monotonic() - begun < 20
    assert process.wait() == code
    process.stdout.close()


def test_slurm_is_asked_for_whole_hosts() -> None:
    resources = Resources(
        partition="main", minutes=90, setup=("module load x",), options={"account": "a", "wait": ""}
    )
    found = submit.sbatch_parameters(resources, TASK)
    assert found["additional_parameters"] == {
        "signal": "B:USR2@90", "requeue": True, "account": "a", "wait": True,
    }  # fmt: skip
    assert found["setup"][0] == "module load x"
    rest = {name: found[name] for name in found if name not in {"additional_parameters", "setup"}}
    assert rest == {
        "job_name": "mlpbench-rome", "nodes": 1, "ntasks_per_node": 1, "exclusive": True,
        "use_srun": False, "mem": "0", "time": 90, "array_parallelism": 4, "partition": "main",
        "constraint": "rome",
    }  # fmt: skip
    kept = submit.sbatch_parameters(Resources(options={"no-requeue": ""}), TASK)
    assert "requeue" not in kept["additional_parameters"]


def test_a_folder_without_a_submission_or_with_a_damaged_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"holds no submit\.json"):
        submission.load(tmp_path)
    (tmp_path / submission.NAME).write_text("{")
    with pytest.raises(ResultsError, match="is damaged"):
        submission.load(tmp_path)
    submission.save(tmp_path, msgspec.structs.replace(state_of(), version=99))
    with pytest.raises(ResultsError, match="version 99"):
        submission.load(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--impl", "nupy"), "unknown implementation 'nupy'"),
        (("--network", "blogg"), "Did you mean 'blog'"),
        (("--frobnicate", "3"), "No such option '--frobnicate'"),
        (("--resume", "x"), "each job is given its own --resume"),
        (("--local", "--kind", "rome"), "leave out --kind"),
        (("--across-machines",), "belongs to --collect"),
        (("--status", "x", "--collect", "y"), "give one of them"),
        (("--status", "x", "--seed", "3"), "leave out --seed, 3"),
        (("--status", "x"), "holds no submit.json"),
    ],
)
def test_what_makes_no_jobs_is_refused(
    mlpbench: Callable[..., Said], arguments: tuple[str, ...], said: str
) -> None:
    pytest.importorskip("submitit")
    found = mlpbench("submit", *arguments)
    assert found.code == 64
    assert said in found.err


def test_without_submitit_the_message_says_how_to_install_it(
    mlpbench: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    found = mlpbench("submit", "--local")
    assert found.code == 64
    assert "pip install 'mlpbench[slurm]'" in found.err


@pytest.mark.usefixtures("own_lock")
def test_the_same_jobs_run_here_one_after_the_other_and_make_one_report(
    tmp_path: Path, npz: Path
) -> None:
    pytest.importorskip("submitit")

    def submit(*arguments: object) -> subprocess.CompletedProcess[str]:
        # In a process of its own: submitit keeps track of its jobs in the process.
        return subprocess.run(
            [sys.executable, "-P", "-m", "bench", "submit", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    out = tmp_path / "jobs"
    done = submit("--local", "--replicates", 2, "--dataset", npz, *RUN, "--out", out)
    assert done.returncode == 0, done.stdout
    assert "2 jobs, all done." in done.stdout
    again = submit("--local", "--dataset", npz, *RUN, "--out", out)
    assert "holds a submission already" in again.stdout
    assert "there is nothing to submit" in submit("--resubmit", out).stdout
    collected = submit("--collect", out, "--across-machines")
    assert collected.returncode == 0, collected.stdout
    assert "Epoch time of local-2 against local-1" in collected.stdout
    page = (out / "report.html").read_text()
    assert "Machines side by side" in page
    assert "fastest here" in page
    assert "made on the same machine" in page
    rows = json.loads((out / "collected.json").read_text())["jobs"]
    assert [row["task"] for row in rows] == ["local-1", "local-2"]
    assert all(Path(row["results"]).exists() for row in rows)
