"""One run that is killed outright at some moment, and what came of it."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.documents import files
from bench.documents import journal as journals
from bench.documents.journal import Block, Line, Stage
from bench.documents.results import Measured, Results
from bench.documents.timings import EPOCH
from bench.planning.plan import Plan, repetitions
from bench.selfcheck.small_command import (
    EXAMPLES,
    POLL_SECONDS,
    Moment,
    UndisturbedRun,
    Worker,
    Workshop,
    start,
    wait_for,
)
from impls.errors import ResultsError

_ORPHAN_SECONDS = 1.0
_BEGUN = "begun"
"""The file to which each worker adds its name before every epoch of all examples."""

_COUNTED = '''
from pathlib import Path

from impls.numpy import {module}

HERE = Path(__file__)


class Trainer({module}.Trainer):
    """The original, which leaves a trace of every whole epoch that it begins."""

    def epoch(self, order):
        if len(order) == {examples}:
            with HERE.with_name("{trace}").open("a") as file:
                file.write(HERE.stem + "\\n")
        return super().epoch(order)
'''
SOURCES = {
    name: _COUNTED.format(module=module, trace=_BEGUN, examples=EXAMPLES)
    for name, module in (
        ("first", "float32"),
        ("second", "layout"),
        ("third", "cached"),
    )
}
_STAGES = {
    b"": "before its journal",
    b"block": "while cells were prepared",
    b"cell": "while cells were prepared or finished",
    b"sweep": "during sweeps",
    b"stage": "while workers ended or started",
    b"ending": "while it wrote the report",
}
"""By the kind of the last line in the journal; empty before the first one."""


@dataclass(frozen=True)
class KilledParent:
    """What a parent left behind, and what a resumed run made of it.

    ``held`` counts the sweeps in the journal when the parent was killed, ``lost`` those that began
    and are in no journal, ``orphans`` the workers that lived on.  The rest are the promises that
    were kept: the journal's lines stayed as they were (``unchanged``), the resumed run measured
    every cell of the plan in its order (``same_schedule``), and results and report are there
    and complete (``written``).  ``last_line`` is that of the resumed run.
    """

    when: str
    held: int
    lost: int
    orphans: int
    unchanged: bool
    same_schedule: bool
    written: bool
    last_line: str


@dataclass(frozen=True)
class KilledWorker:
    """What a run made of a killed worker; ``reasons`` are those of all that was not measured.

    ``at_work`` is false where the worker had reported how its cell ended, or had ended by itself:
    there was nothing to lose.  ``stopped`` says that it waited for its turn when it was killed.
    ``rest_measured`` says whether all else was measured and the run came to its end.
    """

    at_work: bool
    stopped: bool
    reasons: tuple[str, ...]
    rest_measured: bool


def kill_parent(
    workshop: Workshop, undisturbed: UndisturbedRun, moment: Moment, out: Path
) -> KilledParent:
    """Kill the parent at ``moment``, then resume into the same folder."""
    before = _begun(workshop)
    with start(workshop, out) as process:
        wait_for(process, out, moment)
        process.kill()
    ended = process.returncode == 0
    orphans = _stop_orphans(workshop)
    held = _journal(out)
    if held and not ended:
        workshop.command("run", "--resume", out).wait()
    elif not ended:
        # The parent had not come as far as a journal.
        shutil.rmtree(out, ignore_errors=True)
        start(workshop, out).wait()
    results = _results(out)
    lost = _begun(workshop) - before - _epochs(out)
    return KilledParent(
        when="after its end" if ended else _stage(held),
        held=held.count(b'{"line":"sweep"'),
        # A sweep has at most one epoch of each worker, and one sweep at a time goes on.
        lost=max(lost.values(), default=0),
        orphans=orphans,
        unchanged=_journal(out).startswith(held),
        same_schedule=results is not None and _same_schedule(results, undisturbed.plan, out),
        written=results is not None and results.complete and bool(_bytes(out / "report.html")),
        last_line=workshop.last_line,
    )


def kill_worker(workshop: Workshop, moment: Moment, out: Path, rng: random.Random) -> KilledWorker:
    """Kill one of the workers that are there at ``moment``, or the next one."""
    victim: Worker | None = None
    stopped = False
    with start(workshop, out) as process:
        wait_for(process, out, moment)
        while process.poll() is None and victim is None:
            if living := workshop.workers():
                victim = rng.choice(living)
                stopped = victim.is_stopped
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim.id, signal.SIGKILL)
            time.sleep(POLL_SECONDS)
    results = _results(out)
    if results is None:
        return KilledWorker(victim is not None, stopped, (workshop.last_line,), rest_measured=False)
    others = [outcome for outcome in results.outcomes if not isinstance(outcome, Measured)]
    at_work = victim is not None and not _has_finished(victim, out)
    cells = sum(len(jobs) * len(sizes) for jobs, sizes in repetitions(results.plan))
    return KilledWorker(
        at_work,
        stopped,
        tuple(outcome.reason for outcome in others),
        rest_measured=results.complete
        and len(others) == at_work
        and len(results.outcomes) == cells,
    )


def _has_finished(worker: Worker, out: Path) -> bool:
    """Return whether the journal says how the cell of the worker ended."""
    assignment = re.search(r"assignment-(\d+)-(\d+)\.json", worker.command)
    if assignment is None:
        raise ValueError(f"no assignment in the command of a worker: {worker.command}")
    block, job = map(int, assignment.groups())
    lines = [
        line
        for line in _lines(out)
        if isinstance(line, journals.CellLine) and (line.block, line.job) == (block, job)
    ]
    return len(lines) > 1 and isinstance(lines[-1].outcome, Measured)


def _stop_orphans(workshop: Workshop) -> int:
    """Return how many workers are left some time after their parent's end; they are ended."""
    patience = time.monotonic() + _ORPHAN_SECONDS
    while (left := workshop.workers()) and time.monotonic() < patience:
        time.sleep(POLL_SECONDS)
    for worker in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.id, signal.SIGKILL)
    return len(left)


def _begun(workshop: Workshop) -> Counter[str]:
    """Return how many epochs of all examples each implementation has begun so far."""
    return Counter(_bytes(workshop.folder / _BEGUN).decode().split())


def _epochs(out: Path) -> Counter[str]:
    """Return how many epochs of each implementation the journal holds."""
    counts: Counter[str] = Counter()
    for outcome in journals.read(out / journals.NAME).outcomes:
        for timing in outcome.timings if isinstance(outcome, Measured) else ():
            if timing.phase == EPOCH:
                name = outcome.cell.implementation.removesuffix(":Trainer")
                counts[name] += len(timing.round_seconds)
    return counts


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _journal(out: Path) -> bytes:
    """Return the journal without a last line that was cut short."""
    complete, end, _ = _bytes(out / journals.NAME).rpartition(b"\n")
    return complete + end


def _lines(out: Path) -> list[Line]:
    """Return the lines of the journal after its header."""
    return [msgspec.json.decode(line, type=Line) for line in _journal(out).splitlines()[1:]]


def _stage(held: bytes) -> str:
    """Return how far the parent had come."""
    kinds = re.findall(rb'^{"line":"(\w+)"', held, re.MULTILINE)
    if held and not kinds:
        return "while its first workers started"
    return _STAGES[kinds[-1] if kinds else b""]


def _results(out: Path) -> Results | None:
    """Return the results document, or None where it cannot be read."""
    try:
        return files.load(out / "results.json")
    except ResultsError:
        return None


def _same_schedule(results: Results, plan: Plan, out: Path) -> bool:
    """Return whether every cell was measured in every block, once and in the order of the plan.

    A block that was killed is followed by another one with the same workers.
    """
    lines, planned = _lines(out), repetitions(plan)
    done = [
        (line.repetition, line.batch_size, sorted(line.jobs))
        for line in lines
        if isinstance(line, Stage)
    ]
    expected = [
        (number, size, sorted(job.index for job in jobs))
        for number, (jobs, sizes) in enumerate(planned)
        for size in sizes
    ]
    # Within a block the workers of the baseline, which is the first implementation, start first.
    baseline = plan.implementations[0]
    orders = [
        [job.index for job in sorted(jobs, key=lambda job: job.implementation != baseline)]
        for jobs, _ in planned
    ]
    return (
        results.plan == plan
        and results == journals.read(out / journals.NAME)
        and all(isinstance(outcome, Measured) for outcome in results.outcomes)
        and done == expected
        and all(
            list(line.jobs) == orders[line.repetition] for line in lines if isinstance(line, Block)
        )
    )
