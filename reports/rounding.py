"""As many digits as the noise leaves: two where an interval is wider than 5 %, else three."""

from __future__ import annotations

from bench.stats.estimates import Estimate, Ratio
from bench.stats.verdicts import Verdict
from reports import format as text

_NOISY = 0.05


def digits(value: float, low: float | None, high: float | None) -> int:
    """Digits of ``value`` that its interval supports; two where there is none."""
    if low is None or high is None or not value:
        return 2
    return 2 if (high - low) / 2 > _NOISY * abs(value) else 3


def seconds(estimate: Estimate) -> str:
    """Return a duration."""
    return text.seconds(estimate.value, _of(estimate))


def seconds_interval(estimate: Estimate) -> str:
    """Return the ends of its interval; empty where it has none."""
    if estimate.low is None or estimate.high is None:
        return ""
    shown = _of(estimate)
    return f"{text.seconds(estimate.low, shown)} to {text.seconds(estimate.high, shown)}"


def factor(ratio: Ratio) -> str:
    """Return a ratio without a sign behind it: ``14``."""
    return text.significant(ratio.value, digits(ratio.value, ratio.low, ratio.high))


def times(ratio: Ratio) -> str:
    """Return a ratio with the sign of multiplication behind it."""
    return f"{factor(ratio)} \N{MULTIPLICATION SIGN}"


def interval(ratio: Ratio) -> str:
    """Return the ends of its interval: ``11 to 17``; empty where it has none."""
    if ratio.low is None or ratio.high is None:
        return ""
    shown = digits(ratio.value, ratio.low, ratio.high)
    return f"{text.significant(ratio.low, shown)} to {text.significant(ratio.high, shown)}"


def with_interval(ratio: Ratio) -> str:
    """Return a ratio with its interval in brackets."""
    ends = interval(ratio)
    return f"{times(ratio)} ({ends})" if ends else times(ratio)


def doubt(verdict: Verdict | None) -> str:
    """Return the verdict where the ratio alone would mislead; else nothing."""
    return "" if verdict is None or verdict.kind in ("faster", "slower") else verdict.kind


def _of(estimate: Estimate) -> int:
    if estimate.low is None:
        return 2 if estimate.spread > _NOISY or estimate.rounds == 1 else 3
    return digits(estimate.value, estimate.low, estimate.high)
