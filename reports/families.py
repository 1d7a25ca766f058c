"""Tables of ratios judged as families: one per scope."""

from __future__ import annotations

from collections.abc import Mapping

from bench.judging.stats import Ratio
from bench.judging.verdicts import Verdict, judge
from reports.points import Key, Scope


def judged(ratios: Mapping[Key, Ratio], margin: float) -> dict[Key, Verdict]:
    """A verdict for each ratio; those of one scope are one table of comparisons."""
    families: dict[Scope, list[Key]] = {}
    for key in ratios:
        families.setdefault(key[1].scope, []).append(key)
    return {
        key: verdict
        for keys in families.values()
        for key, verdict in zip(keys, judge([ratios[key] for key in keys], margin), strict=True)
    }
