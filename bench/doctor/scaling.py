"""With how many threads this machine multiplies matrices fastest: the floor, in fresh processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from bench.doctor.findings import Others, Scaling, StepTime, ThreadChoice
from bench.documents.results import Measured, Outcome
from bench.documents.timings import STEP
from bench.planning.plan import Effort, Plan
from bench.planning.profiles import PROFILES
from bench.planning.variables import variables
from bench.selfcheck.small_run import plan_for
from bench.stats import estimates
from bench.stats.disturbed import DISTURBED_SHARE
from bench.stats.verdicts import MARGIN
from impls import registry
from impls.row import Row

BATCH_SIZES = (500, 5000)
"""Where threads may begin to pay, and where they surely do if they ever do."""

_EFFORT = Effort(blocks=2, sweeps=9, round_seconds=0.02, cell_seconds=0.4, warmup_seconds=0.1)


def floor() -> Row:
    """Return the row of the matrix products alone."""
    return next(row for row in registry.ROWS if row.is_floor)


def plan(cpus: int, budget_seconds: float) -> Plan:
    """Return the floor with 1, 2, 4, ... and ``cpus`` threads, in two blocks at most."""
    plan = plan_for(
        [floor()],
        seed=1,
        batch_sizes=BATCH_SIZES,
        threads=PROFILES["full"].threads(cpus),
        budget_seconds=budget_seconds,
    )
    return replace(plan, profile="doctor", effort=_EFFORT)


def judge(outcomes: Iterable[Outcome], cpus: int, others: Others) -> Scaling:
    """Return what ``outcomes`` say about a machine with ``cpus`` usable processors.

    No count is chosen where others took so much that a round would count as disturbed: those with
    many threads suffer most from a neighbour, and would be advised against for its sake.
    """
    times = step_times(outcomes)
    taken = (others.foreign or 0.0) + (others.stolen or 0.0)
    busy = taken > DISTURBED_SHARE * cpus
    return Scaling(
        times=times,
        choices=() if busy else choices(times, cpus),
        foreign=others.foreign,
        reason=f"others used {taken:.1f} of {cpus} processors meanwhile" if busy else "",
    )


def step_times(outcomes: Iterable[Outcome]) -> tuple[StepTime, ...]:
    """Return a time, or why there is none, for each batch size and thread count."""
    rounds: dict[tuple[int, int], list[Sequence[float]]] = defaultdict(list)
    reasons: dict[tuple[int, int], str] = {}
    for outcome in outcomes:
        key = outcome.cell.batch_size, outcome.cell.threads or 0
        if isinstance(outcome, Measured):
            steps = (timing for timing in outcome.timings if timing.phase == STEP)
            rounds[key].append(next(steps).round_seconds)
        else:
            reasons[key] = outcome.reason
    return tuple(
        StepTime(
            batch_size=size,
            threads=threads,
            seconds=estimates.estimate(rounds[size, threads]).value,
        )
        if (size, threads) in rounds
        else StepTime(batch_size=size, threads=threads, seconds=None, reason=reasons[size, threads])
        for size, threads in sorted(rounds.keys() | reasons.keys())
    )


def choices(times: Sequence[StepTime], cpus: int) -> tuple[ThreadChoice, ...]:
    """Return for each batch size the smallest thread count within the margin of the fastest."""
    chosen = []
    for size in sorted({time.batch_size for time in times}):
        seconds = {
            time.threads: time.seconds
            for time in times
            if time.batch_size == size and time.seconds is not None
        }
        if not seconds:
            continue
        limit = min(seconds.values()) * (1 + MARGIN)
        threads = min(count for count, time in seconds.items() if time <= limit)
        unasked = seconds.get(cpus)
        chosen.append(
            ThreadChoice(
                batch_size=size,
                threads=threads,
                gain=None if unasked is None else unasked / seconds[threads],
                variables=variables(threads),
            )
        )
    return tuple(chosen)
