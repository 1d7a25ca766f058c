"""Which processors the workers may run on: the list of ``--cpus``, and holding processes to it.

A process inherits the affinity mask of the thread that starts it, and so do the threads that its
libraries make while they are loaded.  A worker is therefore held before it exists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import groupby

from impls.errors import UsageError

AT_START = frozenset(os.sched_getaffinity(0))
"""Where this process might run when it began.  OMP_PROC_BIND may shrink the mask later."""

_PART = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return the processors in a list such as ``2-3,6``, in ascending order.

    Raises:
        UsageError: the text is not such a list, or it names a processor twice.
    """
    cpus: list[int] = []
    for part in text.split(","):
        matched = _PART.fullmatch(part.strip())
        if matched is None:
            raise UsageError(
                f"{text!r} is not a list of processors: give numbers and ranges, such as 2-3,6"
            )
        first, last = int(matched[1]), int(matched[2] or matched[1])
        if last < first:
            raise UsageError(f"{part.strip()} runs backwards: write {last}-{first}")
        cpus += range(first, last + 1)
    twice = sorted({cpu for cpu in cpus if cpus.count(cpu) > 1})
    if twice:
        raise UsageError(f"{text!r} names processor {twice[0]} twice: name each once")
    return tuple(sorted(cpus))


def listed(cpus: Collection[int]) -> str:
    """Return ``cpus`` as a list with ranges, such as ``2-3,6``."""
    ordered = enumerate(sorted(cpus))
    runs = [
        [cpu for _, cpu in run] for _, run in groupby(ordered, key=lambda pair: pair[1] - pair[0])
    ]
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def require_usable(cpus: Collection[int]) -> None:
    """Refuse processors that this process may not run on.

    Raises:
        UsageError: there is one, or the machine has no such processor.
    """
    usable = AT_START
    missing = set(cpus) - usable
    if missing:
        raise UsageError(
            f"--cpus {listed(cpus)}: this process may not run on {listed(missing)}. "
            f"Choose from {listed(usable)}."
        )


@contextmanager
def inherited(cpus: Collection[int]) -> Iterator[None]:
    """Let what this thread starts meanwhile run on ``cpus`` alone, or where this process began.

    The mask is that of one thread: the other threads of this process keep theirs.

    Raises:
        UsageError: one of them cannot be used, such as after it was taken offline.
    """
    if cpus:
        require_usable(cpus)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus or AT_START)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def disagreement(asked: Collection[int], observed: str | None) -> str | None:
    """Return why a worker is not held to the processors ``asked`` for; None where it is.

    ``observed`` is the mask that the worker read.  It may be shorter: a worker whose
    library obeys no variable is held to as many processors as it has threads.
    """
    if not asked:
        return None
    if observed is not None and set(parse_cpus(observed)) <= set(asked):
        return None
    return (
        f"processors {listed(asked)} requested, but the process may run on "
        f"{observed or 'others, which its worker did not report'}"
    )


def hold(threads: int) -> None:
    """Let this process run on no more than ``threads`` processors.

    For libraries that obey no variable.  Threads started before are not held, so call it before
    such a library is imported.
    """
    usable = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, usable[:threads])
