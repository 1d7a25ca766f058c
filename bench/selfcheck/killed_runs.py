"""One run that is killed outright at some moment, and what came of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench import documents
from bench import journal as journals
from bench.errors import ResultsError
from bench.plan import Plan, jobs
from bench.results import Failed, Measured, Results
from bench.selfcheck.small_command import Workshop

BLOCKS = 2
_BATCH_SIZE = 20
_ORPHAN_SECONDS = 1.0
_STARTED = "started"
"""The file to which each worker adds a line before it measures anything."""

_COUNTED = '''
import os
from pathlib import Path

from impls import {module}


class Trainer({module}.Trainer):
    """The original, which leaves a trace of every process that it begins to work in."""

    @classmethod
    def unavailable(cls):
        with (Path(__file__).parent / "{trace}").open("a") as file:
            file.write(f"{{os.getpid()}}\\n")
        return super().unavailable()
'''
SOURCES = {
    name: _COUNTED.format(module=module, trace=_STARTED)
    for name, module in (
        ("first", "numpy_float32"),
        ("second", "numpy_layout"),
        ("third", "numpy_cached"),
    )
}


@dataclass(frozen=True)
class Undisturbed:
    """The run that nobody kills: its plan, and in seconds after its start what happened when."""

    plan: Plan
    first_worker: float
    last_worker: float
    end: float


@dataclass(frozen=True)
class KilledParent:
    """What a parent left behind, and what a resumed run made of it.

    ``held`` counts the jobs in the journal when the parent was killed, ``lost`` the processes
    that worked for nothing, ``orphans`` the workers that lived on.  The rest says which promises
    were kept: the journal's lines stayed as they were (``unchanged``), the resumed run has the
    plan and the order of the undisturbed one (``same_schedule``), and results and report are there
    and complete (``written``).  ``said`` is the last line of the resumed run.
    """

    when: str
    held: int
    lost: int
    orphans: int
    unchanged: bool
    same_schedule: bool
    written: bool
    said: str


@dataclass(frozen=True)
class KilledWorker:
    """What a run made of a killed worker; ``reasons`` are those of all that was not measured.

    ``rest_measured`` says whether all else was measured and the run came to its end.
    """

    reasons: tuple[str, ...]
    rest_measured: bool


def leave_alone(workshop: Workshop, out: Path) -> Undisturbed:
    """Run to the end, for comparison.

    Raises:
        ResultsError: not even that run left results.
    """
    begun = time.monotonic()
    seen: list[float] = []
    with _start(workshop, out) as process:
        while process.poll() is None:
            if workshop.workers():
                seen.append(time.monotonic() - begun)
            time.sleep(0.02)
    try:
        plan = documents.load(out / "results.json").plan
    except ResultsError as error:
        raise ResultsError(f"the run that nobody killed: {workshop.last_words}") from error
    return Undisturbed(plan, min(seen), max(seen), time.monotonic() - begun)


def kill_parent(
    workshop: Workshop, undisturbed: Undisturbed, moment: float, out: Path
) -> KilledParent:
    """Kill the parent ``moment`` seconds after its start, then resume into the same folder."""
    before = _starts(workshop)
    with _start(workshop, out) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        process.kill()
    ended = process.returncode == 0
    orphans = _stop_orphans(workshop)
    held = _complete_lines(out / journals.NAME)
    if not ended:
        _go_on(workshop, out, held)
    results = _results(out)
    total = len(jobs(undisturbed.plan))
    return KilledParent(
        when=_stage(held, total, ended=ended),
        held=max(0, held.count(b'{"line":"job"')),
        lost=max(0, _starts(workshop) - before - total),
        orphans=orphans,
        unchanged=_bytes(out / journals.NAME).startswith(held),
        same_schedule=results is not None and _same_schedule(results, undisturbed.plan, out),
        written=results is not None and results.complete and bool(_bytes(out / "report.html")),
        said=workshop.last_words,
    )


def kill_worker(workshop: Workshop, moment: float, out: Path) -> KilledWorker:
    """Kill the worker that is at work ``moment`` seconds after its parent's start, or the next."""
    with _start(workshop, out) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        while process.poll() is None:
            working = workshop.workers()
            if working:
                # It may have ended by itself just now.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(working[0].id, signal.SIGKILL)
                break
            time.sleep(0.005)
    results = _results(out)
    if results is None:
        return KilledWorker((workshop.last_words,), rest_measured=False)
    others = [outcome for outcome in results.outcomes if not isinstance(outcome, Measured)]
    return KilledWorker(
        tuple(outcome.reason for outcome in others),
        rest_measured=results.complete
        and len(others) <= 1
        and len(results.outcomes) == len(jobs(results.plan)),
    )


def _start(workshop: Workshop, out: Path) -> subprocess.Popen[bytes]:
    return workshop.run(out, "--batch-size", _BATCH_SIZE, "--blocks", BLOCKS)


def _go_on(workshop: Workshop, out: Path, held: bytes) -> None:
    """Resume, or start anew where the parent had not come as far as a journal."""
    if held:
        workshop.command("run", "--resume", out).wait()
        return
    shutil.rmtree(out, ignore_errors=True)
    _start(workshop, out).wait()


def _stop_orphans(workshop: Workshop) -> int:
    """How many workers are left some time after their parent's end; they are ended."""
    patience = time.monotonic() + _ORPHAN_SECONDS
    while (left := workshop.workers()) and time.monotonic() < patience:
        time.sleep(0.01)
    for one in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.id, signal.SIGKILL)
    return len(left)


def _starts(workshop: Workshop) -> int:
    """How many processes have begun to work so far."""
    return _bytes(workshop.folder / _STARTED).count(b"\n")


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _complete_lines(path: Path) -> bytes:
    """The journal without a last line that was cut short."""
    complete, end, _ = _bytes(path).rpartition(b"\n")
    return complete + end


def _stage(held: bytes, total: int, *, ended: bool) -> str:
    """How far the parent had come."""
    if ended:
        return "after its end"
    if not held:
        return "before its journal"
    done = held.count(b'{"line":"job"')
    return f"in job {done + 1} of {total}" if done < total else "while it wrote the report"


def _results(out: Path) -> Results | None:
    """The results document, or None where there is none that can be read."""
    try:
        return documents.load(out / "results.json")
    except ResultsError:
        return None


def _same_schedule(results: Results, plan: Plan, out: Path) -> bool:
    """Whether every job of the undisturbed run was done, once and in its order."""
    journal = journals.read(out / journals.NAME)
    planned = [(job.implementation, job.block) for job in jobs(plan)]
    done = [
        (outcome.cell.implementation, outcome.block)
        for outcome in results.outcomes
        if isinstance(outcome, Measured | Failed)
    ]
    return results.plan == plan and results == journal and done == planned
