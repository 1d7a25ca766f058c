"""Live worker processes: started, asked, stopped while others compute, ended.

A worker that waits is stopped by a signal (SIGSTOP) and goes on when its turn comes (SIGCONT).
Thread pools of OpenBLAS spin for about 100 ms after their work, those of libgomp for 7 ms; a
stopped process cannot, so exactly one process computes at any time.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.documents.messages import Reply, Request
from bench.planning import affinity

_MARK = "MLPBENCH_WORKER"
"""The variable that marks all processes of one worker, wherever they go."""
_TAIL_BYTES = 4000
_CHUNK_BYTES = 1 << 16
_PATIENCE = 1.0
"""Seconds in which what was killed has ended."""


@dataclass(frozen=True)
class NoReply:
    """Why a worker ended without a reply; ``output`` is the last that it printed."""

    reason: str
    output: str


class Launcher:
    """Starts fresh Python processes on this machine, on ``cpus`` alone where given."""

    def __init__(self, cpus: Collection[int] = ()) -> None:
        self.cpus = cpus

    def start(self, assignment: Path, environment: Mapping[str, str]) -> WorkerProcess:
        """Return a worker for the assignment in a file, with exactly this environment."""
        with affinity.inherited(self.cpus):
            return WorkerProcess(assignment, environment)


class WorkerProcess:
    """A live process that answers one request at a time: one pipe for these, one for replies."""

    def __init__(self, assignment: Path, environment: Mapping[str, str]) -> None:
        _adopt_orphans()
        self.mark = f"{_MARK}={uuid.uuid4()}"
        self.output = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        child_reads, self.requests = os.pipe()
        self.replies, child_writes = os.pipe()
        self.waiting = b""
        try:
            self.process = subprocess.Popen(  # noqa: S603  # our own worker, no shell
                # -P: the current folder must not come before the parent's own copy.
                [
                    sys.executable, "-P", "-m", "bench.measuring.worker",
                    str(assignment), str(os.getpid()), str(child_reads), str(child_writes),
                ],
                env={**environment, **dict([self.mark.split("=")])},
                stdin=subprocess.DEVNULL,
                stdout=self.output,
                stderr=subprocess.STDOUT,
                pass_fds=(child_reads, child_writes),
                # A separate group: what the worker started ends with it, and Ctrl-C reaches the
                # parent alone, which then ends the worker.
                start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(child_reads)
            os.close(child_writes)

    def ask(self, request: Request | None, timeout: float) -> Reply | NoReply:
        """Return the reply to a request, or to the start where None; then the process is stopped.

        Where no reply comes within ``timeout`` seconds, the process is killed, and how it ended is
        returned.
        """
        if request is not None:
            self._signal(signal.SIGCONT)
            # A worker that has ended shows it when its reply is read.
            with contextlib.suppress(BrokenPipeError):
                os.write(self.requests, msgspec.json.encode(request) + b"\n")
        reply = self._reply(timeout)
        if not isinstance(reply, NoReply):
            self._signal(signal.SIGSTOP)
        return reply

    def _reply(self, timeout: float) -> Reply | NoReply:
        deadline = time.monotonic() + timeout
        poll = select.poll()
        poll.register(self.replies, select.POLLIN)
        while b"\n" not in self.waiting:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(1000 * left):
                return self._no_reply(f"no answer within {timeout:g} s; it was stopped")
            received = os.read(self.replies, _CHUNK_BYTES)
            if not received:
                return self._no_reply("")
            self.waiting += received
        line, _, self.waiting = self.waiting.partition(b"\n")
        try:
            return msgspec.json.decode(line, type=Reply)
        except msgspec.DecodeError as error:
            return self._no_reply(f"the worker wrote something else than a reply: {error}")

    def cpu_seconds(self) -> float | None:
        """Return the processor time of all its threads so far; None where it has ended.

        It is the kernel's own clock of the process (clock_getcpuclockid(3)).
        """
        # The id of the processor clock of a process, as glibc makes it: CPUCLOCK_SCHED is 2.
        clock = (~self.process.pid << 3) | 2
        try:
            return time.clock_gettime(clock)
        except OSError:
            return None

    def resident_bytes(self) -> int:
        """Return the resident memory that it shares with nobody; 0 where unknown."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return 0
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        return 1024 * int(fields.get("RssAnon", "0").split()[0])

    def close(self) -> None:
        """Close the pipes, kill the group, and forget what it printed."""
        if self.output.closed:
            return
        self._kill()
        for pipe in (self.requests, self.replies):
            os.close(pipe)
        self.output.close()

    def _no_reply(self, reason: str) -> NoReply:
        """Return why there is no reply; the process is killed where it has not ended by itself."""
        if not reason:
            # The pipe is closed: give it the time to say how it ended.
            with contextlib.suppress(subprocess.TimeoutExpired):
                reason = _describe(self.process.wait(5))
        self._kill()
        self.output.seek(max(0, self.output.seek(0, os.SEEK_END) - _TAIL_BYTES))
        printed = self.output.read().decode(errors="replace").strip()
        return NoReply(reason or "the worker closed its pipe", printed)

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)
        self.process.wait()
        # What the worker started became children of this process when the worker ended.
        deadline = time.monotonic() + _PATIENCE
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < deadline:
                if os.waitpid(-self.process.pid, os.WNOHANG) == (0, 0):
                    time.sleep(_PATIENCE / 1000)
        # What left its group is known by its mark.
        while strays := [pid for pid in _children() if self.mark in _environment(pid)]:
            for pid in strays:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


@functools.cache
def _adopt_orphans() -> None:
    """Become the parent of whatever a worker leaves behind (prctl(2), Linux only)."""
    set_child_subreaper = 36
    ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def _children() -> list[int]:
    """Return the processes whose parent this one is; empty where unknown."""
    processes: list[int] = []
    for file in Path("/proc/self/task").glob("*/children"):
        # A thread may end meanwhile.
        with contextlib.suppress(OSError):
            processes += map(int, file.read_text().split())
    return processes


def _environment(pid: int) -> list[str]:
    """Return the variables of a process as ``NAME=value``; empty where it has ended."""
    try:
        return Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    except OSError:
        return []


def _describe(exit_code: int) -> str:
    """Return what an exit code means, where no answer came."""
    if exit_code == 0:
        return "the worker ended without an answer"
    if exit_code > 0:
        return f"the worker ended with exit code {exit_code}"
    known = {number.value: number.name for number in signal.Signals}
    name = known.get(-exit_code, f"signal {-exit_code}")
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"the worker was killed by {name}{hint}"
