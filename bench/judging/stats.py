"""Estimates and ratios from raw rounds: pure functions, recomputed by every reader.

The process is the unit of inference: ten thousand rounds from one process are one observation of
that process's memory layout.  Each process contributes the median of its rounds, which already
carries what varies between processes and what varies within them; intervals are Student t
intervals on the logarithms of these medians, so that a ratio and its inverse agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.special import nctdtrinc, stdtr, stdtrit

CONFIDENCE = 0.95
MINIMUM_PROCESSES = 3
"""With fewer processes an interval would be a guess about the variance between them."""

LEAST_ERROR = 1e-12
"""Blocks that agree more closely than this agree by rounding: no clock resolves it."""


@dataclass(frozen=True)
class Estimate:
    """A duration in seconds with its interval.

    ``low`` and ``high`` are None where fewer than :data:`MINIMUM_PROCESSES` were measured.
    ``spread`` is the interquartile range of all rounds over their median.
    """

    value: float
    low: float | None
    high: float | None
    spread: float
    processes: int
    rounds: int

    @property
    def has_interval(self) -> bool:
        """Whether enough processes were measured for an interval."""
        return self.low is not None


@dataclass(frozen=True)
class Ratio:
    """How many times faster one thing is than a reference: above 1 is faster.

    ``low`` and ``high`` are the ends of the 95 % interval, ``error`` the standard error of the
    logarithm of ``value`` and ``freedom`` its degrees of freedom; all but the last are None below
    :data:`MINIMUM_PROCESSES`.  ``processes`` counts the blocks that hold both or, where
    ``paired`` is false, the processes of the side that has fewer.
    """

    value: float
    low: float | None
    high: float | None
    error: float | None
    freedom: float
    processes: int
    paired: bool = True


def spread(values: Sequence[float]) -> float:
    """Interquartile range over median: how far apart the middle half lies, relative."""
    quarter, middle, three_quarters = np.percentile(values, (25, 50, 75))
    return float((three_quarters - quarter) / middle)


def estimate(processes: Sequence[Sequence[float]]) -> Estimate:
    """The duration behind the rounds of one or more processes, in seconds.

    Raises:
        ValueError: no process, or a process without rounds.
    """
    if not processes or not all(processes):
        raise ValueError("an estimate needs at least one process with at least one round")
    mean, error = _mean_and_error(_log_medians(processes))
    found = _ratio(mean, error, len(processes) - 1, len(processes))
    pooled = [seconds for rounds in processes for seconds in rounds]
    return Estimate(found.value, found.low, found.high, spread(pooled), len(processes), len(pooled))


def paired_ratio(
    reference: Mapping[int, Sequence[float]], other: Mapping[int, Sequence[float]]
) -> Ratio:
    """How many times faster ``other`` is than ``reference``, both given as rounds by block.

    Ratios are taken within a block, where both saw the same state of the machine, and only blocks
    that hold both count.

    Raises:
        ValueError: no block holds both.
    """
    shared = sorted(reference.keys() & other.keys())
    if not shared:
        raise ValueError("no block holds both implementations, so no ratio can be paired")
    ours = _log_medians([other[block] for block in shared])
    theirs = _log_medians([reference[block] for block in shared])
    mean, error = _mean_and_error([b - a for a, b in zip(ours, theirs, strict=True)])
    return _ratio(mean, error, len(shared) - 1, len(shared))


def unpaired_ratio(reference: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> Ratio:
    """How many times faster ``other`` is than ``reference``, both given as rounds by process.

    For what was measured at different times: the variances add up, and the degrees of freedom are
    those of Welch and Satterthwaite.  A drift of the machine between the two is not excluded.

    Raises:
        ValueError: one of them has no process.
    """
    if not reference or not other:
        raise ValueError("a ratio needs at least one process on both sides")
    theirs, first = _mean_and_error(_log_medians(reference))
    ours, second = _mean_and_error(_log_medians(other))
    error = math.hypot(first, second)
    counts = (len(reference), len(other))
    freedom = float(sum(counts) - 2)
    if error > LEAST_ERROR and min(counts) >= MINIMUM_PROCESSES:
        shares = zip((first, second), counts, strict=True)
        freedom = 1 / sum((one / error) ** 4 / (number - 1) for one, number in shares)
    return _ratio(theirs - ours, error, freedom, min(counts), paired=False)


def difference_p(ratio: Ratio, margin: float = 0.0) -> float | None:
    """How likely so large a log ratio is where the two differ by at most ``margin``, two-sided.

    That is twice the p of the t test against the edge of the margin on the ratio's own side: such
    a p of 5 % or less is seen in at most 5 % of cases wherever within the margin the truth lies.
    None without an interval.  Where all blocks agree exactly, it is 1 for a ratio within the
    margin and practically 0 for any other.
    """
    if ratio.error is None:
        return None
    t = (abs(math.log(ratio.value)) - math.log1p(margin)) / max(ratio.error, LEAST_ERROR)
    return min(1.0, 2 * float(stdtr(ratio.freedom, -t)))


def equivalence_p(ratio: Ratio, margin: float) -> float | None:
    """How likely so small a log ratio is where the two differ by ``margin`` or more.

    The larger p of the two one-sided t tests of Schuirmann (1987) against ratios of ``1 + margin``
    and of its inverse.  None without an interval.
    """
    if ratio.error is None:
        return None
    room = math.log1p(margin) - abs(math.log(ratio.value))
    return float(stdtr(ratio.freedom, -room / max(ratio.error, LEAST_ERROR)))


def quantile(share: float, freedom: float) -> float:
    """The value of Student's t that so large a share of its distribution lies below."""
    return float(stdtrit(freedom, share))


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """``ps`` adjusted for their number by the step-down method of Holm (1979).

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
    """Half of the interval's width, relative to the ratio: its precision.  None without one."""
    if ratio.low is None or ratio.high is None:
        return None
    return math.sqrt(ratio.high / ratio.low) - 1


def detectable(ratio: Ratio, *, comparisons: int = 1, power: float = 0.8) -> float | None:
    """The smallest relative difference that as many blocks, with this scatter, would mostly find.

    ``power`` is the share of runs that would tell it from none if it were the only one in a table
    of so many ``comparisons``, where Holm asks for a p of 5 % divided by their number.  The size
    of a difference is that of a noncentral t distribution.  None without an interval.
    """
    if ratio.error is None:
        return None
    critical = quantile(1 - (1 - CONFIDENCE) / 2 / comparisons, ratio.freedom)
    return math.expm1(float(nctdtrinc(ratio.freedom, 1 - power, critical)) * ratio.error)


def variances(processes: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Relative variances ``(between, within)`` processes, as those of the logarithms of rounds.

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
    means = np.array([one.mean() for one in logs])
    inside = sum(float(((one - one.mean()) ** 2).sum()) for one in logs)
    within = inside / (total - len(logs))
    outside = float((counts * (means - np.concatenate(logs).mean()) ** 2).sum()) / (len(logs) - 1)
    size = (total - float((counts**2).sum()) / total) / (len(logs) - 1)
    return max(0.0, (outside - within) / size), within


def _log_medians(processes: Sequence[Sequence[float]]) -> list[float]:
    """The logarithm of the median of each process's rounds."""
    return [math.log(median(rounds)) for rounds in processes]


def _mean_and_error(logs: Sequence[float]) -> tuple[float, float]:
    """The mean and its standard error, which is 0 for a single value."""
    number = len(logs)
    mean = math.fsum(logs) / number
    squares = math.fsum((one - mean) ** 2 for one in logs)
    return mean, math.sqrt(squares / max(number - 1, 1) / number)


def _ratio(
    mean: float, error: float, freedom: float, processes: int, *, paired: bool = True
) -> Ratio:
    """The ratio whose logarithm is ``mean``, with its t interval where there are enough."""
    if processes < MINIMUM_PROCESSES:
        return Ratio(math.exp(mean), None, None, None, freedom, processes, paired)
    reach = quantile((1 + CONFIDENCE) / 2, freedom) * error
    low, high = math.exp(mean - reach), math.exp(mean + reach)
    return Ratio(math.exp(mean), low, high, error, freedom, processes, paired)
