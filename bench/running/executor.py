"""Where workers run: here, as local processes, one at a time.

The runner only knows :class:`Executor`; a cluster scheduler would be another one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bench.planning import affinity

_TAIL_BYTES = 4000


@dataclass(frozen=True)
class End:
    """How a worker ended: ``reason`` is empty where it did its work, ``output`` its last words."""

    reason: str
    output: str


class Executor(Protocol):
    """Runs one order to its end."""

    def execute(self, order: Path, environment: Mapping[str, str], timeout: float) -> End:
        """Run a worker on the order at ``order``; return when it has ended, for good or ill."""
        ...


class LocalExecutor:
    """A fresh Python process on this machine for each order, on ``cpus`` alone where given."""

    def __init__(self, cpus: Collection[int] = ()) -> None:
        self.cpus = cpus

    def execute(self, order: Path, environment: Mapping[str, str], timeout: float) -> End:
        """Run ``python -m bench.measuring.worker`` and wait for it, at most ``timeout`` seconds."""
        with tempfile.TemporaryFile() as output:
            with affinity.inherited(self.cpus):
                process = subprocess.Popen(  # noqa: S603  # our own worker, no shell
                    # -P: the current folder must not come before the parent's own copy.
                    [
                        sys.executable,
                        "-P",
                        "-m",
                        "bench.measuring.worker",
                        str(order),
                        str(os.getpid()),
                    ],
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    # A group of its own: what the worker started ends with it, and Ctrl-C reaches
                    # the parent alone, which then ends the worker.
                    start_new_session=True,
                )
            try:
                reason = _describe(process.wait(timeout))
            except subprocess.TimeoutExpired:
                reason = f"no end after {timeout:g} s; it was stopped"
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            output.seek(max(0, output.seek(0, 2) - _TAIL_BYTES))
            return End(reason, output.read().decode(errors="replace").strip())


def _describe(exit_code: int) -> str:
    """What an exit code means; empty for success."""
    if exit_code == 0:
        return ""
    if exit_code > 0:
        return f"the worker ended with exit code {exit_code}"
    known = {number.value: number.name for number in signal.Signals}
    name = known.get(-exit_code, f"signal {-exit_code}")
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"the worker was killed by {name}{hint}"
