"""Intervals, verdicts and power on made-up rounds, beside what reports promise of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from bench.judging.verdicts import MARGIN
from bench.selfcheck import Finding, Options, Report
from bench.selfcheck import trials as made_up
from bench.selfcheck.noise import BIMODAL, LOG_NORMAL, NOISES, NORMAL, RARE
from bench.selfcheck.trials import TOLD_APART

TRIALS = 2000
COVERAGE = (0.93, 0.97)
FALSE = 0.05
POWER = 0.9
SHIFT = 0.005
DRIFT = 0.2
SLOWDOWN = 0.05
PRECISION = 0.02

_MORE = 3
"""Coverage is judged by so many times as many runs: some of it lies close to its limits."""

Part = Callable[[np.random.Generator, int], Iterator[Finding]]


def check(options: Options) -> Report:
    """Every promise of the statistics; ``options.trials`` counts made-up runs of each case."""
    trials = options.trials or TRIALS
    parts: dict[str, Part] = {
        "intervals": intervals,
        "drift": drifts,
        "runs that end at a precision": stopped,
        "verdicts where there is no difference": false_verdicts,
        "winners among equals": winners,
        "power": power,
    }
    findings: list[Finding] = []
    for number, (name, part) in enumerate(parts.items()):
        options.say(f"simulating {name}")
        findings += part(np.random.default_rng([options.seed, number]), trials)
    notes = unlike(np.random.default_rng([options.seed, len(parts)]), trials)
    return Report(
        f"Simulation, at least {trials} made-up runs of each case", findings, tuple(notes)
    )


def intervals(rng: np.random.Generator, trials: int) -> Iterator[Finding]:
    """Coverage of the 95 % interval for each shape of noise, the same on both sides."""
    for noise in NOISES:
        for blocks in (5, 10):
            found = made_up.coverage(rng, _MORE * trials, (noise, noise), blocks)
            yield _coverage(f"{noise.name} noise, {blocks} blocks", found)
    found = made_up.unpaired_coverage(rng, _MORE * trials, NORMAL, (5, 8))
    yield _coverage("normal noise, 5 and 8 processes at different times", found)


def drifts(rng: np.random.Generator, trials: int) -> Iterator[Finding]:
    """A machine that gets steadily slower, met as the schedule has it."""
    for blocks in (3, 5, 10):
        covered, shift = made_up.drifting(rng, trials, NORMAL, blocks, DRIFT)
        name = f"{DRIFT:.0%} drift, {blocks} blocks"
        if blocks > 3:
            yield _coverage(name, covered)
        target = f"below {SHIFT:.1%}"
        yield Finding(f"{name}: largest shift of a ratio", f"{shift:.2%}", target, shift < SHIFT)


def stopped(rng: np.random.Generator, trials: int) -> Iterator[Finding]:
    """Coverage where a run ends once every ratio is known within a precision."""
    for noise, ratios, precision in (
        (NORMAL, 1, 0.02),
        (NORMAL, 3, 0.02),
        (LOG_NORMAL, 1, 0.03),
        (BIMODAL, 1, 0.03),
    ):
        covered, blocks = made_up.stopped_coverage(rng, _MORE * trials, noise, ratios, precision)
        counted = "one ratio" if ratios == 1 else f"{ratios} ratios"
        name = f"{noise.name} noise, stopped at {precision:.0%}, {counted}"
        yield _coverage(f"{name} ({blocks:.0f} blocks on average)", covered)


def false_verdicts(rng: np.random.Generator, trials: int) -> Iterator[Finding]:
    """Verdicts on one pair and on tables: of equals, of equals and others, of edges."""
    equal, mixed, edges = np.ones((5, 5)), np.ones((5, 5)), np.full((5, 8), 1 + MARGIN)
    mixed[1:3] = 1.0301  # barely beyond the margin: the hardest to tell from the same
    mixed[3:] = 1.2
    for noise in (NORMAL, BIMODAL):
        for name, truth, blocks in (
            ("one pair of equals", equal[:1, :1], 10),
            ("5 x 5 table of equals", equal, 10),
            ("5 x 5 table, some equal, some not", mixed, 10),
            ("5 x 8 table, all at the edge of the margin", edges, 10),
        ):
            found = made_up.false_tables(rng, trials, noise, blocks, truth)
            yield _false(f"{name}, {noise.name} noise", found, trials)


def winners(rng: np.random.Generator, trials: int) -> Iterator[Finding]:
    """Among equals any winner is wrong; else any but the fastest."""
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
        found = made_up.wrong_winners(rng, trials, NORMAL, 5, levels)
        yield _false(f"the fastest of {name}", found, trials)


def power(rng: np.random.Generator, trials: int) -> Iterator[Finding]:
    """What a run at a precision must find."""
    for noise in (NORMAL, LOG_NORMAL):
        found = made_up.found_slower(rng, trials // 2, noise, SLOWDOWN, PRECISION)
        yield Finding(
            f"{SLOWDOWN:.0%} slowdown among four at {PRECISION:.0%} precision, {noise.name} noise",
            f"found in {found:.1%}",
            f"at least {POWER:.0%}",
            found >= POWER,
        )


def unlike(rng: np.random.Generator, trials: int) -> Iterator[str]:
    """Where no promise is made: skewness that does not cancel, modes too rare to be met."""
    pairs = ((NORMAL, BIMODAL), (LOG_NORMAL, BIMODAL), (NORMAL, RARE), (RARE, RARE))
    for one, other in pairs:
        found = [made_up.coverage(rng, trials, (one, other), blocks) for blocks in (5, 10, 20)]
        shares = ", ".join(f"{share:.1%}" for share in found)
        sides = f"{one.name} noise on both sides"
        if one is not other:
            sides = f"{one.name} noise on one side and {other.name} noise on the other"
        yield (
            f"No promise: with {sides}, the interval covers in {shares} of runs with 5, 10 and 20 "
            "blocks."
        )
    few = made_up.false_tables(rng, trials, BIMODAL, 3, np.ones((5, 5)))[TOLD_APART]
    yield (
        f"No promise: of 5 x 5 tables of equals with {BIMODAL.name} noise and 3 blocks, {few:.1%} "
        "call something faster or slower; three processes in the same state look too much alike."
    )


def _coverage(name: str, share: float) -> Finding:
    low, high = COVERAGE
    kept = low <= share <= high
    return Finding(f"coverage: {name}", f"{share:.1%}", f"{low:.0%} to {high:.0%}", kept)


def _false(name: str, shares: Mapping[str, float], trials: int) -> Finding:
    """Each kind at most 5 %, with the two standard errors by which so many trials may miss it."""
    allowed = FALSE + 2 * math.sqrt(FALSE * (1 - FALSE) / trials)
    found = ", ".join(f"{kind} {share:.1%}" for kind, share in shares.items())
    target = f"each {FALSE:.0%}, so up to {allowed:.1%}"
    return Finding(f"{name}: falsely called", found, target, max(shares.values()) <= allowed)
