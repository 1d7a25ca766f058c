"""Synthetic rounds whose truth is known: what machines do to durations, in four shapes.

Each shape has two levels, as real runs do: a process is slower or faster as a whole (memory
layout, frequency), and its rounds scatter around that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.planning.plan import Effort, Plan, repetitions
from impls.networks import Network, Training

Array = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Array]


@dataclass(frozen=True)
class Noise:
    """Relative durations: ``between`` draws one factor per process, ``within`` one per round."""

    name: str
    between: Draw
    within: Draw

    def rounds(self, rng: np.random.Generator, processes: tuple[int, ...], rounds: int) -> Array:
        """Durations of shape ``(*processes, rounds)`` of something that takes 1 without noise."""
        return self.between(rng, (*processes, 1)) * self.within(rng, (*processes, rounds))


def steady(between: float, within: float) -> Noise:
    """Normal scatter of so much between processes, and within them."""
    return Noise("normal", _normal(between), _normal(within))


def _normal(scale: float) -> Draw:
    """Symmetric scatter."""
    return lambda rng, shape: 1 + rng.normal(0, scale, shape)


def _delays(usual: float) -> Draw:
    """Log-normal delays on top of the shortest duration: mostly small, now and then large."""
    return lambda rng, shape: 1 + usual * rng.lognormal(0, 1, shape)


def _modes(share: float, slower: float, scale: float) -> Draw:
    """Two states, such as a good and a bad memory layout, each with a little scatter."""
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
    """Factors of shape (blocks, implementations) on a machine that gets slower by ``size``.

    It does so evenly over the run; who meets it when follows from the schedule of
    :func:`bench.planning.plan.repetitions`.
    """
    plan = _plan(seed, blocks, implementations)
    ordered = [job for repetition in repetitions(plan) for job in repetition.jobs]
    factors = np.ones((blocks, implementations))
    for place, job in enumerate(ordered):
        progress = place / (len(ordered) - 1)
        factors[place // implementations, job.index] += size * progress
    return factors


def _plan(seed: int, blocks: int, implementations: int) -> Plan:
    """Return a plan of so many jobs per block; nothing of it is ever run."""
    return Plan(
        seed=seed,
        profile="default",
        network=Network(name="none", layers=(2, 2)),
        trainings=(Training(batch_size=1),),
        implementations=tuple(f"implementation {number}" for number in range(implementations)),
        threads=(None,),
        settings=((),),
        effort=Effort(
            blocks=blocks,
            sweeps=1,
            round_seconds=1.0,
            cell_seconds=1.0,
            warmup_seconds=1.0,
        ),
        dataset="none",
        examples=1,
    )
