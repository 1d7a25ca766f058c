"""Made-up tables of ratios from live workers: coverage, false verdicts and winners, power."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.selfcheck.noise import Array
from bench.selfcheck.trials import AT_ONCE, covers
from bench.selfcheck.turns import World
from bench.stats.estimates import Ratio, quantile, ratios_of_tables
from bench.stats.sweeps import location, sampling_variance
from bench.stats.verdicts import WinnerLeads, judge

SWEEPS = 10
PER_BASELINE = 12
"""Larger tables have further baselines, as they have further batch sizes and thread settings."""


@dataclass(frozen=True)
class Found:
    """Shares of intervals that hold the truth, by row, and of tables with a false verdict.

    ``df`` is the median over all ratios.
    """

    rows: Sequence[float]
    false: float
    df: float

    @property
    def coverage(self) -> float:
        """The share over all rows."""
        return float(np.mean(self.rows))


def ratios(
    rng: np.random.Generator,
    world: World,
    tables: int,
    blocks: int,
    entries: int,
    *,
    sweeps: int = SWEEPS,
    scales: Array | None = None,
) -> Iterator[list[Ratio]]:
    """Tables of ratios that are all 1 in truth, each over the baseline of its condition.

    ``scales`` (entries) multiplies the scatter of each row, 1 where it is not given.
    """
    references = [place // PER_BASELINE for place in range(entries)]
    for begin in range(0, tables, AT_ONCE):
        number = min(AT_ONCE, tables - begin)
        logs = [
            _logs(rng, world, (number, blocks, min(PER_BASELINE, entries - first)), sweeps)
            for first in range(0, entries, PER_BASELINE)
        ]
        table = np.concatenate(logs, axis=2)
        if scales is not None:
            table = table * scales[:, None]
        places = np.swapaxes(location(table), 1, 2)
        yield from ratios_of_tables(places, sampling_variance(table).mean(axis=1), references)


def _logs(
    rng: np.random.Generator, world: World, shape: tuple[int, int, int], sweeps: int
) -> Array:
    """Log ratios (tables, blocks, rows, sweeps) over a baseline that takes turns with the rows."""
    tables, blocks, rows = shape
    seconds = np.log(world.seconds(rng, tables, blocks, rows + 1, sweeps))
    return np.asarray(seconds[:, :, :1] - seconds[:, :, 1:])


def judged(tables: Iterator[list[Ratio]]) -> Found:
    """Return what intervals and verdicts say of tables whose ratios are all 1."""
    covered, false, dfs = [], 0, []
    for table in tables:
        covered.append([covers(one, 1.0) for one in table])
        false += any(verdict.kind in {"faster", "slower"} for verdict in judge(table))
        dfs += [one.df for one in table]
    rows = np.mean(covered, axis=0).tolist()
    return Found(rows, false / len(covered), float(np.median(dfs)))


def false_winners(
    rng: np.random.Generator, world: World, runs: int, blocks: int, candidates: int
) -> float:
    """Return the share of runs that name a fastest among equals."""
    false = 0
    for begin in range(0, runs, AT_ONCE):
        number = min(AT_ONCE, runs - begin)
        seconds = np.log(world.seconds(rng, number, blocks, candidates, SWEEPS))
        best = location(seconds).mean(axis=1).argmin(axis=1)
        chosen = seconds[np.arange(number), :, best][:, :, None]
        others = np.arange(candidates - 1) + (np.arange(candidates - 1) >= best[:, None])
        logs = np.take_along_axis(seconds, others[:, None, :, None], axis=2) - chosen
        places = np.swapaxes(location(logs), 1, 2)
        for leads in ratios_of_tables(places, sampling_variance(logs).mean(axis=1)):
            winner = WinnerLeads(dict(enumerate(leads)), candidates, frozenset(range(len(leads))))
            verdicts = judge(leads, winners=[winner])
            false += all(verdict.kind == "faster" for verdict in verdicts)
    return false / runs


def found_with(tables: Iterator[list[Ratio]], power: float) -> float:
    """The smallest difference that is found, after Holm over its table, with so much ``power``.

    That is the quantile of estimate and critical value together: how large the true log ratio of a
    row must be for so many of these tables to call it faster.
    """
    needed = []
    for table in tables:
        level = 0.05 / 2 / len(table)
        needed += [
            quantile(1 - level, one.df) * one.error - math.log(one.value)
            for one in table
            if one.error is not None
        ]
    return math.expm1(float(np.quantile(needed, power)))
