"""Synthetic blocks of workers that take turns, on an axis of time along which bursts come and go.

All durations are relative to an undisturbed round, all moments in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bench.selfcheck.noise import LOG_NORMAL, NORMAL, ONE_IN_EIGHT, Array, Noise

TURN_SECONDS = 0.1
"""From one turn to the next: a short round, and waking up."""
SETUP_SECONDS = 20.0
"""From the last sweep of a block to the first of the next."""

BURSTS_PER_MINUTE = 1.5
BURST_SECONDS = (0.5, 60.0)
BURST_FACTORS = (1.2, 3.0)
"""Durations and factors of bursts, both evenly spread on the logarithm."""


@dataclass(frozen=True)
class World:
    """What happens to rounds: scatter, a drift over the whole run, and bursts of foreign load.

    A burst slows every turn within it where it takes all processors, and any turn with even odds
    where it takes one of two.
    """

    name: str
    noise: Noise
    drift: float = 0.0
    bursts: bool = False

    def seconds(
        self, rng: np.random.Generator, tables: int, blocks: int, workers: int, sweeps: int
    ) -> Array:
        """Durations of shape (tables, blocks, workers, sweeps); each worker takes 1 in truth."""
        found = self.noise.rounds(rng, (tables, blocks, workers), sweeps)
        turns = rng.random((tables, blocks, workers, sweeps)).argsort(axis=2)
        at = TURN_SECONDS * (turns + workers * np.arange(sweeps, dtype=np.float64))
        length = workers * sweeps * TURN_SECONDS
        if self.drift:
            start = (length + SETUP_SECONDS) * np.arange(blocks)[:, None, None]
            found = found * (1 + self.drift * (start + at) / (start.max() + length))
        return found * _slowed(rng, at, length) if self.bursts else found


def _slowed(rng: np.random.Generator, at: Array, length: float) -> Array:
    """By which factor the bursts of each block slow the turns that begin ``at`` moments."""
    longest = BURST_SECONDS[1]
    shape = at.shape[:2]
    numbers = rng.poisson(BURSTS_PER_MINUTE / 60 * (length + longest), shape)
    factors = np.ones_like(at)
    for number in range(int(numbers.max())):
        begin = rng.uniform(-longest, length, shape)
        end = begin + _log_uniform(rng, BURST_SECONDS, shape)
        size = _log_uniform(rng, BURST_FACTORS, shape)
        all_processors = rng.random(shape) < 0.5
        takes_part = number < numbers
        inside = (at >= begin[..., None, None]) & (at < end[..., None, None])
        hit = all_processors[..., None, None] | (rng.random(at.shape) < 0.5)
        hit &= inside & takes_part[..., None, None]
        factors *= np.where(hit, size[..., None, None], 1.0)
    return factors


def _log_uniform(
    rng: np.random.Generator, limits: tuple[float, float], shape: tuple[int, ...]
) -> Array:
    low, high = limits
    return np.exp(rng.uniform(math.log(low), math.log(high), shape))


WORLDS = (
    World("normal", NORMAL),
    World("log-normal", LOG_NORMAL),
    World("bimodal", ONE_IN_EIGHT),
    World("drifting", NORMAL, drift=0.2),
    World("bursty", NORMAL, bursts=True),
)
