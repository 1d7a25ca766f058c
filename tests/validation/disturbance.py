"""A foreign load that starts in the middle of a measurement must show in its rounds.

Half of the trials have such a hog, which takes a quarter of the processors; half have none.  A
machine that is shared may be disturbed without it: a trial without a hog only counts against the
rule where the kernel's own accounts over the whole trial (pressure stall information, processor
time of others) say it was quiet.
"""

from __future__ import annotations

import math
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import threadpoolctl

from bench.documents.rounds import Turn
from bench.documents.timings import Disturbance
from bench.measuring.disturbance import Monitor, Reading
from bench.planning.plan import Effort
from bench.provenance.machine import usable_cpus
from bench.selfcheck import CheckResult, Options, Report
from bench.stats.disturbed import is_disturbed
from impls.contract import Trainer
from tests.validation.hog import waiting_hog
from tests.validation.in_process import DEFAULT, TOP, Work, work_of

TRIALS = 20
REPORTED = 0.95
QUIET = 0.02
"""A trial was quiet where others waited, and worked, for less than this share of it."""
FALSE = 0.05
"""Largest share of rounds of quiet trials that may be called disturbed."""

_HOG_SHARE = 0.25
_BATCH_SIZE = 500
_EFFORT = Effort(
    blocks=1,
    sweeps=1000,
    round_seconds=DEFAULT.effort.round_seconds,
    cell_seconds=0.5,
    warmup_seconds=0.1,
)
_DELAYS = 0.0, 0.6
"""A hog begins in this range of seconds after the first round; all rounds last about 1 second."""
_PRESSURE = Path("/proc/pressure/cpu")


@dataclass(frozen=True)
class Trial:
    """Which rounds of one measurement were called disturbed.

    ``before`` are those that ended before the hog began, ``beside`` all later ones; without a hog
    all are ``before``.  ``pressure`` is the share of the time in which somebody waited for a
    processor (None where the kernel keeps no such account), ``foreign`` the share of all
    processors that others took.
    """

    hog: bool
    before: tuple[bool, ...]
    beside: tuple[bool, ...]
    pressure: float | None
    foreign: float

    @property
    def quiet(self) -> bool:
        """Whether nothing else was busy, apart from any hog."""
        return max(self.foreign, self.pressure or 0.0) < QUIET


def check(options: Options) -> Report:
    """``trials`` counts those with a hog; there are as many without."""
    number = options.trials or TRIALS
    examples = DEFAULT.examples
    assert examples is not None  # so it is declared
    work = work_of(_BATCH_SIZE, examples, options.seed)
    trainer = work.trainer(TOP.name)
    rng = random.Random(options.seed)
    trials = []
    for count in range(number):
        threads = usable_cpus() if count % 2 else 1
        for hog in rng.sample([True, False], 2):
            with threadpoolctl.threadpool_limits(threads):
                trials.append(trial(work, trainer, rng.uniform(*_DELAYS) if hog else None))
            options.say(f"trial {count + 1} of {number}: {_words(trials[-1])}")
    return Report("Disturbed rounds", judge(trials), notes(trials))


def trial(work: Work, trainer: Trainer, delay: float | None) -> Trial:
    """Measure once; a hog begins ``delay`` seconds after the first round, None for none."""
    processors = os.cpu_count() or 1
    with waiting_hog(delay, math.ceil(_HOG_SHARE * processors)) as hog:
        monitor = RecordingMonitor(hog.release)
        begun, waited = monitor.read(), _waited_seconds()
        turns = work.measure(trainer, _EFFORT, monitor=monitor)
        ended, waited_then = monitor.read(), _waited_seconds()
    seconds = ended.wall - begun.wall
    whole = Monitor.between(monitor, begun, ended)
    monitor.close()
    flags = [
        (after.wall > hog.begun, flag)
        for after, flag in zip(monitor.ends, _flags(turns), strict=True)
    ]
    return Trial(
        hog=delay is not None,
        before=tuple(flag for beside, flag in flags if not beside),
        beside=tuple(flag for beside, flag in flags if beside),
        pressure=(
            None if waited is None or waited_then is None else (waited_then - waited) / seconds
        ),
        foreign=(whole.foreign or 0.0) / seconds / processors,
    )


class RecordingMonitor(Monitor):
    """Keeps the reading at the end of each round, and calls ``after_first`` after the first."""

    def __init__(self, after_first: Callable[[], object]) -> None:
        super().__init__()
        self.ends: list[Reading] = []
        self.after_first = after_first

    def between(self, before: Reading, after: Reading) -> Disturbance:
        """See :class:`Monitor`."""
        self.ends.append(after)
        if len(self.ends) == 1:
            self.after_first()
        return super().between(before, after)


def _flags(turns: Sequence[Turn]) -> list[bool]:
    """Return whether each round, in order, was disturbed by the rule of reports."""
    return [
        is_disturbed(timed.disturbance, timed.seconds * timed.iterations)
        for turn in turns
        for timed in turn.rounds
        if timed.disturbance is not None
    ]


def _waited_seconds() -> float | None:
    """Return how long processes have waited for a processor since boot; None where unknown."""
    try:
        some = _PRESSURE.read_text().splitlines()[0]
    except OSError:
        return None
    return int(some.rpartition("total=")[2]) / 1e6


def judge(trials: Sequence[Trial]) -> list[CheckResult]:
    """Return whether hogs were reported, and quiet trials not called disturbed."""
    hogs = [trial for trial in trials if trial.hog]
    reported = sum(any(hog.beside) for hog in hogs)
    beside = _share([flag for hog in hogs for flag in hog.beside])
    before = _share([flag for hog in hogs for flag in hog.before])
    quiet = [flag for trial in trials if not trial.hog and trial.quiet for flag in trial.before]
    number = sum(not trial.hog and trial.quiet for trial in trials)
    return [
        CheckResult(
            f"a hog that starts in mid-run, {_trials(len(hogs))}",
            f"reported in {reported}; disturbed are {beside} of the rounds beside it, {before} of "
            "those before",
            f"reported in {REPORTED:.0%}",
            reported >= REPORTED * len(hogs),
        ),
        CheckResult(
            f"rounds without a hog, {_trials(number, 'quiet ')}",
            f"{_share(quiet)} of {len(quiet)} called disturbed" if quiet else "no trial was quiet",
            f"at most {FALSE:.0%}",
            sum(quiet) <= FALSE * len(quiet) if quiet else None,
        ),
    ]


def notes(trials: Sequence[Trial]) -> list[str]:
    """Return how disturbed the machine was without any hog, by the rule and by the kernel."""
    alone = [trial for trial in trials if not trial.hog]
    flagged = sum(any(trial.before) for trial in alone)
    pressures = [trial.pressure for trial in alone if trial.pressure is not None]
    pressure = (
        f"somebody waited for a processor in {sum(pressures) / len(pressures):.1%} of the time"
        if pressures
        else "the kernel has no account of who waits for a processor (/proc/pressure/cpu)"
    )
    foreign = sum(trial.foreign for trial in alone) / len(alone)
    rounds = _share([flag for trial in alone for flag in trial.before])
    return [
        f"without a hog {flagged} of {len(alone)} trials had a disturbed round; {rounds} of all",
        f"meanwhile {pressure}, and others took {foreign:.1%} of all processors",
    ]


def _share(flags: Sequence[bool]) -> str:
    return f"{sum(flags) / len(flags):.0%}" if flags else "no round"


def _trials(number: int, kind: str = "") -> str:
    return f"{number} {kind}{'trial' if number == 1 else 'trials'}"


def _words(trial: Trial) -> str:
    if trial.hog:
        return f"{_share(trial.before)} disturbed before the hog, {_share(trial.beside)} beside it"
    state = "quiet" if trial.quiet else "not quiet"
    return f"{_share(trial.before)} disturbed without one; the machine was {state}"
