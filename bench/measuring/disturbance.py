"""What else happened on the machine between two moments, read without disturbing it much.

One :meth:`Monitor.read` costs some 15 microseconds and 1.5 more per thread; it belongs outside
every timed region.  The sources are the kernel's own accounts (proc(5)): per thread
``schedstat``, for all processors the first line of ``/proc/stat``.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.documents.timings import Disturbance

BUSY_SHARE = 0.05
"""A thread that ran for less than this share of the time was not at work, but woken in passing."""

_SECONDS_PER_TICK = 1 / os.sysconf("SC_CLK_TCK")
_NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Reading:
    """The accounts at one moment; all but ``switches`` are seconds since some fixed start.

    ``wall`` and ``cpu`` are the time and this process's CPU time; ``threads`` maps the thread ids
    of this process to the time each has run and the time it was ready to run but waited for a
    processor; ``busy`` and ``stolen`` are sums over all processors, in ticks of the system.  None
    where the system has no such account.
    """

    wall: float
    cpu: float
    switches: int
    threads: Mapping[int, tuple[float, float]] | None
    busy: float | None
    stolen: float | None


class Monitor:
    """Reads the accounts of this process and of the machine.

    Files stay open between readings: opening them would cost more than all the rest.  What a
    thread waited after the last reading before it ended is not known afterwards and is left out.
    """

    processors: int | None = None
    """How many processors the accounts add up; None where unknown."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        with contextlib.suppress(OSError):
            lines = (proc / "stat").read_text().splitlines()
            self.processors = sum(bool(re.match(r"cpu\d", line)) for line in lines) or None
        self._tasks = proc / "self" / "task"
        self._files: dict[int, int] = {}
        self._task_folder = _open(self._tasks)
        self._stat = _open(proc / "stat")

    def read(self) -> Reading:
        """Return the accounts now."""
        busy, stolen = self._processors()
        return Reading(
            wall=time.perf_counter(),
            cpu=time.process_time(),
            switches=resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw,
            threads=self._threads(),
            busy=busy,
            stolen=stolen,
        )

    def between(self, before: Reading, after: Reading) -> Disturbance:
        """Return what happened between two readings.

        ``foreign`` and ``stolen`` come in ticks, commonly 10 ms: of a shorter round they only say
        something on average over many.
        """
        foreign = _difference(before.busy, after.busy)
        if foreign is not None:
            foreign = max(0.0, foreign - (after.cpu - before.cpu))
        spent = _by_thread(before, after)
        return Disturbance(
            waited=None if spent is None else sum(waited for _, waited in spent.values()),
            foreign=foreign,
            stolen=_difference(before.stolen, after.stolen),
            switches=after.switches - before.switches,
            processors=self.processors,
        )

    def busy_threads(self, before: Reading, after: Reading) -> int | None:
        """Return how many threads of this process ran for at least :data:`BUSY_SHARE` of the time.

        None where the system keeps no account of threads.
        """
        spent = _by_thread(before, after)
        if spent is None:
            return None
        least = BUSY_SHARE * (after.wall - before.wall)
        return sum(ran >= least and ran > 0 for ran, _ in spent.values())

    def close(self) -> None:
        """Close all files; the monitor cannot read afterwards."""
        for file in (*self._files.values(), self._task_folder, self._stat):
            if file is not None:
                os.close(file)
        self._files.clear()
        self._task_folder = self._stat = None

    def _processors(self) -> tuple[float | None, float | None]:
        """Return the seconds that all processors worked, and that the hypervisor gave to others."""
        if self._stat is None:
            return None, None
        fields = os.pread(self._stat, 512, 0).split(b"\n", 1)[0].split()
        if len(fields) < 9 or fields[0] != b"cpu":
            return None, None
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields[1:9])
        busy = user + nice + system + irq + softirq
        return busy * _SECONDS_PER_TICK, steal * _SECONDS_PER_TICK

    def _threads(self) -> dict[int, tuple[float, float]] | None:
        """Return seconds run and waited by thread; None where the kernel keeps no such account."""
        if self._task_folder is None:
            return None
        try:
            # The folder has a link for each thread: while their number is the same and all known
            # ones live, they are the same, and listing them would double the cost.
            if os.fstat(self._task_folder).st_nlink - 2 != len(self._files):
                self._follow()
            accounts = self._accounts()
            if accounts is None:
                self._follow()
                accounts = self._accounts()
        except OSError:
            return None
        # A kernel without scheduler statistics writes zeros, also for the thread that reads.
        is_kept = accounts is not None and any(ran for ran, _ in accounts.values())
        return accounts if is_kept else None

    def _accounts(self) -> dict[int, tuple[float, float]] | None:
        """Return the accounts of the known threads; None where one of them has ended."""
        accounts = {}
        try:
            for thread, file in self._files.items():
                ran, waited, _ = os.pread(file, 96, 0).split()
                accounts[thread] = int(ran) / _NANOSECONDS, int(waited) / _NANOSECONDS
        except ProcessLookupError:
            return None
        return accounts

    def _follow(self) -> None:
        """Open the files of new threads, close those of threads that have ended."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()
        for task in self._tasks.iterdir():
            opened = _open(task / "schedstat")
            # None: a thread that ended just now.
            if opened is not None:
                self._files[int(task.name)] = opened


def _open(path: Path) -> int | None:
    """Return a descriptor for reading, or None where there is no such file (any more)."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError, NotADirectoryError, PermissionError):
        return None


def _difference(before: float | None, after: float | None) -> float | None:
    """Return how much a sum grew, or None where unknown; 0 where the kernel corrected it down."""
    return None if before is None or after is None else max(0.0, after - before)


def _by_thread(before: Reading, after: Reading) -> dict[int, tuple[float, float]] | None:
    """Return the seconds that each thread alive at ``after`` ran and waited since ``before``."""
    if before.threads is None or after.threads is None:
        return None
    spent = {}
    for thread, (ran, waited) in after.threads.items():
        ran_before, waited_before = before.threads.get(thread, (0.0, 0.0))
        # Less than before: the id was given to a new thread, all of whose time is recent.
        if ran < ran_before:
            ran_before = waited_before = 0.0
        spent[thread] = ran - ran_before, waited - waited_before
    return spent
