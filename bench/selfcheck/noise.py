"""Synthetic rounds whose truth is known: what machines do to durations, in four shapes.

Each shape has two levels, as real runs do: a process is slower or faster as a whole (memory
layout, frequency), and its rounds scatter around that.  A world adds an axis of time, along which
workers take turns while bursts of foreign load come and go.  Durations are relative to an
undisturbed round, moments are in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.planning.plan import repetitions
from bench.selfcheck.small_run import plan_for
from impls.row import Row

Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


TURN_SECONDS = 0.1
"""From one turn to the next: a short round, and waking up."""
SETUP_SECONDS = 20.0
"""From the last sweep of a block to the first of the next."""

BURSTS_PER_MINUTE = 1.5
BURST_SECONDS = (0.5, 60.0)
BURST_FACTORS = (1.2, 3.0)
"""Durations and factors of bursts, both evenly spread on the logarithm."""


@dataclass(frozen=True)
class Noise:
    """Relative durations: ``between`` draws one factor per process, ``within`` one per round."""

    name: str
    between: Draw
    within: Draw

    def rounds(self, rng: np.random.Generator, processes: tuple[int, ...], rounds: int) -> Array:
        """Return durations ``(*processes, rounds)`` of something that takes 1 without noise."""
        return self.between(rng, (*processes, 1)) * self.within(rng, (*processes, rounds))


def steady(between: float, within: float) -> Noise:
    """Return normal scatter of these sizes between processes, and within them."""
    return Noise("normal", _normal(between), _normal(within))


def _normal(scale: float) -> Draw:
    return lambda rng, shape: 1 + rng.normal(0, scale, shape)


def _delays(usual: float) -> Draw:
    """Return log-normal delays on top of the shortest duration: mostly small, rarely large."""
    return lambda rng, shape: 1 + usual * rng.lognormal(0, 1, shape)


def _modes(share: float, slower: float, scale: float) -> Draw:
    """Return two states, such as a good and a bad memory layout, each with a little scatter."""
    return lambda rng, shape: (
        (1 + slower * (rng.random(shape) < share)) * (1 + rng.normal(0, scale, shape))
    )


NORMAL = Noise("normal", _normal(0.02), _normal(0.03))
LOG_NORMAL = Noise("log-normal", _delays(0.015), _delays(0.02))
BIMODAL = Noise("bimodal", _modes(0.5, 0.08, 0.005), _modes(0.25, 0.12, 0.005))
RARE = Noise("lopsided bimodal", _modes(0.2, 0.08, 0.005), _modes(0.25, 0.12, 0.005))
ONE_IN_EIGHT = Noise("bimodal", _modes(0.125, 0.2, 0.005), _normal(0.03))
"""One process in eight is slow throughout."""
NOISES: Sequence[Noise] = (NORMAL, LOG_NORMAL, BIMODAL)


def drift(seed: int, blocks: int, implementations: int, size: float) -> Array:
    """Return factors (blocks, implementations) on a machine that gets slower by ``size``.

    It does so evenly over the run; who meets it when follows from the schedule of
    :func:`bench.planning.plan.repetitions`.
    """
    rows = [Row(f"implementation {number}", "", "") for number in range(implementations)]
    plan = plan_for(rows, seed=seed, blocks=blocks)
    ordered = [job for repetition in repetitions(plan) for job in repetition.jobs]
    factors = np.ones((blocks, implementations))
    for place, job in enumerate(ordered):
        progress = place / (len(ordered) - 1)
        factors[place // implementations, job.index] += size * progress
    return factors


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
        """Return durations (tables, blocks, workers, sweeps); each worker takes 1 in truth."""
        durations = self.noise.rounds(rng, (tables, blocks, workers), sweeps)
        turns = rng.random((tables, blocks, workers, sweeps)).argsort(axis=2)
        at = TURN_SECONDS * (turns + workers * np.arange(sweeps, dtype=np.float64))
        length = workers * sweeps * TURN_SECONDS
        if self.drift:
            start = (length + SETUP_SECONDS) * np.arange(blocks)[:, None, None]
            durations = durations * (1 + self.drift * (start + at) / (start.max() + length))
        return durations * _slowed(rng, at, length) if self.bursts else durations


def _slowed(rng: np.random.Generator, at: Array, length: float) -> Array:
    """Return the factors by which bursts slow the turns that begin ``at`` moments of a block."""
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
