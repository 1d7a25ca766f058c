"""Synthetic runs by the thousand: how often intervals cover the truth, and verdicts are false.

The functions under test are those that every reader uses; only the rounds are synthetic.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.running.pacing import FEWEST_BLOCKS
from bench.selfcheck.noise import Array, Noise, World, drift
from bench.stats.estimates import (
    Ratio,
    half_width,
    moderated_unpaired,
    quantile,
    ratios_of_tables,
)
from bench.stats.sweeps import location, sampling_variance
from bench.stats.verdicts import MARGIN, Verdict, WinnerLeads, judge

ROUNDS = 5
AT_ONCE = 100
"""Tables whose variances are moderated together: more would not fit into the cache."""
DRIFTING = 5
"""Implementations in a block of the drifting machine."""
MOST_BLOCKS = 40
SWEEPS = 10
PER_BASELINE = 12
"""Larger tables have further baselines, as they have further batch sizes and thread settings."""
DIFFERENT, BY_MORE, SAME = "faster or slower", "by more than the margin", "the same"
FALSE_KINDS = (DIFFERENT, BY_MORE, SAME)
"""Kinds of false verdicts: equals differ, or the slower one is faster; two differ by more than the
margin that do not; two are the same that do differ by more."""
ROUNDING = 1e-12
"""A true ratio at the edge of the margin lies within it, whatever its logarithm is rounded to."""


def lone_ratios(reference: Array, others: Array) -> list[Ratio]:
    """Return how many times faster each of ``others`` is, each as a separate table.

    ``others`` has shape (entries, blocks, rounds), and ``reference`` the same or one less.
    """
    logs = np.log(np.median(reference, axis=-1) / np.median(others, axis=-1))
    tables = ratios_of_tables(logs[:, None], np.zeros((len(logs), 1)))
    return [ratio for (ratio,) in tables]


def covers(interval: Ratio, truth: float) -> bool:
    """Return whether the interval holds the true ratio."""
    return (
        interval.low is not None
        and interval.high is not None
        and interval.low <= truth <= interval.high
    )


def coverage(rng: np.random.Generator, trials: int, sides: Sequence[Noise], blocks: int) -> float:
    """Return the share of intervals that hold the true ratio; ``sides`` are the noises of both."""
    truth = 1.0 if sides[0] is sides[1] else math.exp(_level(rng, sides[0]) - _level(rng, sides[1]))
    ours, theirs = (side.rounds(rng, (trials, blocks), ROUNDS) for side in sides)
    return float(np.mean([covers(ratio, truth) for ratio in lone_ratios(ours, theirs)]))


def _level(rng: np.random.Generator, noise: Noise) -> float:
    """Return what a ratio estimates of each side: the mean logarithm of the median of a process."""
    return float(np.log(np.median(noise.rounds(rng, (50_000,), ROUNDS), axis=-1)).mean())


def unpaired_coverage(
    rng: np.random.Generator, trials: int, noise: Noise, processes: tuple[int, int]
) -> float:
    """Return the same for two runs at different times, with ``processes`` of each."""
    ours, theirs = (noise.rounds(rng, (trials, n), ROUNDS).tolist() for n in processes)
    pairs = zip(ours, theirs, strict=True)
    return float(np.mean([covers(moderated_unpaired([pair])[0], 1.0) for pair in pairs]))


def drifting(
    rng: np.random.Generator, trials: int, noise: Noise, blocks: int, size: float
) -> tuple[float, float]:
    """Return a machine that gets slower by ``size`` over the run: coverage, and the largest shift.

    The shift is that of the ratio against the same rounds on a steady machine, relative.
    """
    steady = noise.rounds(rng, (trials, 2, blocks), ROUNDS)
    seeds = [int(rng.integers(2**31)) for _ in range(trials)]
    factors = np.array([drift(seed, blocks, DRIFTING, size)[:, :2].T for seed in seeds])
    before = lone_ratios(*steady.swapaxes(0, 1))
    after = lone_ratios(*(steady * factors[..., None]).swapaxes(0, 1))
    covered = float(np.mean([covers(ratio, 1.0) for ratio in after]))
    return covered, max(abs(a.value / b.value - 1) for a, b in zip(after, before, strict=True))


def until_precise(rounds: Array, precision: float) -> list[Ratio]:
    """Return ratios of all but the first to the first, after the blocks that the precision takes.

    ``rounds`` has shape (implementations, blocks, rounds).
    """
    # One round per process, its median: no ratio changes, and looking again costs little.
    medians = np.median(rounds, axis=-1, keepdims=True)
    for blocks in range(FEWEST_BLOCKS, rounds.shape[1] + 1):
        ratios = lone_ratios(medians[0, :blocks], medians[1:, :blocks])
        if all((half_width(interval) or 0.0) <= precision for interval in ratios):
            break
    return ratios


def stopped_coverage(
    rng: np.random.Generator, trials: int, noise: Noise, ratios: int, precision: float
) -> tuple[float, float]:
    """Return coverage where a run ends at its precision, and how many blocks it takes."""
    covered, blocks = [], []
    for _ in range(trials):
        rounds = noise.rounds(rng, (ratios + 1, MOST_BLOCKS), ROUNDS)
        stopped = until_precise(rounds, precision)
        covered += [covers(interval, 1.0) for interval in stopped]
        blocks.append(stopped[0].blocks)
    return float(np.mean(covered)), float(np.mean(blocks))


def found_slower(
    rng: np.random.Generator, trials: int, noise: Noise, slowdown: float, precision: float
) -> float:
    """Return share of runs at a precision that call the one slow implementation of four slower."""
    verdicts = []
    for _ in range(trials):
        rounds = noise.rounds(rng, (5, MOST_BLOCKS), ROUNDS)
        rounds[1] *= 1 + slowdown
        verdicts.append(judge(until_precise(rounds, precision))[0].kind == "slower")
    return float(np.mean(verdicts))


def false_tables(
    rng: np.random.Generator, trials: int, noise: Noise, blocks: int, truth: Array
) -> Mapping[str, float]:
    """Return the share of tables with any false verdict of each kind; see :data:`FALSE_KINDS`.

    Ratios are moderated over their table.
    ``truth`` holds the true ratios over a baseline of each implementation (rows) at each batch
    size (columns).  A process is slower or faster at all its batch sizes.
    """
    level = np.concatenate([np.ones((1, truth.shape[1])), 1 / truth])
    rows, columns = truth.shape
    counts = Counter[str]()
    for medians in _log_medians(rng, trials, noise, blocks, level):
        logs = (medians[:, :1] - medians[:, 1:]).reshape(len(medians), rows * columns, blocks)
        nothing = np.zeros(logs.shape[:2])
        for ratios in ratios_of_tables(logs, nothing, [*range(columns)] * rows):
            counts.update(_false_kinds(judge(ratios), truth.ravel().tolist()))
    return {kind: counts[kind] / trials for kind in FALSE_KINDS}


def wrong_winners(
    rng: np.random.Generator, trials: int, noise: Noise, blocks: int, levels: Array
) -> Mapping[str, float]:
    """Return the share of runs with any false verdict of each kind on a lead of the fastest.

    ``levels`` are the true durations of the candidates (rows) at each batch size (columns).  Where
    several share the shortest, any winner that is called faster than all is wrong.
    """
    candidates, columns = levels.shape
    leads = columns * (candidates - 1)
    counts = Counter[str]()
    for medians in _log_medians(rng, trials, noise, blocks, levels):
        fastest_first = medians.mean(axis=-1).argsort(axis=1)
        ordered = np.take_along_axis(medians, fastest_first[..., None], axis=1)
        logs = (ordered[:, 1:] - ordered[:, :1]).swapaxes(1, 2).reshape(-1, leads, blocks)
        durations = np.take_along_axis(levels[None], fastest_first, axis=1)
        truths = (durations[:, 1:] / durations[:, :1]).swapaxes(1, 2).reshape(-1, leads)
        references = np.repeat(range(columns), candidates - 1).tolist()
        tables = ratios_of_tables(logs, np.zeros(logs.shape[:2]), references)
        for ratios, truth in zip(tables, truths.tolist(), strict=True):
            winners = [
                _winner(ratios, range(first, first + candidates - 1))
                for first in range(0, leads, candidates - 1)
            ]
            counts.update(_false_kinds(judge(ratios, winners=winners), truth))
    return {kind: counts[kind] / trials for kind in FALSE_KINDS}


def _winner(ratios: Sequence[Ratio], places: range) -> WinnerLeads:
    """Return the leads at ``places``, all of which are in the table because it won."""
    leads = {place: ratios[place] for place in places}
    return WinnerLeads(leads, len(places) + 1, frozenset(places))


def _log_medians(
    rng: np.random.Generator, trials: int, noise: Noise, blocks: int, level: Array
) -> Iterator[Array]:
    """Yield log medians (tables, rows, columns, blocks); ``level`` holds the true durations.

    They come in batches of tables.  A process runs all columns of its row.
    """
    rows, columns = level.shape
    for number in _batches(trials):
        process = noise.between(rng, (number, rows, 1, blocks, 1))
        rounds = process * noise.within(rng, (number, rows, columns, blocks, ROUNDS))
        yield np.log(np.median(rounds * level[:, :, None, None], axis=-1))


def _batches(tables: int) -> Iterator[int]:
    """Yield how many tables are computed at once, until there are ``tables``."""
    for begin in range(0, tables, AT_ONCE):
        yield min(AT_ONCE, tables - begin)


def _false_kinds(verdicts: Sequence[Verdict], truths: Sequence[float]) -> set[str]:
    """Return in which ways any of the verdicts at the usual margin contradicts its true ratio."""
    kinds = set()
    for verdict, truth in zip(verdicts, truths, strict=True):
        size = abs(math.log(truth)) - math.log1p(MARGIN)
        wrong = {"faster": truth <= 1, "slower": truth >= 1}.get(verdict.kind, False)
        if wrong:
            kinds.add(DIFFERENT)
        if verdict.code == "outside-margin" and (wrong or size <= ROUNDING):
            kinds.add(BY_MORE)
        if verdict.kind == "same" and size > ROUNDING:
            kinds.add(SAME)
    return kinds


@dataclass(frozen=True)
class Quality:
    """Shares of intervals that hold the truth, by row, and of tables with a false verdict.

    ``df`` is the median over all ratios.
    """

    rows: Sequence[float]
    false: float
    df: float

    @property
    def coverage(self) -> float:
        """Return the share over all rows."""
        return float(np.mean(self.rows))


def ratios(
    rng: np.random.Generator,
    world: World,
    tables: int,
    blocks: int,
    entries: int,
    *,
    scales: Array | None = None,
) -> Iterator[list[Ratio]]:
    """Yield tables of ratios that are all 1 in truth, each over the baseline of its condition.

    ``scales`` (entries) multiplies the scatter of each row, 1 where it is not given.
    """
    references = [place // PER_BASELINE for place in range(entries)]
    for number in _batches(tables):
        logs = []
        for first in range(0, entries, PER_BASELINE):
            # The baseline is the first of the workers that take turns.
            workers = min(PER_BASELINE, entries - first) + 1
            seconds = np.log(world.seconds(rng, number, blocks, workers, SWEEPS))
            logs.append(seconds[:, :, :1] - seconds[:, :, 1:])
        table = np.concatenate(logs, axis=2)
        if scales is not None:
            table = table * scales[:, None]
        yield from _moderated(table, references)


def _moderated(logs: Array, references: Sequence[int] | None = None) -> list[list[Ratio]]:
    """Return the ratios of tables of log ratios, shape (tables, blocks, rows, sweeps)."""
    places = np.swapaxes(location(logs), 1, 2)
    return ratios_of_tables(places, sampling_variance(logs).mean(axis=1), references)


def judged(tables: Iterator[list[Ratio]]) -> Quality:
    """Return how good intervals and verdicts are for tables whose ratios are all 1."""
    covered, false, dfs = [], 0, []
    for table in tables:
        covered.append([covers(interval, 1.0) for interval in table])
        false += any(verdict.kind in {"faster", "slower"} for verdict in judge(table))
        dfs += [interval.df for interval in table]
    rows = np.mean(covered, axis=0).tolist()
    return Quality(rows, false / len(covered), float(np.median(dfs)))


def false_winners(
    rng: np.random.Generator, world: World, runs: int, blocks: int, candidates: int
) -> float:
    """Return the share of runs that name a fastest among equals."""
    false = 0
    for number in _batches(runs):
        seconds = np.log(world.seconds(rng, number, blocks, candidates, SWEEPS))
        fastest_first = location(seconds).mean(axis=1).argsort(axis=1)
        ordered = np.take_along_axis(seconds, fastest_first[:, None, :, None], axis=2)
        for leads in _moderated(ordered[:, :, 1:] - ordered[:, :, :1]):
            verdicts = judge(leads, winners=[_winner(leads, range(candidates - 1))])
            false += all(verdict.kind == "faster" for verdict in verdicts)
    return false / runs


def found_with(tables: Iterator[list[Ratio]], power: float) -> float:
    """Return the smallest difference that is found with this ``power``, after Holm over a table.

    That is the quantile of estimate and critical value together: how large the true log ratio of a
    row must be for that share of these tables to call it faster.
    """
    needed = []
    for table in tables:
        level = 0.05 / 2 / len(table)
        needed += [
            quantile(1 - level, row.df) * row.error - math.log(row.value)
            for row in table
            if row.error is not None
        ]
    return math.expm1(float(np.quantile(needed, power)))
