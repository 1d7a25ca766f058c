"""Thread settings that did not take must be called unverified, and ones that did must not.

Each case is a real worker process that is really set up that way: by variables, by pools that are
limited after the libraries were loaded, by an affinity mask, by threads of its own.  Only the
quota is played, by a control group's file in another place: a real one needs privileges.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.documents.results import Failed, Measured, Outcome, Unverified
from bench.provenance.machine import usable_cpus
from bench.selfcheck import CheckResult, Options, Report
from bench.selfcheck.small_run import carry_out, plan_for
from bench.selfcheck.thread_cases import HEAD, IMPOSSIBLE, MIS_SET, MORE, RIGHT, TAIL, Case
from impls import registry
from impls.row import Row

FEWEST_MIS_SET, FEWEST_RIGHT = 8, 5
_TITLE = "Thread settings read back"

_BLIND_SPOTS = (
    (
        "fewer threads than asked inside the clock alone are not told from work too small for "
        "more: a pool that is limited there and restored before it is read again raises no alarm"
    ),
    (
        "more threads than asked inside the clock alone show by processor time beyond the clock's: "
        "only where other processes leave them a processor"
    ),
)


def check(options: Options) -> Report:
    """``trials`` is how often each case is set up."""
    findings = [_enough("processors", usable_cpus(), 2)]
    if not findings[0].passed:
        return Report(_TITLE, findings, ["with one processor no setting can be told from another"])
    notes = [*_BLIND_SPOTS]
    ran = {True: 0, False: 0}
    with tempfile.TemporaryDirectory(prefix="mlpbench-threads-") as name:
        for case in (*MIS_SET, *RIGHT):
            outcomes = [set_up(case, Path(name), options.seed) for _ in range(options.trials or 1)]
            obstacle = next(filter(None, map(_obstacle, outcomes)), None)
            if obstacle is not None:
                notes.append(f"{case.what}: {obstacle}")
                continue
            ran[case.reason is not None] += 1
            findings.append(judge(case, outcomes))
            options.say(f"{case.what}: {findings[-1].found}")
    findings += [
        _enough("settings that did not take, tried", ran[True], FEWEST_MIS_SET),
        _enough("settings that did, tried", ran[False], FEWEST_RIGHT),
    ]
    return Report(_TITLE, findings, notes)


def set_up(case: Case, folder: Path, seed: int) -> Outcome:
    """Return the outcome of one worker that is set up as ``case`` says."""
    threads = usable_cpus() + 1 if case.threads == MORE else case.threads
    row = _write(case, folder)
    plan = plan_for([row], blocks=1, threads=1, seed=seed, batch_size=case.batch_size)
    plan = msgspec.structs.replace(plan, threads=(threads,), settings=(case.setting,))
    with _one_processor() if case.held else contextlib.nullcontext():
        (outcome,) = carry_out(plan, [row]).outcomes
    return outcome


def judge(case: Case, outcomes: list[Outcome]) -> CheckResult:
    """Return whether all outcomes are what the case demands."""
    kept = sum(_as_demanded(case, outcome) for outcome in outcomes)
    times = f"{kept} of {len(outcomes)} times: " if len(outcomes) > 1 else ""
    return CheckResult(
        case.what,
        times + _words(next((o for o in outcomes if not _as_demanded(case, o)), outcomes[0])),
        "measured" if case.reason is None else "unverified, with its reason",
        kept == len(outcomes),
    )


def _as_demanded(case: Case, outcome: Outcome) -> bool:
    if case.reason is None:
        return isinstance(outcome, Measured)
    return isinstance(outcome, Unverified) and re.search(case.reason, outcome.reason) is not None


def _words(outcome: Outcome) -> str:
    if isinstance(outcome, Measured):
        return f"measured, {outcome.threads_observed:.2f} busy"
    return f"{type(outcome).__name__.lower()}: {outcome.reason}"


def _obstacle(outcome: Outcome) -> str | None:
    """Return why this machine cannot be set up that way, or None where it could."""
    if not isinstance(outcome, Failed) or IMPOSSIBLE not in outcome.reason:
        return None
    return IMPOSSIBLE + outcome.reason.partition(IMPOSSIBLE)[2]


def _write(case: Case, folder: Path) -> Row:
    """Return the case's trainer as a file."""
    file = folder / f"{re.sub(r'[^a-z]+', '_', case.what.lower())}.py"
    names = {"module": case.module, "impossible": IMPOSSIBLE, "body": case.body or "    pass\n"}
    file.write_text(HEAD.lstrip().format(**names) + case.text + TAIL.format(**names))
    return registry.find(f"{file}:Trainer")


@contextlib.contextmanager
def _one_processor() -> Iterator[None]:
    """Start processes on one processor only."""
    usable = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(usable)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, usable)


def _enough(what: str, number: int, fewest: int) -> CheckResult:
    return CheckResult(what, f"{number}", f"at least {fewest}", number >= fewest)
