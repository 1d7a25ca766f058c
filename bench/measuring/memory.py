"""Resident memory of this process: now, and at most.

The system's own account of this very process (``/proc/self/status``, proc(5)), not that of
getrusage(2): ``ru_maxrss`` survives execve(2), so that a fresh process begins with the peak of the
one that started it.
"""

from __future__ import annotations

import resource
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_KIB = 1024


def resident(status: Path = _STATUS) -> int | None:
    """Bytes that are resident now; None where the system does not tell."""
    return _account("VmRSS", status)


def peak(status: Path = _STATUS) -> int:
    """The most bytes that were resident since the start, or since :func:`forget_peak`.

    Everything of the process is in it: interpreter, libraries, the data set and what the
    implementation keeps.  Where the system has no such account it is the peak of getrusage(2),
    which may be that of the parent.
    """
    found = _account("VmHWM", status)
    if found is None:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    return found


def forget_peak(clear: Path = _CLEAR) -> bool:
    """Let the peak begin anew at what is resident now; False where the system does not allow it."""
    try:
        # proc(5): a 5 resets the peak; it touches no page.
        clear.write_text("5")
    except OSError:
        return False
    return True


def _account(name: str, status: Path) -> int | None:
    """One line of the account, such as ``VmRSS:     1024 kB``, in bytes."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, rest = line.partition(":")
        if key == name:
            return int(rest.split()[0]) * _KIB
    return None
