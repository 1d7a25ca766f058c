"""Real A/A: implementations against themselves, as an ordinary run measures them.

Every implementation is measured under two names, at several batch sizes, with one thread and with
all.  Each is judged against itself, all in one table.  Any that is called faster or slower is a
false alarm; how far the two names lie apart is the error of the measurement.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from bench.documents.results import Results
from bench.documents.timings import EPOCH
from bench.observations.ratios import ratios_between, timed_points
from bench.provenance.machine import usable_cpus
from bench.running.pacing import MOST_BLOCKS
from bench.selfcheck import CheckResult, Options, Report
from bench.selfcheck.small_run import carry_out, plan_for
from bench.stats import verdicts
from bench.stats.disturbed import is_disturbed
from bench.stats.verdicts import Verdict
from impls import registry
from impls.row import Row, control_of

RUNS = 5
NAMES = ("numpy-optimized", "numba", "keras-tf", "jax")
BATCH_SIZES = (32, 500, 20000)
EXAMPLES = 20000
SECONDS_PER_COMPARISON = 8.0
"""All comparisons of a run share its blocks; one pair alone would have 60 s."""
ALLOWED = 0.05
WITHIN = 0.02
WITHIN_BESIDE = 0.06
SHARE = 0.9

# It outlives the run beside it, and ends by itself should this process be killed.
_BUSY = """
import time

end = time.monotonic() + 3600
while time.monotonic() < end:
    pass
"""


def check(options: Options) -> Report:
    """Judge implementations against themselves in ``trials`` runs, then beside a busy process."""
    originals = [row for row in map(registry.find, NAMES) if registry.missing(row) is None]
    rows = [row for original in originals for row in (original, control_of(original))]
    threads = sorted({1, usable_cpus()})
    runs = options.trials or RUNS
    alone: list[Verdict] = []
    for run in range(runs):
        judged = judge_controls(_measure(rows, threads, options.seed + run))
        alone += judged
        options.say(f"run {run + 1} of {runs}: {_words(judged)}")
    with _foreign_process():
        results = _measure(rows, threads, options.seed + runs)
    beside = judge_controls(results, threads=1)
    options.say(f"beside a foreign process, 1 thread: {_words(beside)}")
    findings = [
        *of_table("alone", alone, WITHIN),
        *of_table("with 1 thread beside a foreign process", beside, WITHIN_BESIDE),
    ]
    if usable_cpus() > 1:
        findings.append(_disturbed(results, usable_cpus()))
    return Report("Real A/A: implementations against themselves", findings)


def judge_controls(results: Results, threads: int | None = None) -> list[Verdict]:
    """Return every implementation that has a control against it, in one table.

    ``threads`` selects the cells with that thread count; None takes all.
    """
    points = {point.cell: point for point in timed_points(results)}
    pairs = [
        (points[original], control)
        for cell, control in points.items()
        if threads in (None, cell.threads)
        and (original := msgspec.structs.replace(cell, implementation=control.repeats)) in points
    ]
    return verdicts.judge([ratio for _, _, ratio in ratios_between(pairs)])


def of_table(where: str, judged: Sequence[Verdict], within: float) -> list[CheckResult]:
    """Return how many verdicts are false, and how far the same code lies apart."""
    total = len(judged)
    if not total:
        return [CheckResult(f"comparisons {where}", "none", "some", passed=False)]
    wrong = sum(verdict.kind in ("faster", "slower") for verdict in judged)
    close = sum(abs(verdict.ratio.value - 1) <= within for verdict in judged)
    sizes = sorted(abs(verdict.ratio.value - 1) for verdict in judged)
    return [
        CheckResult(
            f"false verdicts {where}, {total} comparisons",
            f"{wrong} ({_words(judged)})",
            f"at most {ALLOWED:.0%}",
            wrong <= ALLOWED * total,
        ),
        CheckResult(
            f"apparent difference {where}",
            f"within {within:.0%} in {close} of {total}; median {sizes[total // 2]:.2%}, "
            f"90 % below {sizes[int(0.9 * (total - 1))]:.2%}, largest {sizes[-1]:.1%}",
            f"within {within:.0%} in {SHARE:.0%}",
            close >= SHARE * total,
        ),
    ]


def _measure(rows: Sequence[Row], threads: Sequence[int], seed: int) -> Results:
    comparisons = len(rows) // 2 * len(BATCH_SIZES) * len(threads)
    plan = plan_for(
        rows,
        seed=seed,
        blocks=MOST_BLOCKS,
        batch_sizes=BATCH_SIZES,
        threads=threads,
        examples=EXAMPLES,
        budget_seconds=SECONDS_PER_COMPARISON * comparisons,
    )
    return carry_out(plan, rows)


@contextlib.contextmanager
def _foreign_process() -> Iterator[None]:
    """Let another process keep one processor busy."""
    command = [sys.executable, "-c", _BUSY]
    with subprocess.Popen(command, start_new_session=True) as process:  # noqa: S603  # our own
        try:
            yield
        finally:
            process.kill()


def _disturbed(results: Results, threads: int) -> CheckResult:
    """Return whether rounds with all threads beside a foreign process are called disturbed."""
    flags = [
        is_disturbed(disturbance, seconds)
        for outcome in results.outcomes
        if outcome.cell.threads == threads
        for timing in getattr(outcome, "timings", ())
        if timing.phase == EPOCH
        for disturbance, seconds in zip(timing.disturbances, timing.round_seconds, strict=True)
    ]
    return CheckResult(
        f"epochs with {threads} threads beside a foreign process",
        f"{sum(flags)} of {len(flags)} called disturbed",
        f"at least {SHARE:.0%}",
        bool(flags) and sum(flags) >= SHARE * len(flags),
    )


def _words(judged: Sequence[Verdict]) -> str:
    return ", ".join(
        f"{number} {kind}"
        for kind, number in Counter(verdict.kind for verdict in judged).most_common()
    )
