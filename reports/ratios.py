"""Ratios of points under one condition: to the baseline, and to the floor."""

from __future__ import annotations

from collections.abc import Mapping

from bench.judging.stats import Ratio
from reports.points import Key, Point, speed_up


def speed_ups(points: Mapping[Key, Point], baseline: str | None) -> dict[Key, Ratio]:
    """Speed-up of every point over the baseline under the same condition."""
    found: dict[Key, Ratio] = {}
    for key, point in points.items():
        reference = points.get((baseline, key[1], key[2])) if baseline else None
        ratio = speed_up(reference, point) if reference else None
        if ratio is not None:
            found[key] = ratio
    return found


def compared(
    ratios: Mapping[Key, Ratio], baseline: str | None, floors: Mapping[str, str]
) -> dict[Key, Ratio]:
    """Those of the speed-ups that are judged: neither of the baseline nor of a floor."""
    return {
        key: ratio
        for key, ratio in ratios.items()
        if key[0] != baseline and key[0] not in floors.values()
    }


def over_floor(points: Mapping[Key, Point], floors: Mapping[str, str]) -> dict[Key, Ratio]:
    """How many times the floor's time an epoch of every point takes."""
    found: dict[Key, Ratio] = {}
    for key, point in points.items():
        floor = points.get((floors.get(point.cell.device, ""), key[1], key[2]))
        ratio = speed_up(point, floor) if floor else None
        if ratio is not None:
            found[key] = ratio
    return found
