"""Busy neighbours: foreign processes that keep processors busy during the rounds of some cells.

A shared machine is the usual one, and it decides which thread setting is best: pools that spin at a
barrier wait for whole time slices of a thread that has lost its processor.  The number of
neighbours is part of a cell's setting, under the name :data:`VARIABLE`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from bench.measuring import parent_death
from bench.planning.plan import Plan, Setting
from bench.planning.variables import NEIGHBOURS as VARIABLE
from impls.errors import UsageError

SETTLE_SECONDS = 0.02
"""So long the neighbours run before a turn, for the scheduler to spread them."""

# Integer arithmetic in one thread, without memory: it takes time slices and nothing else.
_BUSY = """
import os
import runpy

if runpy.run_path({lifeline!r})["end_with"]({parent}):
    os.write(1, b"+")
    while True:
        sum(range(100_000))
"""


def count(setting: Setting) -> int:
    """Return how many neighbours a setting asks for."""
    return int(dict(setting).get(VARIABLE) or 0)


def with_neighbours(settings: Sequence[Setting], counts: Sequence[int]) -> tuple[Setting, ...]:
    """Return every setting with every number of neighbours.

    Raises:
        UsageError: a setting sweeps the variable as well.
    """
    if not counts:
        return tuple(settings)
    if any(name == VARIABLE for setting in settings for name, _ in setting):
        raise UsageError(f"--env {VARIABLE} and --neighbours are the same: give --neighbours")
    return tuple(
        tuple(sorted((*setting, (VARIABLE, str(number)))))
        for setting in settings
        for number in counts
    )


class Neighbours:
    """As many busy processes as any cell of a plan asks for; they rest but for its turns."""

    def __init__(self, plan: Plan) -> None:
        self.number = max(map(count, plan.settings), default=0)
        self.processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        text = _BUSY.format(lifeline=parent_death.__file__, parent=os.getpid())
        for _ in range(self.number):
            process = subprocess.Popen(  # noqa: S603  # our own
                [sys.executable, "-S", "-c", text],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
            )
            self.processes.append(process)
        for process in self.processes:
            # A stopped process cannot see that its parent has ended: the kernel must know first.
            if process.stdout is not None:
                process.stdout.read(1)
            process.send_signal(signal.SIGSTOP)
        return self

    def __exit__(self, *_error: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    @contextmanager
    def busy(self, setting: Setting) -> Iterator[None]:
        """Keep the neighbours of ``setting`` busy within."""
        chosen = self.processes[: count(setting)]
        for process in chosen:
            process.send_signal(signal.SIGCONT)
        if chosen:
            time.sleep(SETTLE_SECONDS)
        try:
            yield
        finally:
            for process in chosen:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGSTOP)
