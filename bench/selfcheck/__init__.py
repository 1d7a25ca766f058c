"""Checks of the measuring itself: does it keep the promises of its reports.

Each check is a module of this package with a function ``check(options) -> Report``; naming it in
:data:`CHECKS` is all that a new one needs.  A check never prints: its command does.  Checks that
only developers need are in ``tests/validation``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

CHECKS = {
    "simulation": "intervals, verdicts and power on synthetic rounds whose truth is known",
    "false-alarms": "implementations against themselves, also beside a busy process; 25 minutes",
    "slowdown": "planted slowdowns of 2, 5 and 10 % in an implementation; an hour",
    "kill": "parents and workers killed at random moments, runs resumed; three minutes",
}
"""Names of the checks with what each one does; the module has the name with underscores."""


def _silent(line: str) -> None:
    """Print no progress."""


@dataclass(frozen=True)
class Options:
    """How a check is run.

    ``trials`` is how often each case is repeated, None where the check decides; ``say`` takes
    lines of progress.
    """

    trials: int | None = None
    seed: int = 1
    say: Callable[[str], None] = _silent


@dataclass(frozen=True)
class CheckResult:
    """One number of a check beside what it must keep.

    ``passed`` is None where the target could not be tested on this machine.
    """

    what: str
    found: str
    target: str
    passed: bool | None


@dataclass(frozen=True)
class Report:
    """What a check found.  It passed where every finding did."""

    title: str
    findings: Sequence[CheckResult]
    notes: Sequence[str] = field(default=())

    @property
    def passed(self) -> bool:
        """Return whether all findings keep their targets; one that found nothing has not passed."""
        return bool(self.findings) and all(finding.passed for finding in self.findings)

    @property
    def missed(self) -> bool:
        """Return whether a target was missed, or nothing was found."""
        return not self.findings or any(finding.passed is False for finding in self.findings)


def run(name: str, options: Options, package: str = __name__) -> Report:
    """Run the check called ``name``, which is in a module of ``package``."""
    module = importlib.import_module(f"{package}.{name.replace('-', '_')}")
    report = module.check(options)
    assert isinstance(report, Report)  # noqa: S101 - a check of ours, not of a user
    return report
