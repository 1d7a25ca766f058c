"""Moments of a run, found on one that nobody kills: when it writes what into its journal."""

from __future__ import annotations

import bisect
import contextlib
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.documents import files
from bench.documents import journal as journals
from bench.planning.plan import Plan
from bench.selfcheck.small_command import Workshop
from impls.errors import ResultsError

BLOCKS = 2
POLL_SECONDS = 0.01
_BATCH_SIZE = 20


@dataclass(frozen=True)
class Moment:
    """``seconds`` after the journal had so many ``lines``: so a slower run is hit as far on."""

    lines: int
    seconds: float


@dataclass(frozen=True)
class Undisturbed:
    """The run that nobody kills: its plan, and how many seconds after its start it ended.

    It made so many ``sweeps``.

    ``marks`` are the seconds at which the journal got its lines, from the header to the end.
    """

    plan: Plan
    marks: tuple[float, ...]
    end: float
    sweeps: int = 0

    def moment(self, place: float) -> Moment:
        """Return the moment at a share of the whole run."""
        return self._moment(place * self.end)

    def working_moment(self, place: float) -> Moment:
        """Return the moment at a share of the time in which there are workers."""
        first, *_, last, _ = self.marks
        return self._moment(first + place * (last - first))

    def writing_moment(self, place: float) -> Moment:
        """Return the moment at a share of the journal's lines, most of which are sweeps."""
        return Moment(1 + int(place * (len(self.marks) - 1)), 0.0)

    def _moment(self, seconds: float) -> Moment:
        lines = bisect.bisect_right(self.marks, seconds)
        return Moment(lines, seconds - (self.marks[lines - 1] if lines else 0.0))


def start(workshop: Workshop, out: Path) -> subprocess.Popen[bytes]:
    """Start the run of which all this is about, into ``out``."""
    return workshop.run(out, "--batch-size", _BATCH_SIZE, "--blocks", BLOCKS)


def leave_alone(workshop: Workshop, out: Path) -> Undisturbed:
    """Run to the end, for comparison.

    Raises:
        ResultsError: not even that run left results.
    """
    begun = time.monotonic()
    marks: list[float] = []
    with start(workshop, out) as process:
        while process.poll() is None:
            new = _lines(out) - len(marks)
            marks += [time.monotonic() - begun] * new
            time.sleep(POLL_SECONDS)
    try:
        plan = files.load(out / "results.json").plan
    except ResultsError as error:
        raise ResultsError(f"the run that nobody killed: {workshop.last_words}") from error
    end = time.monotonic() - begun
    sweeps = (out / journals.NAME).read_bytes().count(b'{"line":"sweep"')
    return Undisturbed(plan, tuple(marks), end, sweeps)


def wait_for(process: subprocess.Popen[bytes], out: Path, moment: Moment) -> None:
    """Return at ``moment`` of the run into ``out``, or at its end."""
    while process.poll() is None and _lines(out) < moment.lines:
        time.sleep(POLL_SECONDS)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment.seconds)


def _lines(out: Path) -> int:
    """Return how many lines the journal has."""
    journal = out / journals.NAME
    return journal.read_bytes().count(b"\n") if journal.exists() else 0
