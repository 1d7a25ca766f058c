"""The exit codes of all commands: one number, one meaning."""

from __future__ import annotations

FINE = 0
SLOWER = 1
"""``compare``: a cell is slower."""
MISSED = 1
"""``selfcheck``: a target is missed."""
UNCLEAR = 2
"""``compare``: it is not clear whether a cell is slower."""
NOT_JUDGED = 2
"""``selfcheck``: a target could not be tested on this machine."""
NOT_ALL_VALID = 3
"""Something that was begun was wrong or failed; the rest is measured or trained."""
UNAVAILABLE = 4
"""``run``: nothing was measured, or not what was named in full."""
NOT_COMPARABLE = 4
"""``compare``: documents or processes differ too much to be compared."""
USAGE = 64
"""EX_USAGE of sysexits.h: the request cannot be carried out."""
CRASHED = 70
"""EX_SOFTWARE of sysexits.h: an unexpected error; it never passes for a verdict."""
UNWRITABLE = 74
"""EX_IOERR of sysexits.h: the output did not take the answer, such as on a full device."""
BUSY = 75
"""EX_TEMPFAIL of sysexits.h: the same command may succeed later."""
INTERRUPTED = 130
"""Ctrl-C; what was done until then is kept."""
NO_READER = 141
"""What a shell reports of SIGPIPE: the reader of the output has ended."""
