"""Two formats of dashboards that follow numbers from commit to commit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bench.documents.results import Results
from reports import format as text
from reports.exports.series import Series, only, series

NANOSECONDS = 1e9
MILLISECONDS = 1e3


def to_bmf(results: Sequence[Results], phases: Sequence[str]) -> str:
    """Bencher Metric Format: the latency of each series in nanoseconds, with its interval.

    Raises:
        UsageError: several documents, or nothing measured.
    """
    found = series(only(results, "bmf"), phases)
    return json.dumps({one.name: {"latency": _metric(one)} for one in found}, indent=1) + "\n"


def _metric(one: Series) -> dict[str, float]:
    ends = {
        "value": one.estimate.value,
        "lower_value": one.estimate.low,
        "upper_value": one.estimate.high,
    }
    return {name: NANOSECONDS * end for name, end in ends.items() if end is not None}


def to_github(results: Sequence[Results], phases: Sequence[str]) -> str:
    """Return what github-action-benchmark reads as ``customSmallerIsBetter``.

    Raises:
        UsageError: several documents, or nothing measured.
    """
    found = series(only(results, "github"), phases)
    return json.dumps([_entry(one) for one in found], indent=1) + "\n"


def _entry(one: Series) -> dict[str, Any]:
    """Return one entry.  The unit never changes: an alert compares the bare numbers."""
    estimate = one.estimate
    entry = {"name": one.name, "unit": "ms", "value": MILLISECONDS * estimate.value}
    processes = text.count(estimate.processes, "process", "processes")
    lines = [
        f"{processes}, {text.count(estimate.rounds, 'round')}",
        f"{text.significant(one.examples / estimate.value)} examples per second",
    ]
    if estimate.low is not None and estimate.high is not None:
        reach = MILLISECONDS * (estimate.high - estimate.low) / 2
        entry["range"] = f"± {reach:.3g}"
        ends = f"{text.seconds(estimate.low)} to {text.seconds(estimate.high)}"
        lines.insert(0, f"95 % interval {ends}")
    return {**entry, "extra": "\n".join(lines)}
