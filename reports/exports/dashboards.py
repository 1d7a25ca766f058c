"""Two formats of dashboards that follow numbers from commit to commit."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bench.documents.results import Results
from reports import format as text
from reports.exports.series import only, series

NANOSECONDS = 1e9
MILLISECONDS = 1e3


def to_bmf(results: Sequence[Results], phases: Sequence[str]) -> str:
    """Return Bencher Metric Format: the latency of each series in nanoseconds, with its interval.

    Raises:
        UsageError: several documents, or nothing measured.
    """
    metrics = {}
    for timed in series(only(results, "bmf"), phases):
        estimate = timed.estimate
        ends = {
            "value": estimate.value, "lower_value": estimate.low, "upper_value": estimate.high,
        }  # fmt: skip
        latency = {name: NANOSECONDS * end for name, end in ends.items() if end is not None}
        metrics[timed.name] = {"latency": latency}
    return json.dumps(metrics, indent=1) + "\n"


def to_github(results: Sequence[Results], phases: Sequence[str]) -> str:
    """Return what github-action-benchmark reads as ``customSmallerIsBetter``.

    The unit never changes: an alert compares the bare numbers.

    Raises:
        UsageError: several documents, or nothing measured.
    """
    entries = []
    for timed in series(only(results, "github"), phases):
        estimate = timed.estimate
        entry = {"name": timed.name, "unit": "ms", "value": MILLISECONDS * estimate.value}
        processes = text.count(estimate.blocks, "process", "processes")
        lines = [
            f"{processes}, {text.count(estimate.rounds, 'round')}",
            f"{text.significant(timed.examples / estimate.value)} examples per second",
        ]
        if estimate.low is not None and estimate.high is not None:
            reach = MILLISECONDS * (estimate.high - estimate.low) / 2
            entry["range"] = f"± {reach:.3g}"
            ends = f"{text.seconds(estimate.low)} to {text.seconds(estimate.high)}"
            lines.insert(0, f"95 % interval {ends}")
        entries.append({**entry, "extra": "\n".join(lines)})
    return json.dumps(entries, indent=1) + "\n"
