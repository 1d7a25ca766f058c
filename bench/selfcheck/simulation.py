"""Intervals, verdicts and power on made-up rounds, beside what reports promise of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from bench.selfcheck import CheckResult, Options, Report, synthetic
from bench.selfcheck.noise import (
    BIMODAL,
    LOG_NORMAL,
    NOISES,
    NORMAL,
    ONE_IN_EIGHT,
    RARE,
    WORLDS,
    World,
    steady,
)
from bench.selfcheck.synthetic import DIFFERENT
from bench.stats.verdicts import MARGIN

TRIALS = 2000
COVERAGE = (0.93, 0.97)
FALSE = 0.05
POWER = 0.9
SHIFT = 0.005
DRIFT = 0.2
SLOWDOWN = 0.05
PRECISION = 0.02

LIVE_BLOCKS = (2, 3, 5, 10)
LIVE_TABLES = {1: 1, 10: 5, 48: 10}
"""Entries of a table, and by how much fewer tables than single ratios are made up."""
TABLES = 5
"""The same for other tables."""

_MORE = 3
"""Coverage takes this many times the runs: some of it lies close to its limits."""

Part = Callable[[np.random.Generator, int], Iterator[CheckResult]]


def check(options: Options) -> Report:
    """Check every promise of the statistics in ``options.trials`` synthetic runs of each case."""
    trials = options.trials or TRIALS
    parts: dict[str, Part] = {
        "workers that take turns": live_workers,
        "rows that scatter differently": unequal_rows,
        "winners among workers that take turns": live_winners,
        "intervals": intervals,
        "drift": drifts,
        "runs that end at a precision": stopped,
        "verdicts where there is no difference": false_verdicts,
        "winners among equals": winners,
        "power": power,
    }
    findings: list[CheckResult] = []
    for number, (name, part) in enumerate(parts.items()):
        options.say(f"simulating {name}")
        findings += part(np.random.default_rng([options.seed, number]), trials)
    notes = [*few_blocks(np.random.default_rng([options.seed, len(parts) + 1]), trials)]
    notes += slow_throughout(np.random.default_rng([options.seed, len(parts) + 2]), trials)
    notes += unlike(np.random.default_rng([options.seed, len(parts)]), trials)
    return Report(
        f"Simulation, at least {trials} made-up runs of each case", findings, tuple(notes)
    )


def live_workers(rng: np.random.Generator, trials: int) -> Iterator[CheckResult]:
    """Yield coverage and false verdicts of tables of equals, moderated, in every kind of noise."""
    for world in WORLDS:
        for blocks in LIVE_BLOCKS:
            for entries, fewer in LIVE_TABLES.items():
                number = math.ceil(trials / fewer)
                quality = synthetic.judged(synthetic.ratios(rng, world, number, blocks, entries))
                rows = "1 ratio" if entries == 1 else f"{entries} ratios"
                name = f"{world.name} noise, {blocks} blocks, {rows}"
                yield _at_least(f"{name} (df {quality.df:.1f})", quality.coverage)
                if not _unpromised(world, blocks, entries):
                    yield _false(name, {"faster or slower": quality.false}, number)


def _unpromised(world: World, blocks: int, entries: int) -> bool:
    """Return whether one process may well be slow in all blocks, like a row that is truly slow.

    Where one process in eight is slow, one of 52 is so in all of three blocks in 10 % of tables.
    """
    return world.noise is ONE_IN_EIGHT and entries > 1 and blocks <= 3


def unequal_rows(rng: np.random.Generator, trials: int) -> Iterator[CheckResult]:
    """Yield the coverage for quiet rows and for loud ones, which scatter five times as much."""
    scales = np.where(np.arange(10) % 2, 1.0, 5.0)
    world = World("normal", steady(0.007, 0.01))
    for blocks in LIVE_BLOCKS:
        number = math.ceil(trials / LIVE_TABLES[10])
        tables = synthetic.ratios(rng, world, number, blocks, 10, scales=scales)
        rows = np.array(synthetic.judged(tables).rows)
        for name, kind in (("quiet", scales == 1), ("loud", scales > 1)):
            share = float(rows[kind].mean())
            yield _at_least(f"{name} rows among others, {blocks} blocks", share)


def live_winners(rng: np.random.Generator, trials: int) -> Iterator[CheckResult]:
    """Yield the fastest of equals, in every kind of noise."""
    number = math.ceil(trials / TABLES)
    for world in WORLDS:
        for blocks, candidates in ((2, 3), (3, 2), (3, 10), (10, 3)):
            share = synthetic.false_winners(rng, world, number, blocks, candidates)
            name = f"the fastest of {candidates} equals, {world.name} noise, {blocks} blocks"
            yield _false(name, {"fastest": share}, number)


def slow_throughout(rng: np.random.Generator, trials: int) -> Iterator[str]:
    """Yield false verdicts where no promise is made; see :func:`_unpromised`."""
    for world, blocks, entries in itertools.product(WORLDS, LIVE_BLOCKS, LIVE_TABLES):
        if _unpromised(world, blocks, entries):
            number = math.ceil(trials / LIVE_TABLES[entries])
            quality = synthetic.judged(synthetic.ratios(rng, world, number, blocks, entries))
            yield (
                f"No promise: where one process in eight is slow by 20 %, {quality.false:.1%} of "
                f"tables of {entries} equals call something faster or slower after {blocks} "
                "blocks: a process that is slow in all of them looks like a slow row."
            )


def few_blocks(rng: np.random.Generator, trials: int) -> Iterator[str]:
    """Yield what difference few blocks show."""
    number = math.ceil(trials / 2 / LIVE_TABLES[10])
    for blocks in (2, 3):
        sizes = []
        for between in (0.005, 0.01, 0.03):
            world = World("normal", steady(between, 0.03))
            difference = synthetic.found_with(synthetic.ratios(rng, world, number, blocks, 10), 0.8)
            sizes.append(f"{difference:.1%} where processes scatter by {between:.1%}")
        yield (
            f"With {blocks} blocks of {synthetic.SWEEPS} sweeps, a table of 10 ratios finds with "
            f"80 % power {', '.join(sizes)}."
        )


def intervals(rng: np.random.Generator, trials: int) -> Iterator[CheckResult]:
    """Yield the coverage of the 95 % interval for each shape of noise, the same on both sides."""
    for noise in NOISES:
        for blocks in (5, 10):
            coverage = synthetic.coverage(rng, _MORE * trials, (noise, noise), blocks)
            yield _coverage(f"{noise.name} noise, {blocks} blocks", coverage)
    coverage = synthetic.unpaired_coverage(rng, _MORE * trials, NORMAL, (5, 8))
    yield _coverage("normal noise, 5 and 8 processes at different times", coverage)


def drifts(rng: np.random.Generator, trials: int) -> Iterator[CheckResult]:
    """Yield a machine that gets steadily slower, met as the schedule has it."""
    for blocks in (3, 5, 10):
        covered, shift = synthetic.drifting(rng, trials, NORMAL, blocks, DRIFT)
        name = f"{DRIFT:.0%} drift, {blocks} blocks"
        if blocks > 3:
            yield _coverage(name, covered)
        target = f"below {SHIFT:.1%}"
        yield CheckResult(
            f"{name}: largest shift of a ratio", f"{shift:.2%}", target, shift < SHIFT
        )


def stopped(rng: np.random.Generator, trials: int) -> Iterator[CheckResult]:
    """Yield coverage where a run ends once every ratio is known within a precision."""
    for noise, ratios, precision in (
        (NORMAL, 1, 0.02),
        (NORMAL, 3, 0.02),
        (LOG_NORMAL, 1, 0.03),
        (BIMODAL, 1, 0.03),
    ):
        covered, blocks = synthetic.stopped_coverage(rng, _MORE * trials, noise, ratios, precision)
        counted = "one ratio" if ratios == 1 else f"{ratios} ratios"
        name = f"{noise.name} noise, stopped at {precision:.0%}, {counted}"
        yield _coverage(f"{name} ({blocks:.0f} blocks on average)", covered)


def false_verdicts(rng: np.random.Generator, trials: int) -> Iterator[CheckResult]:
    """Yield verdicts on one pair and on tables: of equals, of equals and others, of edges."""
    number = math.ceil(trials / TABLES)
    equal, mixed, edges = np.ones((5, 5)), np.ones((5, 5)), np.full((5, 8), 1 + MARGIN)
    mixed[1:3] = 1.0301  # barely beyond the margin: the hardest to distinguish from the same
    mixed[3:] = 1.2
    for noise in (NORMAL, BIMODAL):
        for name, truth, blocks in (
            ("one pair of equals", equal[:1, :1], 10),
            ("5 x 5 table of equals", equal, 10),
            ("5 x 5 table, some equal, some not", mixed, 10),
            ("5 x 8 table, all at the edge of the margin", edges, 10),
        ):
            shares = synthetic.false_tables(rng, number, noise, blocks, truth)
            yield _false(f"{name}, {noise.name} noise", shares, number)


def winners(rng: np.random.Generator, trials: int) -> Iterator[CheckResult]:
    """Yield wrong winners: among equals any, else any but the fastest."""
    number = math.ceil(trials / TABLES)
    near = (1.0, 1.005, *(1.01,) * 8)
    for name, levels in (
        ("2 equals", np.ones((2, 1))),
        ("3 equals", np.ones((3, 1))),
        ("10 equals", np.ones((10, 1))),
        ("10 nearly equal ones", np.array([near]).T),
        ("2 equals at each of 3 batch sizes", np.ones((2, 3))),
        ("2 equals at each of 19 batch sizes", np.ones((2, 19))),
        ("one ahead by the margin at each of 8 batch sizes", np.array([[1, 1 + MARGIN]] * 8).T),
        ("one far ahead or equals at each of 8 batch sizes", np.array([[1, 1], [1, 2]] * 4).T),
    ):
        shares = synthetic.wrong_winners(rng, number, NORMAL, 5, levels)
        yield _false(f"the fastest of {name}", shares, number)


def power(rng: np.random.Generator, trials: int) -> Iterator[CheckResult]:
    """Yield what a run at a precision must find."""
    for noise in (NORMAL, LOG_NORMAL):
        share = synthetic.found_slower(rng, trials // 2, noise, SLOWDOWN, PRECISION)
        yield CheckResult(
            f"{SLOWDOWN:.0%} slowdown among four at {PRECISION:.0%} precision, {noise.name} noise",
            f"found in {share:.1%}",
            f"at least {POWER:.0%}",
            share >= POWER,
        )


def unlike(rng: np.random.Generator, trials: int) -> Iterator[str]:
    """Yield where no promise is made: skewness that does not cancel, modes too rare to be met."""
    pairs = ((NORMAL, BIMODAL), (LOG_NORMAL, BIMODAL), (NORMAL, RARE), (RARE, RARE))
    for one, other in pairs:
        covered = [synthetic.coverage(rng, trials, (one, other), blocks) for blocks in (5, 10, 20)]
        shares = ", ".join(f"{share:.1%}" for share in covered)
        sides = f"{one.name} noise on both sides"
        if one is not other:
            sides = f"{one.name} noise on one side and {other.name} noise on the other"
        yield (
            f"No promise: with {sides}, the interval covers in {shares} of runs with 5, 10 and 20 "
            "blocks."
        )
    few = synthetic.false_tables(rng, math.ceil(trials / TABLES), BIMODAL, 3, np.ones((5, 5)))[
        DIFFERENT
    ]
    yield (
        f"No promise: of 5 x 5 tables of equals with {BIMODAL.name} noise and 3 blocks, {few:.1%} "
        "call something faster or slower; three processes in the same state look too much alike."
    )


def _coverage(name: str, share: float) -> CheckResult:
    low, high = COVERAGE
    kept = low <= share <= high
    return CheckResult(f"coverage: {name}", f"{share:.1%}", f"{low:.0%} to {high:.0%}", kept)


def _at_least(name: str, share: float) -> CheckResult:
    """Return the coverage of moderated intervals, which few blocks make wider than necessary."""
    low = COVERAGE[0]
    return CheckResult(f"coverage: {name}", f"{share:.1%}", f"at least {low:.0%}", share >= low)


def _false(name: str, shares: Mapping[str, float], trials: int) -> CheckResult:
    """Allow 5 % of each kind, and the two standard errors by which ``trials`` may miss that."""
    allowed = FALSE + 2 * math.sqrt(FALSE * (1 - FALSE) / trials)
    listed = ", ".join(f"{kind} {share:.1%}" for kind, share in shares.items())
    target = f"each {FALSE:.0%}, so up to {allowed:.1%}"
    return CheckResult(f"{name}: falsely called", listed, target, max(shares.values()) <= allowed)
