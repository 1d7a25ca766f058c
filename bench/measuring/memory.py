"""Memory: what is resident in this process, now and at most, and what is still available.

The numbers are those of ``/proc/self/status`` (proc(5)) and not of getrusage(2): ``ru_maxrss``
survives execve(2), so that a fresh process begins with the peak of its parent.
"""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_KIB = 1024


def resident(status: Path = _STATUS) -> int | None:
    """Return the bytes that are resident now; None where unknown."""
    return _account("VmRSS", status)


def peak(status: Path = _STATUS) -> int:
    """Return the most bytes that were resident since the start, or since :func:`forget_peak`.

    Everything of the process is in it: interpreter, libraries, the data set and what the
    implementation keeps.  Where the system has no such account it is the peak of getrusage(2),
    which may be that of the parent.
    """
    most = _account("VmHWM", status)
    if most is None:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB
    return most


def forget_peak(clear: Path = _CLEAR) -> bool:
    """Reset the peak to what is resident now; False where the system does not allow it."""
    try:
        # proc(5): a 5 resets the peak; it touches no page.
        clear.write_text("5")
    except OSError:
        return False
    return True


def available(
    meminfo: Path = Path("/proc/meminfo"), cgroups: Path = Path("/sys/fs/cgroup")
) -> int | None:
    """Return the bytes that further processes may take: the less of machine and container.

    None where that is unknown.  Containers are those of cgroup 2 (``memory.max``) and 1
    (``memory/memory.limit_in_bytes``).
    """
    free = [_account("MemAvailable", meminfo)]
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        # There is no file, or no number in it, for a container without a limit.
        with contextlib.suppress(OSError, ValueError):
            most, now = int((cgroups / limit).read_text()), int((cgroups / used).read_text())
            free.append(max(0, most - now))
    return min((amount for amount in free if amount is not None), default=None)


def _account(name: str, status: Path) -> int | None:
    """Return one line of the account, such as ``VmRSS:     1024 kB``, in bytes."""
    try:
        lines = status.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        key, _, rest = line.partition(":")
        if key == name:
            return int(rest.split()[0]) * _KIB
    return None
