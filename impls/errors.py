"""Every exception this project raises on purpose.

    BenchError                 anything a user can put right
    ├── UsageError             an option or an argument is not acceptable
    ├── UnknownNameError       a name is not in a registry
    ├── DatasetError           data cannot be read, or is not what it claims to be
    ├── ResultsError           a results document cannot be read or written
    ├── ModelError             a saved model cannot be read or written
    ├── ImplementationError    an implementation cannot be loaded
    ├── LockError              the lock that keeps two from measuring cannot be used
    └── BusyError              another process measures on this machine

Messages name the value, the rule it breaks and the remedy.  Libraries raise; only
``bench.cli`` turns an error into text and an exit code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """A problem the user can put right; its text is complete without a traceback."""


class UsageError(BenchError):
    """An option or an argument breaks a rule."""


class DatasetError(BenchError):
    """A data set cannot be read, or holds something else than it should."""


class ResultsError(BenchError):
    """A results document, journal or output folder cannot be read or written."""


class ModelError(BenchError):
    """A saved model cannot be read or written, or does not fit what it is wanted for."""


class ImplementationError(BenchError):
    """An implementation cannot be imported or does not fulfil the contract."""


class LockError(BenchError):
    """The lock against measuring two things at once cannot be used."""


class BusyError(BenchError):
    """Another process measures on this machine: the same may be possible later."""


class UnknownNameError(BenchError):
    """A name is not among the known ones; the nearest known one is suggested."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, hint: str = "") -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        suggestion = f" Did you mean {near[0]!r}?" if near else ""
        remedy = f" {hint}" if hint else ""
        super().__init__(f"unknown {kind} {name!r}.{suggestion} Known: {', '.join(names)}.{remedy}")
        self.name = name
