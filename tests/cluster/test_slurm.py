"""Jobs in a real SLURM with two emulated nodes: lost, preempted and told to end in time."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.emulated import EmulatedSlurm, reason_not_to_start
from tests.stand_ins.command import Said

pytest.importorskip("submitit", reason="submitit is not installed (extra slurm)")
REASON = reason_not_to_start()
pytestmark = pytest.mark.skipif(bool(REASON), reason=REASON)

RUN = (
    "--dataset", "digits", "--examples", "300", "--network", "784-16-10", "--batch-size", "50",
    "--impl", "numpy-naive,numpy-optimized", "--bare", "--profile", "quick", "--threads", "1",
)  # fmt: skip
PATIENCE = 150.0
"""Seconds for what takes ten on an idle machine."""


@pytest.fixture(scope="module")
def slurm() -> Iterator[EmulatedSlurm]:
    # Sockets need a short path, and munge one that others cannot write.
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
    cluster = EmulatedSlurm(folder)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Submitting:
    """``mlpbench submit`` in the emulated cluster, with a folder for its jobs."""

    def __init__(self, cluster: EmulatedSlurm, folder: Path, run: Callable[..., Said]) -> None:
        self.cluster, self.folder, self.run = cluster, folder, run
        self.out = folder / "jobs"

    def __call__(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        said = self.run("submit", *arguments, "--json")
        assert said.code == code, said
        answer: dict[str, Any] = json.loads(said.out)
        return answer

    def submit(self, *arguments: object) -> dict[str, Any]:
        """Submit a small run; each emulated node has the lock of a machine of its own."""
        for node in ("node1", "node2"):
            (self.folder / node).mkdir()
        own = f"export MLPBENCH_LOCK_DIR={self.folder}/$SLURMD_NODENAME"
        return self(*RUN, *arguments, "--setup", own, "--time-limit", "10min", "--out", self.out)

    def jobs(self, mode: str = "--status", code: int = 0) -> dict[str, dict[str, Any]]:
        return {job["task"]: job for job in self(mode, self.out, code=code)["jobs"]}

    def states(self) -> dict[str, str]:
        """How the jobs stand, whatever the exit code."""
        answer = json.loads(self.run("submit", "--status", self.out, "--json").out)
        return {job["task"]: job["kind"] for job in answer["jobs"]}

    def wait(self, **expected: str) -> None:
        """Wait until the jobs stand like this; underscores stand for hyphens."""
        wanted = {name.replace("_", "-"): kind for name, kind in expected.items()}
        until(lambda: self.states() == wanted, lambda: f"{self.states()} is not {wanted}")

    def begin_again(self, job: str) -> None:
        """Wait until a job was requeued, then let it begin.

        SLURM learns a moment later that the script of the first start has ended.  In a job that has
        begun again by then, it takes that for the end of the second.
        """
        until(lambda: set(self.states().values()) == {"waiting"}, lambda: str(self.states()))
        time.sleep(3)
        until(lambda: self.cluster.begin_at_once(job), lambda: f"job {job} does not begin")

    def outcomes(self, task: str) -> int:
        """How many lines of outcomes the first attempt of a task has on disk."""
        journal = self.out / task / "1" / "journal.jsonl"
        return max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0


def until(holds: Callable[[], bool], said: Callable[[], str]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, said()
        time.sleep(0.5)


@pytest.fixture
def submit(
    slurm: EmulatedSlurm,
    tmp_path: Path,
    mlpbench: Callable[..., Said],
    monkeypatch: pytest.MonkeyPatch,
) -> Submitting:
    for name in ("SLURM_CONF", "PATH"):
        monkeypatch.setenv(name, slurm.environment[name])
    return Submitting(slurm, tmp_path, mlpbench)


def test_a_lost_node_is_an_outcome_and_its_run_goes_on_when_submitted_again(
    submit: Submitting,
) -> None:
    told = submit.submit("--kind", "rome,genoa", "--blocks", "2", "--sbatch", "no-requeue")
    assert set(told["jobs"]) == {"rome-1", "genoa-1"}
    until(lambda: submit.outcomes("genoa-1") > 0, lambda: str(submit.jobs(code=3)))
    submit.cluster.kill_node("node2")
    submit.wait(rome_1="done", genoa_1="lost")

    collected = submit.jobs("--collect", code=3)
    lost = collected["genoa-1"]
    assert lost["reason"] == "the node failed (NODE_FAIL, NodeDown)"
    assert (lost["node"], lost["attempts"], lost["run"]) == ("node2", 1, 2)
    assert collected["rome-1"]["kind"] == "done"
    page = (submit.out / "report.html").read_text()
    assert "2 jobs: 1 done and 1 lost." in page
    assert "the node failed (NODE_FAIL, NodeDown)" in page

    submit.cluster.start_node("node2")
    before = submit.outcomes("genoa-1")
    again = submit("--resubmit", submit.out)
    assert set(again["jobs"]) == {"genoa-1"}
    submit.wait(rome_1="done", genoa_1="done")
    assert submit.outcomes("genoa-1") > before
    assert "Resuming: " in (submit.out / "genoa-1" / "1" / "output.txt").read_text()

    collected = submit.jobs("--collect")
    assert {one["node"] for one in collected.values()} == {"node1", "node2"}
    for name, kind in (("rome-1", "rome"), ("genoa-1", "genoa")):
        machine = json.loads((submit.out / name / "1" / "results.json").read_text())["machine"]
        job = machine["allocation"]
        assert (job["scheduler"], job["constraint"]) == ("slurm", kind)
        assert job["node"] == collected[name]["node"]
        assert machine["cpus"]
    page = (submit.out / "report.html").read_text()
    assert "2 jobs, all done." in page
    assert "rome-1 (node1)" in page
    assert "genoa-1 (node2)" in page


def test_a_preempted_run_goes_on_by_itself(submit: Submitting) -> None:
    told = submit.submit("--kind", "rome", "--blocks", "3", "--partition", "main")
    until(lambda: submit.outcomes("rome-1") > 0, lambda: str(submit.jobs(code=3)))
    script = submit.folder / "urgent.sh"
    script.write_text("#!/bin/sh\nsleep 1\n")
    urgent = ("--partition=urgent", "--constraint=rome", "--exclusive", "--output=/dev/null")
    assert submit.cluster.command("sbatch", *urgent, str(script))
    until(lambda: submit.states() == {"rome-1": "waiting"}, lambda: str(submit.states()))
    waiting = submit.jobs(code=3)["rome-1"]
    assert waiting["reason"].startswith("begun before; goes on when it gets a node")
    submit.begin_again(told["jobs"]["rome-1"])
    submit.wait(rome_1="done")
    assert "Resuming: " in (submit.out / "rome-1" / "1" / "output.txt").read_text()
    assert submit.jobs("--collect")["rome-1"]["attempts"] == 1


def test_a_run_that_is_told_to_end_writes_what_it_has_and_goes_on(submit: Submitting) -> None:
    told = submit.submit("--kind", "rome", "--blocks", "2")
    until(lambda: submit.outcomes("rome-1") > 0, lambda: str(submit.jobs(code=3)))
    job = told["jobs"]["rome-1"]
    # What SLURM sends to the batch script before the time limit.
    submit.cluster.command("scancel", "--batch", "--signal=USR2", job)
    output = submit.out / "rome-1" / "1" / "output.txt"
    until(lambda: "interrupted" in output.read_text(), output.read_text)
    submit.begin_again(job)
    submit.wait(rome_1="done")
    assert "Resuming: " in output.read_text()
    assert submit.jobs("--collect")["rome-1"]["attempts"] == 1


def test_a_job_that_cannot_begin_fails_with_its_reason(submit: Submitting) -> None:
    submit.submit("--setup", "echo no such module >&2; exit 1")
    submit.wait(any_1="failed")
    failed = submit.jobs(code=3)["any-1"]
    assert failed["reason"] == (
        "the job ended without a result (FAILED, NonZeroExitCode): no such module"
    )


def test_what_sbatch_refuses_is_said(submit: Submitting) -> None:
    said = submit.run("submit", *RUN, "--kind", "none", "--out", submit.out)
    assert said.code == 64
    assert "sbatch refused the jobs of kind none" in said.err
    assert "Invalid feature specification" in said.err
