"""A horizontal axis in percent of its width: for charts that stretch with the page."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_MOST_TICKS = 5
_LEAST_GAP = 17.0
"""Percent of the width that labels are apart at least."""
_LEAST_NARROW_GAP = 26.0
"""The same where two charts stand side by side."""
_EDGE = 3.0
"""Percent of the width that is kept free at either end, so that no marker is cut."""
_STEPS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
_REACH = 3.0
"""Factor by which an interval may lie beyond all values before it leaves the axis."""


@dataclass(frozen=True)
class Tick:
    """A labelled place, in percent of the width."""

    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """From ``low`` to ``high``; logarithmic axes need both above 0."""

    low: float
    high: float
    log: bool
    form: Callable[[float], str]
    gap: float = _LEAST_GAP

    def at(self, value: float) -> float:
        """Return where ``value`` lies, in percent of the width, held to the ends of the axis."""
        inside = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(inside / self.low) / math.log(self.high / self.low)
        else:
            share = (inside - self.low) / (self.high - self.low)
        return round(_EDGE + (100 - 2 * _EDGE) * share, 1)

    def holds(self, value: float) -> bool:
        """Return whether ``value`` lies on the axis."""
        return self.low <= value <= self.high

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Round values that leave room for their labels."""
        values = _log_ticks(self.low, self.high) if self.log else _ticks(self.low, self.high)
        found: list[Tick] = []
        for value in values:
            place = self.at(value)
            if not found or place - found[-1].at >= self.gap:
                found.append(Tick(place, self.form(value)))
        return tuple(found)


def log_axis(
    values: Sequence[float],
    ends: Iterable[float | None],
    form: Callable[[float], str],
    *,
    narrow: bool = False,
) -> Axis:
    """Return an axis for ``values``, and for the ``ends`` of intervals that are not very wide.

    A ``narrow`` one, beside another, has room for fewer labels.
    """
    least, most = min(values), max(values)
    known = [end for end in ends if end]
    low = max(min([least, *known]), least / _REACH)
    high = min(max([most, *known]), most * _REACH)
    room = max((high / low) ** 0.02, 1.02)
    gap = _LEAST_NARROW_GAP if narrow else _LEAST_GAP
    return Axis(low / room, high * room, log=True, form=form, gap=gap)


def linear_axis(most: float, form: Callable[[float], str]) -> Axis:
    """Return an axis from 0 to ``most``."""
    return Axis(0.0, most, log=False, form=form)


def _log_ticks(low: float, high: float) -> list[float]:
    """One, two or three values in each decade, as few decades as there is room for."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    best: list[float] = []
    for steps in _STEPS:
        found = [step * 10.0**power for power in decades for step in steps]
        inside = [value for value in found if low <= value <= high]
        if len(inside) > _MOST_TICKS:
            break
        best = inside
    if best:
        return best
    powers = [10.0**power for power in decades if low <= 10.0**power <= high]
    if not powers:
        return [math.sqrt(low * high)]
    return powers[:: math.ceil(len(powers) / _MOST_TICKS)]


def _ticks(low: float, high: float) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step)
    return [step * number for number in range(first, math.floor(high / step + 1e-9) + 1)]
