"""The smallest visible difference: one implementation against itself, and what follows from it."""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec.structs import replace

from bench.doctor.findings import Noise, Others, PrecisionForecast
from bench.documents.results import Measured, Outcome, Results
from bench.observations.ratios import ratios_to, timed_points
from bench.planning.plan import Plan
from bench.planning.profiles import PROFILES
from bench.running.pacing import MOST_BLOCKS
from bench.selfcheck.small_run import plan_for
from bench.stats import estimates
from impls import registry
from impls.row import Row, control_of

MINUTES = (1, 5, 20)


def pair() -> tuple[Row, Row]:
    """Return the highest rung of the ladder, which needs no package but NumPy, and its control."""
    row = registry.top_of_ladder()
    return row, control_of(row)


def plan(threads: int | None, budget_seconds: float) -> Plan:
    """Return blocks of both for that long, each process with the effort of an ordinary run."""
    effort = replace(PROFILES["default"].effort, blocks=MOST_BLOCKS)
    plan = plan_for(pair(), seed=1, threads=(threads,), budget_seconds=budget_seconds)
    return replace(plan, profile="doctor", effort=effort)


def judge(results: Results, seconds: float, others: Others) -> Noise:
    """Return what ``results``, measured in ``seconds``, say about this machine.

    A run would not measure exactly like this, but with this effort per process.
    """
    plan, outcomes = results.plan, results.outcomes
    reference = plan.implementations[0]
    ratios = list(ratios_to(timed_points(results), reference).values())
    ratio = ratios[0] if ratios else None
    blocks = ratio.blocks if ratio else 0
    noise = Noise(
        implementation=reference,
        batch_size=plan.trainings[0].batch_size,
        threads=plan.threads[0],
        blocks=blocks,
        block_seconds=seconds / max(1, blocks),
        waited=waited(outcomes),
        foreign=others.foreign,
        stolen=others.stolen,
    )
    if ratio is None or ratio.error is None or ratio.low is None or ratio.high is None:
        reasons = [outcome.reason for outcome in outcomes if not isinstance(outcome, Measured)]
        too_few = (
            f"{blocks} {'block was' if blocks == 1 else 'blocks were'} measured, and an interval "
            f"needs {estimates.BLOCKS_FOR_INTERVAL}: give more --seconds"
        )
        return replace(noise, reason=reasons[0] if reasons else too_few)
    return replace(
        noise,
        apparent=(ratio.value, ratio.low, ratio.high),
        scatter=ratio.error * math.sqrt(blocks),
        forecasts=tuple(forecast(ratio, noise.block_seconds, minutes) for minutes in MINUTES),
    )


def forecast(ratio: estimates.Ratio, block_seconds: float, minutes: int) -> PrecisionForecast:
    """Return what the blocks that fit into ``minutes`` would show, at the scatter that was found.

    The standard error shrinks with the square root of the number of blocks, as long as the machine
    stays as it was.
    """
    fitting = 60 * minutes / block_seconds
    if fitting < 1 or ratio.error is None:
        return PrecisionForecast(minutes=minutes, blocks=0, half_width=None, detectable=None)
    # Where one block fits, two shorter ones do.
    blocks = max(estimates.BLOCKS_FOR_INTERVAL, int(fitting))
    error = ratio.error * math.sqrt(ratio.blocks / blocks)
    reach = estimates.quantile((1 + estimates.CONFIDENCE) / 2, blocks - 1) * error
    expected = estimates.Ratio(1.0, math.exp(-reach), math.exp(reach), error, blocks - 1, blocks)
    return PrecisionForecast(
        minutes=minutes,
        blocks=blocks,
        half_width=estimates.half_width(expected),
        detectable=estimates.detectable(expected),
    )


def waited(outcomes: Iterable[Outcome]) -> float | None:
    """Return the share of the timed rounds in which a thread was ready but had no processor.

    Summed over threads, so that it may exceed 1; None where that is unknown.
    """
    waiting = seconds = 0.0
    for outcome in outcomes:
        for timing in outcome.timings if isinstance(outcome, Measured) else ():
            for disturbance, wall in zip(timing.disturbances, timing.round_seconds, strict=False):
                if disturbance.waited is None:
                    return None
                waiting += disturbance.waited
                seconds += wall * timing.iterations
    return waiting / seconds if seconds else None
