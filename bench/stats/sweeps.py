"""What the sweeps of one block say of a log ratio: a robust location and its sampling variance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bench.stats.moderation import Array

_NORMAL_IQR = 1.349
"""The interquartile range of a normal distribution, in standard deviations."""
_EFFICIENCY = 0.84
"""That of the mean of the middle half, for normal values."""
_LEAST_SWEEPS = 8
"""Fewer do not show whether neighbours are alike."""
_MOST_ALIKE = 0.9


def log_ratios(reference: Mapping[int, float], other: Mapping[int, float]) -> list[float]:
    """Return the log ratios of the sweeps of one block that both took, in order of the sweeps."""
    both = sorted(reference.keys() & other.keys())
    return [math.log(reference[sweep] / other[sweep]) for sweep in both]


def location(values: Array) -> Array:
    """Return the mean of the middle half of the last axis, which bursts in a quarter leave alone.

    Of up to five values it is the median.
    """
    number = values.shape[-1]
    cut = min(math.ceil(number / 4), (number - 1) // 2)
    return np.asarray(np.sort(values, axis=-1)[..., cut : number - cut].mean(axis=-1))


def sampling_variance(values: Array) -> Array:
    """Return the variance of :func:`location` by the scatter of sweeps; 0 for one value.

    The scatter is judged by the interquartile range, which bursts do not move.  Neighbours in time
    that are alike, as within a burst, count for less: by ``(1 + r) / (1 - r)`` for a correlation
    ``r`` of neighbours.
    """
    number = values.shape[-1]
    low, high = _quartiles(values)
    scale = (high - low) / _NORMAL_IQR
    variance = scale**2 / number / _EFFICIENCY
    if number < _LEAST_SWEEPS:
        return np.asarray(variance)
    centred = np.clip(values, low[..., None], high[..., None])
    centred = centred - centred.mean(axis=-1, keepdims=True)
    power = np.maximum((centred**2).sum(axis=-1), np.finfo(float).tiny)
    alike = (centred[..., 1:] * centred[..., :-1]).sum(axis=-1) / power
    alike = np.clip(alike, 0, _MOST_ALIKE)
    return np.asarray(variance * (1 + alike) / (1 - alike))


def _quartiles(values: Array) -> tuple[Array, Array]:
    """Return both quartiles of the last axis, by linear interpolation; quicker than NumPy's."""
    ordered = np.sort(values, axis=-1)
    last = values.shape[-1] - 1
    below, above = math.floor(last / 4), math.ceil(last / 4)
    part = last / 4 - below
    low = (1 - part) * ordered[..., below] + part * ordered[..., above]
    high = (1 - part) * ordered[..., last - below] + part * ordered[..., last - above]
    return np.asarray(low), np.asarray(high)


def located(sweeps: Sequence[float]) -> tuple[float, float]:
    """Return location and sampling variance of the log ratios of one block.

    Raises:
        ValueError: no sweep.
    """
    if not sweeps:
        raise ValueError("a block needs at least one sweep")
    values = np.asarray(sweeps, dtype=float)
    return float(location(values)), float(sampling_variance(values))
