"""One run that is killed outright at some moment, and what came of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from bench.documents import files
from bench.documents import journal as journals
from bench.documents.results import Failed, Measured, Results
from bench.errors import ResultsError
from bench.planning.plan import Plan, jobs
from bench.selfcheck.moments import POLL_SECONDS, Moment, Undisturbed, start, wait_for
from bench.selfcheck.small_command import Living, Workshop

_ORPHAN_SECONDS = 1.0
_STARTED = "started"
"""The file to which each worker adds a line before it measures anything."""

_COUNTED = '''
import os
from pathlib import Path

from impls.numpy import {module}


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
        ("first", "float32"),
        ("second", "layout"),
        ("third", "cached"),
    )
}


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

    ``at_work`` is false where the worker had handed over its outcomes, or had ended by itself:
    there was nothing to lose.  ``rest_measured`` says whether all else was measured and the run
    came to its end.
    """

    at_work: bool
    reasons: tuple[str, ...]
    rest_measured: bool


def kill_parent(
    workshop: Workshop, undisturbed: Undisturbed, moment: Moment, out: Path
) -> KilledParent:
    """Kill the parent at ``moment``, then resume into the same folder."""
    before = _starts(workshop)
    with start(workshop, out) as process:
        wait_for(process, out, moment)
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


def kill_worker(workshop: Workshop, moment: Moment, out: Path) -> KilledWorker:
    """Kill the worker that is there at ``moment``, or the next one."""
    at_work = False
    with start(workshop, out) as process:
        wait_for(process, out, moment)
        while process.poll() is None:
            living = workshop.workers()
            if living:
                at_work = _kill(living[0])
                break
            time.sleep(POLL_SECONDS)
    results = _results(out)
    if results is None:
        return KilledWorker(at_work, (workshop.last_words,), rest_measured=False)
    others = [outcome for outcome in results.outcomes if not isinstance(outcome, Measured)]
    return KilledWorker(
        at_work,
        tuple(outcome.reason for outcome in others),
        rest_measured=results.complete
        and len(others) == at_work
        and len(results.outcomes) == len(jobs(results.plan)),
    )


def _kill(worker: Living) -> bool:
    """Kill a worker that is stopped first; whether it had any work left."""
    # Its order and its outcomes lie in one folder and have one number.
    order = next(Path(word) for word in worker.command.split() if word.endswith(".json"))
    outcomes = order.with_name(order.name.replace("order", "outcomes") + "l")
    try:
        os.kill(worker.id, signal.SIGSTOP)
        time.sleep(POLL_SECONDS)
        done = _bytes(outcomes).endswith(b"\n")
        os.kill(worker.id, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return not done


def _go_on(workshop: Workshop, out: Path, held: bytes) -> None:
    """Resume, or start anew where the parent had not come as far as a journal."""
    if held:
        workshop.command("run", "--resume", out).wait()
        return
    shutil.rmtree(out, ignore_errors=True)
    start(workshop, out).wait()


def _stop_orphans(workshop: Workshop) -> int:
    """How many workers are left some time after their parent's end; they are ended."""
    patience = time.monotonic() + _ORPHAN_SECONDS
    while (left := workshop.workers()) and time.monotonic() < patience:
        time.sleep(POLL_SECONDS)
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
        return files.load(out / "results.json")
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
