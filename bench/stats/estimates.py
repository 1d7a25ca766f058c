"""Estimates and ratios from raw rounds: pure functions, recomputed by every reader.

The process is the unit of inference: ten thousand rounds from one process are one observation of
that process's memory layout.  A block of fresh processes contributes the location of its sweeps,
which already carries what varies between processes and what varies within them; intervals are
Student t intervals on logarithms, so that a ratio and its inverse agree.  A table of ratios shares
what its entries know of the variance between processes: see :mod:`bench.stats.moderation`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

import numpy as np
from scipy.special import nctdtrinc, stdtr, stdtrit

from bench.stats import moderation
from bench.stats.moderation import Array
from bench.stats.sweeps import located

CONFIDENCE = 0.95
BLOCKS_FOR_INTERVAL = 3
"""A duration on its own with fewer has no interval, which would be a guess of their variance.

A ratio in a table has one from two blocks, or even one: see :func:`moderated_ratios`.
"""

PairedLogs = Mapping[int, Sequence[float]]
"""Log ratios of the sweeps of each block, above 0 where the other is faster than the reference."""

LEAST_ERROR = 1e-12
"""Blocks that agree more closely than this agree by rounding: no clock resolves it."""

LARGEST_LOG = 700.0
"""The exponential of more is no floating-point number."""


@dataclass(frozen=True)
class Estimate:
    """A duration in seconds with its interval.

    ``low`` and ``high`` are None below :data:`BLOCKS_FOR_INTERVAL` blocks.  ``spread`` is the
    interquartile range of all rounds over their median.
    """

    value: float
    low: float | None
    high: float | None
    spread: float
    blocks: int
    rounds: int

    @property
    def has_interval(self) -> bool:
        """Whether enough blocks were measured for an interval."""
        return self.low is not None


@dataclass(frozen=True)
class Ratio:
    """How many times faster one thing is than a reference: above 1 is faster.

    ``low`` and ``high`` are the ends of the 95 % interval, ``error`` the standard error of the
    logarithm of ``value`` and ``df`` its degrees of freedom; the first three are None below
    one degree of freedom, which a single block has only from its table.  ``blocks`` counts those
    that hold both or, where ``paired`` is false, those of the side that has fewer.
    """

    value: float
    low: float | None
    high: float | None
    error: float | None
    df: float
    blocks: int
    paired: bool = True


def spread(values: Sequence[float]) -> float:
    """Return the interquartile range over the median."""
    if len(values) == 1:
        return 0.0
    # For a handful of rounds, np.percentile takes ten times as long.
    quarter, middle, three_quarters = quantiles(values, n=4, method="inclusive")
    return (three_quarters - quarter) / middle


def estimate(processes: Sequence[Sequence[float]]) -> Estimate:
    """Return the duration behind the rounds of one or more processes, in seconds.

    Raises:
        ValueError: no process, or a process without rounds.
    """
    if not processes or not all(processes):
        raise ValueError("an estimate needs at least one process with at least one round")
    mean, error = _mean_and_error(_log_medians(processes))
    number = len(processes)
    ratio = _ratio(mean, error if number >= BLOCKS_FOR_INTERVAL else None, number - 1, number)
    pooled = [seconds for rounds in processes for seconds in rounds]
    return Estimate(ratio.value, ratio.low, ratio.high, spread(pooled), number, len(pooled))


def moderated_ratios(
    table: Sequence[PairedLogs], references: Sequence[Hashable] | None = None
) -> list[Ratio]:
    """Return one ratio per entry of ``table``; entries moderate each other's variances.

    ``references`` names the worker that each entry is compared with, such as the baseline with one
    thread.  Without it all entries count as compared with the same one, which is never too bold.

    The error of an entry is never smaller than its own blocks, or the scatter of its sweeps, alone
    imply.  Two blocks give an interval, honestly wide where nobody lends.  An entry of one block
    has an interval where others of the table lend it at least one degree of freedom.

    Raises:
        ValueError: an entry without blocks, or a block without sweeps.
    """
    if not all(table):
        raise ValueError("no block holds both implementations, so no ratio can be paired")
    if not table:
        return []
    names = sorted({block for entry in table for block in entry})
    places = {block: place for place, block in enumerate(names)}
    logs = np.full((1, len(table), len(names)), np.nan)
    sampling = np.zeros((1, len(table)))
    for row, entry in enumerate(table):
        for block, sweeps in entry.items():
            logs[0, row, places[block]], variance = located(sweeps)
            sampling[0, row] += variance / len(entry)
    return ratios_of_tables(logs, sampling, references)[0]


def ratios_of_tables(
    logs: Array, sampling: Array, references: Sequence[Hashable] | None = None
) -> list[list[Ratio]]:
    """Return the ratios of several tables at once, each moderated by its own table only.

    ``logs`` (tables, entries, blocks) are locations of log ratios, NaN where an entry lacks a
    block, the same ones in all tables; ``sampling`` (tables, entries) is how much the scatter of
    sweeps adds to the variance between blocks, 0 where it is not known.
    """
    counts = (~np.isnan(logs[0])).sum(axis=-1)
    means = np.nansum(logs, axis=-1) / counts
    if counts.max() < 2:
        return [[_ratio(mean, None, 0.0, 1) for mean in row] for row in means.tolist()]
    groups = defaultdict(list)
    for place, name in enumerate(references or [None] * len(counts)):
        groups[name].append(place)
    residuals = logs - means[..., None]
    variances, df = moderation.between_blocks(residuals, sampling, list(groups.values()))
    errors = np.sqrt(variances / counts)
    return [
        [_ratio(*entry) for entry in zip(*table, counts.tolist(), strict=True)]
        for table in zip(means.tolist(), errors.tolist(), df.tolist(), strict=True)
    ]


def moderated_unpaired(
    table: Sequence[tuple[Sequence[Sequence[float]], Sequence[Sequence[float]]]],
) -> list[Ratio]:
    """Return the same for cells measured at different times: both sides, as rounds by process.

    The variances of both sides add up, and the degrees of freedom are those of Welch and
    Satterthwaite.  A drift of the machine between the two is not excluded.

    Raises:
        ValueError: an entry has no process on one side.
    """
    if not all(reference and other for reference, other in table):
        raise ValueError("a ratio needs at least one process on both sides")
    sides = [_log_medians(side) for entry in table for side in entry]
    counts = np.array([len(side) for side in sides])
    width = max(counts, default=0)
    if width < 2:
        return [
            _ratio(theirs[0] - ours[0], None, 0, 1, paired=False)
            for theirs, ours in zip(sides[::2], sides[1::2], strict=True)
        ]
    residuals = np.full((1, len(sides), width), np.nan)
    for place, side in enumerate(sides):
        residuals[0, place, : len(side)] = np.array(side) - math.fsum(side) / len(side)
    nothing = np.zeros((1, len(sides)))
    variances, df = moderation.between_blocks(residuals, nothing, [])
    spreads = list(zip(sides, variances[0] / counts, df[0], strict=True))
    return [_welch(*pair) for pair in zip(spreads[::2], spreads[1::2], strict=True)]


def _welch(
    reference: tuple[Sequence[float], float, float], other: tuple[Sequence[float], float, float]
) -> Ratio:
    """Return the ratio of two sides: logs, squared error of their mean, degrees of freedom."""
    (theirs, first, first_df), (ours, second, second_df) = reference, other
    mean = _mean_and_error(theirs)[0] - _mean_and_error(ours)[0]
    error = math.sqrt(first + second)
    df = first_df + second_df
    if error > LEAST_ERROR:
        df = float((first + second) ** 2 / (first**2 / first_df + second**2 / second_df))
    return _ratio(mean, error, df, min(len(theirs), len(ours)), paired=False)


def difference_p(ratio: Ratio, margin: float = 0.0) -> float | None:
    """Return the two-sided p of a log ratio where the two differ by at most ``margin``.

    That is twice the p of the t test against the edge of the margin on the ratio's own side: such
    a p of 5 % or less is seen in at most 5 % of cases wherever within the margin the truth lies.
    None without an interval.  Where all blocks agree exactly, it is 1 for a ratio within the
    margin and practically 0 for any other.
    """
    if ratio.error is None:
        return None
    t = (abs(math.log(ratio.value)) - math.log1p(margin)) / max(ratio.error, LEAST_ERROR)
    return min(1.0, 2 * float(stdtr(ratio.df, -t)))


def equivalence_p(ratio: Ratio, margin: float) -> float | None:
    """Return how likely so small a log ratio is where the two differ by ``margin`` or more.

    The larger p of the two one-sided t tests of Schuirmann (1987) against ratios of ``1 + margin``
    and of its inverse.  None without an interval.
    """
    if ratio.error is None:
        return None
    room = math.log1p(margin) - abs(math.log(ratio.value))
    return float(stdtr(ratio.df, -room / max(ratio.error, LEAST_ERROR)))


def quantile(share: float, df: float) -> float:
    """Return the value of Student's t that so large a share of its distribution lies below."""
    return float(stdtrit(df, share))


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Return ``ps`` adjusted for their number by the step-down method of Holm (1979).

    Rejecting what is adjusted to at most 5 % rejects any true hypothesis in at most 5 % of tables,
    however the tests depend on each other.  None stays None and does not count.
    """
    places = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    least = 0.0
    for step, (p, place) in enumerate(places):
        least = max(least, min(1.0, (len(places) - step) * p))
        adjusted[place] = least
    return adjusted


def half_width(ratio: Ratio) -> float | None:
    """Return half of the interval's width, relative to the ratio; None without an interval."""
    if ratio.low is None or ratio.high is None:
        return None
    return math.sqrt(ratio.high / ratio.low) - 1


def detectable(ratio: Ratio, *, comparisons: int = 1, power: float = 0.8) -> float | None:
    """Return the smallest relative difference that as many blocks, with this scatter, mostly find.

    ``power`` is the share of runs that would find it if it were the only one in a table with that
    number of ``comparisons``, where Holm asks for a p of 5 % divided by their number.  The size
    of a difference is that of a noncentral t distribution.  None without an interval.
    """
    if ratio.error is None:
        return None
    critical = quantile(1 - (1 - CONFIDENCE) / 2 / comparisons, ratio.df)
    return math.expm1(float(nctdtrinc(ratio.df, 1 - power, critical)) * ratio.error)


def variances(processes: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return relative variances ``(between, within)`` processes, of the logarithms of rounds.

    By the method of moments: ``within`` is the variance of rounds around the mean of their
    process, pooled over processes; ``between`` is by how much the means of processes vary beyond
    what ``within`` alone explains, and 0 where they do not.

    Raises:
        ValueError: fewer than two processes, or none with two rounds.
    """
    logs = [np.log(rounds) for rounds in processes]
    counts = np.array([len(rounds) for rounds in processes])
    total = int(counts.sum())
    if len(logs) < 2 or counts.min() < 1 or total == len(logs):
        raise ValueError("variances need at least two processes, and two rounds in one of them")
    means = np.array([log.mean() for log in logs])
    inside = sum(float(((log - log.mean()) ** 2).sum()) for log in logs)
    within = inside / (total - len(logs))
    outside = float((counts * (means - np.concatenate(logs).mean()) ** 2).sum()) / (len(logs) - 1)
    size = (total - float((counts**2).sum()) / total) / (len(logs) - 1)
    return max(0.0, (outside - within) / size), within


def _log_medians(processes: Sequence[Sequence[float]]) -> list[float]:
    """Return the logarithm of the median of each process's rounds."""
    return [math.log(median(rounds)) for rounds in processes]


def _mean_and_error(logs: Sequence[float]) -> tuple[float, float]:
    """Return the mean and its standard error, which is 0 for a single value."""
    number = len(logs)
    mean = math.fsum(logs) / number
    squares = math.fsum((log - mean) ** 2 for log in logs)
    return mean, math.sqrt(squares / max(number - 1, 1) / number)


def _ratio(
    mean: float, error: float | None, df: float, blocks: int, *, paired: bool = True
) -> Ratio:
    """Return the ratio whose logarithm is ``mean``, with its t interval where there is an error.

    With less than one degree of freedom, as where one block borrows from a table that says little,
    the interval would span all that floating-point numbers can hold: there is none.
    """
    if error is None or df < 1:
        return Ratio(math.exp(mean), None, None, None, df, blocks, paired)
    reach = quantile((1 + CONFIDENCE) / 2, df) * error
    low, high = math.exp(mean - reach), math.exp(min(mean + reach, LARGEST_LOG))
    return Ratio(math.exp(mean), low, high, error, df, blocks, paired)
