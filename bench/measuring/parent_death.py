"""A worker must not outlive its parent: nobody would read what it measures.

A parent that is killed (SIGKILL, out of memory) has no time to stop its worker.  The orphan would
go on for minutes and take processor, cache and clock from whatever is measured next, such as the
resumed run.  So the worker asks the kernel to be killed with its parent: prctl(2),
PR_SET_PDEATHSIG.  Linux only.  The signal comes when the thread ends that started the worker,
which waits for it, and it does not reach processes that the worker has started itself.
"""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1


def end_with(parent: int) -> bool:
    """Let the kernel kill this process as soon as its parent has ended.

    ``parent`` is the process id of the parent.  Returns false where the parent had ended before
    the kernel was asked: the caller is an orphan already and should end.

    Raises:
        OSError: the system has no such call.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    arguments = (signal.SIGKILL, 0, 0, 0)
    if libc.prctl(_PR_SET_PDEATHSIG, *map(ctypes.c_ulong, arguments)):
        error = ctypes.get_errno()
        raise OSError(error, f"prctl(PR_SET_PDEATHSIG): {os.strerror(error)}")
    return os.getppid() == parent
