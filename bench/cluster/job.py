"""What a job does on its node: one whole ``mlpbench run``, resumed where possible.

A scheduler may kill a job at any moment and begin it again, on this node or on another one.  The
journal of a run then is where it goes on, but only on the machine that it was begun on: elsewhere
the run begins again in another folder.
"""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from bench import exits
from bench.cluster import submission
from bench.cluster.submission import Attempt, Submission, Task
from bench.documents import journal
from bench.planning.revisions import ROOT, search_path
from bench.provenance import machine

_PATIENCE = 60.0
"""Seconds within which an interrupted run has written what it measured."""
_DEVICES = "CUDA_VISIBLE_DEVICES"


ENDED = (exits.FINE, exits.NOT_ALL_VALID, exits.UNAVAILABLE)
"""The exit codes with which ``mlpbench run`` came to its end."""


def is_unfinished(code: int | None) -> bool:
    """Return whether a run with this exit code can be resumed: it was killed, or its node was.

    A scheduler that takes a node away sends its signals to the run as well as to the job.
    """
    return code is None or code < 0 or code == exits.INTERRUPTED


@dataclass(frozen=True)
class MeasuringRun:
    """One task's run, as the scheduler's library pickles and calls it.

    ``folder`` is the task's, ``root`` where this project is imported from.  ``devices`` is the
    variable that hides GPUs, as the user had it: the library's local jobs change it.
    """

    folder: Path
    submission: Submission
    task: Task
    root: Path = ROOT
    devices: str | None = field(default_factory=lambda: os.environ.get(_DEVICES))

    def __call__(self) -> int:
        """Run to the end; return the exit code of ``mlpbench run``."""
        node, job = node_and_job()
        earlier = submission.attempts(self.folder)
        if earlier:
            folder, last = earlier[-1]
            goes_on = is_unfinished(last.exit_code) and last.node == node
            if goes_on and (folder / journal.NAME).exists():
                again = msgspec.structs.replace(last, job=job, ended=None, exit_code=None)
                code = self._run(folder, again, ("--resume", str(folder)))
                if code in ENDED or is_unfinished(code):
                    return code
        number = 1 + max((int(folder.name) for folder, _ in earlier), default=0)
        folder = self.folder / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        attempt = Attempt(job=job, node=node, begun=submission.now())
        return self._run(folder, attempt, (*self.submission.arguments, "--out", str(folder)))

    def checkpoint(self, *_arguments: Any) -> Any:
        """End the run in good order before the scheduler kills it; it goes on when requeued."""
        from submitit.helpers import DelayedSubmission  # noqa: PLC0415  # an optional package

        interrupt(_RUNNING)
        return DelayedSubmission(self)

    def _run(self, folder: Path, attempt: Attempt, arguments: Sequence[str]) -> int:
        """Run ``mlpbench run`` as a process of this job, and record its begin and its end."""
        submission.record(folder, attempt)
        with (folder / submission.OUTPUT).open("ab") as output:
            process = subprocess.Popen(  # noqa: S603  # our own command, no shell
                # -P: the current folder must not come before this very copy.
                [sys.executable, "-P", "-m", "bench", "run", *arguments],
                cwd=self.submission.directory,
                env=self.environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            _RUNNING.append(process)
            try:
                code = process.wait()
            finally:
                _RUNNING.remove(process)
        submission.record(
            folder, msgspec.structs.replace(attempt, ended=submission.now(), exit_code=code)
        )
        return code

    def environment(self, inherited: Any) -> dict[str, str]:
        """Return the environment of the run: the node's, and the variables of its job."""
        variables = {**inherited, machine.KIND: self.task.constraint or ""}
        variables["PYTHONPATH"] = search_path(inherited, self.root)
        if self.submission.local:
            variables.pop(_DEVICES, None)
            variables |= {} if self.devices is None else {_DEVICES: self.devices}
        return variables


_RUNNING: list[subprocess.Popen[bytes]] = []
"""The run of this process, for the signal that announces its end."""


def interrupt(running: Sequence[subprocess.Popen[bytes]], patience: float = _PATIENCE) -> None:
    """Ask runs to write what they have, as Ctrl-C does; kill those that have not after a while.

    Called by a signal handler in the midst of ``Popen.wait``, whose lock is taken then: whether a
    process has ended is asked of the system.
    """
    for process in list(running):
        process.send_signal(signal.SIGINT)
        end = time.monotonic() + patience
        while not _has_ended(process.pid):
            if time.monotonic() > end:
                os.kill(process.pid, signal.SIGKILL)
                break
            time.sleep(0.1)


def _has_ended(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return True


def node_and_job() -> tuple[str, str]:
    """Return the node and the job that this process is in."""
    allocated = machine.allocation(os.environ)
    if allocated is not None:
        return allocated.node or platform.node(), allocated.job
    return platform.node(), os.environ.get("SUBMITIT_LOCAL_JOB_ID", str(os.getpid()))
