"""Runs whose parent or worker is killed outright, and implementations that misbehave.

The commands are those of a user, in separate processes, on small data.  Kills come at seeded
random moments, spread over the whole run; every second one hits the worker instead of the parent.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bench.selfcheck import CheckResult, Options, Report, misbehaving
from bench.selfcheck.killed_runs import (
    SOURCES,
    KilledParent,
    KilledWorker,
    kill_parent,
    kill_worker,
)
from bench.selfcheck.small_command import Workshop, run_undisturbed

KILLS = 20


def check(options: Options) -> Report:
    """Kill ``trials`` times, every second time a worker instead of the parent."""
    kills = options.trials or KILLS
    parents: list[KilledParent] = []
    workers: list[KilledWorker] = []
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="mlpbench-kill-") as name:
        folder = Path(name)
        workshop = Workshop(folder / "killed", SOURCES)
        alone = run_undisturbed(workshop, folder / "alone")
        options.say(f"an undisturbed run of {alone.sweeps} sweeps: {alone.end:.1f} s")
        for kill in range(kills):
            out = folder / f"out-{kill}"
            # One moment in each of as many stretches as there are kills.
            place = (kill - kill % 2 + 2 * rng.random()) / (kills + kills % 2)
            if kill % 2 == 0:
                # Starting workers takes most of the time, so that half the kills go by lines.
                moment = alone.moment(place) if kill % 4 == 0 else alone.writing_moment(place)
                parent = kill_parent(workshop, alone, moment, out)
                parents.append(parent)
                said = (
                    f"parent {parent.when}, {parent.lost} sweeps lost, {parent.orphans} orphans"
                    f"{'' if parent.written else f'; NOT RESUMED: {parent.last_line}'}"
                )
            else:
                worker = kill_worker(workshop, alone.working_moment(place), out, rng)
                workers.append(worker)
                who = "worker that waited" if worker.stopped else "worker"
                said = f"{who}: {'; '.join(worker.reasons) or 'it had done its work'}"
            options.say(f"kill {kill + 1} of {kills}: {said}")
        options.say("implementations that misbehave ...")
        workshop = Workshop(folder / "misbehaving", misbehaving.sources())
        bad = misbehaving.findings(workshop, folder / "misbehaved")
    findings = [*of_parents(parents), *(of_workers(workers) if workers else ()), *bad]
    stages = Counter(parent.when for parent in parents)
    held = sorted({parent.held for parent in parents})
    notes = [
        "parents were killed " + ", ".join(f"{count} {stage}" for stage, count in stages.items()),
        f"journals held {', '.join(map(str, held))} of {alone.sweeps} sweeps when they were",
        "lost work is counted by the epochs that workers began, not from the journal",
    ]
    return Report(f"Killed at {kills} random moments", findings, notes)


def of_parents(killed: Sequence[KilledParent]) -> list[CheckResult]:
    """Return whether runs whose parent was killed keep their promises."""
    total = len(killed)
    most = max(run.lost for run in killed)
    orphans = sum(run.orphans for run in killed)
    findings = [
        CheckResult(
            f"work lost with the parent, {total} kills",
            f"at most {most} sweep{'' if most == 1 else 's'}, "
            f"{sum(run.lost for run in killed)} in all",
            "at most 1 sweep",
            most <= 1,
        ),
        CheckResult("workers that outlived their parent", f"{orphans}", "none", orphans == 0),
    ]
    for what, kept in (
        ("sweeps recorded before the kill, byte for byte", [run.unchanged for run in killed]),
        ("every cell measured, in the order of the plan", [run.same_schedule for run in killed]),
        ("complete results and report after --resume", [run.written for run in killed]),
    ):
        findings.append(CheckResult(what, f"in {sum(kept)} of {total}", "in all", all(kept)))
    return findings


def of_workers(killed: Sequence[KilledWorker]) -> list[CheckResult]:
    """Return whether runs whose worker was killed keep their promises."""
    named = [all("killed by SIGKILL" in reason for reason in run.reasons) for run in killed]
    kept = [right and run.rest_measured for right, run in zip(named, killed, strict=True)]
    at_work = sum(run.at_work for run in killed)
    waiting = sum(run.stopped for run in killed)
    return [
        CheckResult(
            f"a killed worker is an outcome, {len(killed)} kills, {at_work} before its end, "
            f"{waiting} waiting",
            f"in {sum(kept)} of {len(killed)}",
            "in all, and the rest is measured",
            all(kept) and at_work > 0,
        )
    ]
