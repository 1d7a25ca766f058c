"""Estimates from raw rounds: pure functions, recomputed by every reader.

The process is the unit of inference: ten thousand rounds from one process are one observation of
that process's memory layout.  Each process contributes the median of its rounds; intervals are
Student t intervals on the logarithms of these medians, so that a ratio and its inverse agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95
MINIMUM_PROCESSES = 3
"""With fewer processes an interval would be a guess about the variance between them."""


@dataclass(frozen=True)
class Estimate:
    """A duration in seconds, or a ratio, with its interval.

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
    medians = [float(np.median(rounds)) for rounds in processes]
    pooled = [seconds for rounds in processes for seconds in rounds]
    value, low, high = _log_interval(np.log(medians).tolist())
    return Estimate(value, low, high, spread(pooled), len(processes), len(pooled))


def speed_up(
    baseline: Mapping[int, Sequence[float]], other: Mapping[int, Sequence[float]]
) -> Estimate:
    """How many times faster ``other`` is than ``baseline``: above 1 is faster.

    Both map blocks to rounds.  Ratios are taken within a block, where both saw the same state of
    the machine, and only blocks that hold both count.

    Raises:
        ValueError: no block holds both.
    """
    shared = sorted(baseline.keys() & other.keys())
    if not shared:
        raise ValueError("no block holds both implementations, so no ratio can be paired")
    logs = [
        math.log(float(np.median(baseline[block])) / float(np.median(other[block])))
        for block in shared
    ]
    value, low, high = _log_interval(logs)
    rounds = sum(len(other[block]) for block in shared)
    pooled = [seconds for block in shared for seconds in other[block]]
    return Estimate(value, low, high, spread(pooled), len(shared), rounds)


def _log_interval(logs: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Exponentials of the mean of ``logs`` and of the ends of its t interval."""
    mean = float(np.mean(logs))
    if len(logs) < MINIMUM_PROCESSES:
        return math.exp(mean), None, None
    error = float(np.std(logs, ddof=1)) / math.sqrt(len(logs))
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(logs) - 1)) * error
    return math.exp(mean), math.exp(mean - reach), math.exp(mean + reach)
