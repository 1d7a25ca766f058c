"""Real A/A: implementations against themselves, with and without somebody else on the machine.

In every run several implementations are measured under two names each, in blocks of fresh
processes as always, and each is judged against itself in one table.  Whatever is called faster or
slower is a false alarm.  In half of the runs a foreign process takes a processor for random
times: the worst case for measurements that are not interleaved.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

from bench.documents.results import Results
from bench.judging import stats, verdicts
from bench.judging.verdicts import Verdict
from bench.provenance.machine import usable_cpus
from bench.running.stopping import rounds_of
from bench.selfcheck import Finding, Options, Report
from bench.selfcheck.small_run import carry_out, plan_for
from impls import registry
from impls.row import control_of

RUNS = 12
BLOCKS = 8
ALLOWED = 0.05

_HOG = """
import random, time
while True:
    end = time.monotonic() + random.expovariate(1.0)
    while time.monotonic() < end:
        pass
    time.sleep(random.expovariate(1.0))
"""


def check(options: Options) -> Report:
    """``trials`` counts runs; half of them beside a hog, half with all threads."""
    runs = options.trials or RUNS
    counted: dict[bool, Counter[str]] = {False: Counter(), True: Counter()}
    widths: dict[bool, list[float]] = {False: [], True: []}
    for run in range(runs):
        hog, threads = bool(run % 2), 1 if run % 4 < 2 else usable_cpus()
        with _hog() if hog else contextlib.nullcontext():
            found = _judged(threads, options.seed + run)
        counted[hog].update(verdict.kind for verdict in found)
        widths[hog] += [w for v in found if (w := stats.half_width(v.ratio)) is not None]
        options.say(f"run {run + 1} of {runs}: {', '.join(v.kind for v in found)}")
    return _report(counted, widths)


def _judged(threads: int, seed: int) -> list[Verdict]:
    """One run: each implementation against itself, in one table."""
    # The baseline is left out: it takes four times as long as they do.
    originals = [row for row in registry.ROWS if row.rung and not row.by_name_only]
    rows = [row for original in originals for row in (original, control_of(original))]
    results = carry_out(plan_for(rows, blocks=BLOCKS, threads=threads, seed=seed), rows)
    return judge_controls(results)


def judge_controls(results: Results) -> list[Verdict]:
    """Every implementation that has a control against it, in one table."""
    rounds = {cell.implementation: found for cell, found in rounds_of(results.outcomes).items()}
    controls = [row for row in results.rows if row.repeats]
    return verdicts.judge(
        [stats.paired_ratio(rounds[row.repeats], rounds[row.name]) for row in controls]
    )


@contextlib.contextmanager
def _hog() -> Iterator[None]:
    """Another process that takes a processor for random times."""
    with subprocess.Popen([sys.executable, "-c", _HOG]) as process:  # noqa: S603 - our own text
        try:
            yield
        finally:
            process.kill()


def _report(counted: dict[bool, Counter[str]], widths: dict[bool, list[float]]) -> Report:
    findings = []
    for hog, name in ((False, "alone"), (True, "beside a hog")):
        total = counted[hog].total()
        if total:
            words = ", ".join(f"{number} {kind}" for kind, number in counted[hog].most_common())
            wrong = counted[hog]["faster"] + counted[hog]["slower"]
            width = sorted(widths[hog])[len(widths[hog]) // 2] if widths[hog] else None
            precise = f"; median half-width {width:.1%}" if width is not None else ""
            findings.append(
                Finding(
                    f"false verdicts {name}, {total} comparisons",
                    f"{wrong} ({words}{precise})",
                    f"at most {ALLOWED:.0%} of all",
                    wrong <= ALLOWED * total,
                )
            )
    both = counted[False] + counted[True]
    wrong = both["faster"] + both["slower"]
    findings.append(
        Finding(
            f"false verdicts of all {both.total()} comparisons",
            f"{wrong} ({wrong / both.total():.1%})" if both.total() else "none made",
            f"at most {ALLOWED:.0%}",
            bool(both.total()) and wrong <= ALLOWED * both.total(),
        )
    )
    return Report("Real A/A: implementations against themselves", findings)
