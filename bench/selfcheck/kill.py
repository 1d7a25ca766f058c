"""Runs whose parent or worker is killed outright, and implementations that misbehave.

The commands are those of a user, in processes of their own, on small data.  Kills come at seeded
random moments, spread over the whole run; every second one hits the worker instead of the parent.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.planning.plan import jobs
from bench.selfcheck import Finding, Options, Report, misbehaving
from bench.selfcheck.killed_runs import (
    SOURCES,
    KilledParent,
    KilledWorker,
    kill_parent,
    kill_worker,
)
from bench.selfcheck.moments import BLOCKS, leave_alone
from bench.selfcheck.small_command import Workshop

KILLS = 20


def check(options: Options) -> Report:
    """``trials`` counts kills, half of them of parents."""
    kills = options.trials or KILLS
    parents: list[KilledParent] = []
    workers: list[KilledWorker] = []
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="mlpbench-kill-") as name:
        workshop = Workshop(_folder(name, "killed"), SOURCES)
        alone = leave_alone(workshop, Path(name) / "alone")
        number = len(jobs(alone.plan))
        options.say(f"a run of {number} jobs that nobody kills: {alone.end:.1f} s")
        for kill in range(kills):
            out = Path(name) / f"out-{kill}"
            # One moment in each of as many stretches as there are kills.
            place = (kill - kill % 2 + 2 * rng.random()) / (kills + kills % 2)
            if kill % 2 == 0:
                parents.append(kill_parent(workshop, alone, alone.moment(place), out))
                said = _words(parents[-1])
            else:
                workers.append(kill_worker(workshop, alone.working_moment(place), out))
                said = f"worker: {'; '.join(workers[-1].reasons) or 'it had done its work'}"
            options.say(f"kill {kill + 1} of {kills}: {said}")
        options.say("implementations that misbehave ...")
        workshop = Workshop(_folder(name, "misbehaving"), misbehaving.sources())
        bad = misbehaving.findings(workshop, Path(name) / "misbehaved")
    findings = [*of_parents(parents, number), *(of_workers(workers) if workers else ()), *bad]
    return Report(f"Killed at {kills} random moments", findings, _notes(parents, number))


def _folder(parent: str, name: str) -> Path:
    folder = Path(parent) / name
    folder.mkdir()
    return folder


def of_parents(killed: Sequence[KilledParent], number: int) -> list[Finding]:
    """The promises to whoever resumes; a run has ``number`` jobs."""
    total = len(killed)
    most = max(one.lost for one in killed)
    orphans = sum(one.orphans for one in killed)
    findings = [
        Finding(
            f"work lost with the parent, {total} kills",
            f"at most {most} of {number} jobs, {sum(one.lost for one in killed)} in all",
            f"at most 1 job (a block has {number // BLOCKS})",
            most <= 1,
        ),
        Finding("workers that outlived their parent", f"{orphans}", "none", orphans == 0),
    ]
    for what, kept in (
        ("jobs finished before the kill, byte for byte", [one.unchanged for one in killed]),
        ("plan, jobs and order of a run without kill", [one.same_schedule for one in killed]),
        ("complete results and report after --resume", [one.written for one in killed]),
    ):
        findings.append(Finding(what, f"in {sum(kept)} of {total}", "in all", all(kept)))
    return findings


def of_workers(killed: Sequence[KilledWorker]) -> list[Finding]:
    """The promises to whoever's worker dies."""
    named = [all("killed by SIGKILL" in reason for reason in one.reasons) for one in killed]
    kept = [right and one.rest_measured for right, one in zip(named, killed, strict=True)]
    at_work = sum(one.at_work for one in killed)
    return [
        Finding(
            f"a killed worker is an outcome, {len(killed)} kills, {at_work} at work",
            f"in {sum(kept)} of {len(killed)}",
            "in all, and the rest is measured",
            all(kept) and at_work > 0,
        )
    ]


def _words(killed: KilledParent) -> str:
    return (
        f"parent {killed.when}, {killed.lost} jobs lost, {killed.orphans} orphans"
        f"{'' if killed.written else f'; NOT RESUMED: {killed.said}'}"
    )


def _notes(killed: Sequence[KilledParent], number: int) -> list[str]:
    """Where the kills fell."""
    stages = Counter("during jobs" if one.when.startswith("in job") else one.when for one in killed)
    held = sorted({one.held for one in killed})
    return [
        "parents were killed " + ", ".join(f"{count} {stage}" for stage, count in stages.items()),
        f"journals held {', '.join(map(str, held))} of {number} jobs when they were",
        "lost work is counted by the processes that began to work, not from the journal",
    ]
