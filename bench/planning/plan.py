"""The question: which cells are measured, in which order, with how much effort.

Everything here is plain data and pure functions; the same seed gives the same plan.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import msgspec

from impls.errors import UsageError
from impls.networks import Network, Training

T = TypeVar("T")


def orders(items: Sequence[T], repetitions: int, rng: random.Random) -> list[list[T]]:
    """Return the order of ``items`` in each of a number of ``repetitions``.

    They come in pairs: the first has a fresh random order, the second runs it backwards.  An odd
    number of them begins with three arrangements of one random order.  On a machine that gets
    steadily slower or faster, what one of these repetitions gives to an item the others take: its
    places add up to the same for every item (to within one, where three arrange an even number).
    The shuffling does the same on average for whatever is less steady.
    """
    sequences: list[list[T]] = []
    if repetitions > 1 and repetitions % 2:
        first = rng.sample(items, len(items))
        evens, odds = first[::2][::-1], first[1::2][::-1]
        sequences += [first, evens + odds, odds + evens]
    while len(sequences) < repetitions:
        there = rng.sample(items, len(items))
        sequences += [there, there[::-1]]
    return sequences[:repetitions]


Setting = tuple[tuple[str, str | None], ...]
"""Environment variables given to a worker, sorted by name; ``None`` removes the variable."""


class Effort(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long is measured.  Durations are in seconds.

    ``blocks`` is the number of repetitions, each with a fresh process for each job.  A repetition
    is one block, or several where memory does not hold all workers at once.  The workers of a block
    take turns: at each batch size up to ``sweeps`` turns each.  No sweep begins once the turns of a
    batch size have taken ``cell_seconds`` for each of its cells.  A round of the step or of the
    phases lasts at least ``round_seconds``; a round of the epoch is one whole epoch.  Warm-up ends
    when it no longer gets faster, at the latest after ``warmup_seconds``.
    """

    blocks: int
    sweeps: int
    round_seconds: float
    cell_seconds: float
    warmup_seconds: float


class Cell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One point of the grid.

    ``threads`` is what was requested; ``None`` leaves the choice to the libraries.
    """

    implementation: str
    device: str
    network: str
    batch_size: int
    threads: int | None
    setting: Setting = ()

    @property
    def id(self) -> str:
        """A readable identity, such as ``numpy-naive/blog/b500/t2``."""
        parts = [
            self.implementation,
            self.network,
            f"b{self.batch_size}",
            f"t{self.threads or '-'}",
        ]
        parts += [f"{name}={'(unset)' if value is None else value}" for name, value in self.setting]
        return "/".join(parts)


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is to be measured.

    ``trainings`` holds the training settings per batch size; ``dataset`` names the data,
    ``source`` is what was given to find it, ``label`` the column of a table that was named as its
    label, and ``examples`` says how many training examples make an epoch.  Sweeps and blocks end
    earlier once every ratio is known within ``precision`` (a share, such as 0.02), or where they
    would exceed ``budget_seconds``.  With a ``target``, each process trains until that accuracy on
    the test examples is held, and start weights and orders differ between blocks.

    ``on_devices`` names the implementations that run on another device than the processor.  Its
    threads are not what they work with, so that they are measured with :func:`most_threads` alone,
    beside everything else that is measured with them.  ``named`` lists the implementations that
    were asked for by their full name: a run without one of them is not what was wanted.
    ``cpus`` are the processors that the workers are held to; empty leaves them all that this
    program may use.
    """

    seed: int
    profile: str
    network: Network
    trainings: tuple[Training, ...]
    implementations: tuple[str, ...]
    threads: tuple[int | None, ...]
    settings: tuple[Setting, ...]
    effort: Effort
    dataset: str
    examples: int
    source: str = "auto"
    label: str | None = None
    precision: float | None = None
    budget_seconds: float | None = None
    target: float | None = None
    on_devices: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    cpus: tuple[int, ...] = ()

    def training(self, batch_size: int) -> Training:
        """Return the training settings of a batch size of the plan."""
        by_size = {training.batch_size: training for training in self.trainings}
        return by_size[batch_size]

    def threads_of(self, implementation: str) -> tuple[int | None, ...]:
        """Return the thread counts with which ``implementation`` is measured."""
        return (most_threads(self.threads),) if implementation in self.on_devices else self.threads


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one worker process measures: one implementation under one setting.

    ``index`` is its place among the jobs of the plan; it measures every batch size of the plan.
    """

    index: int
    implementation: str
    threads: int | None
    setting: Setting


def most_threads(threads: Sequence[int | None]) -> int | None:
    """Return the largest thread count, or None where all leave it to the libraries."""
    return max((count for count in threads if count is not None), default=None)


def jobs(plan: Plan) -> list[Job]:
    """Return the jobs of one block, in the order of the plan.

    What runs on another device than the processor has one thread count.

    Raises:
        UsageError: a plan without implementations, threads or batch sizes.
    """
    for field in ("implementations", "threads", "trainings", "settings"):
        if not getattr(plan, field):
            raise UsageError(f"the plan has no {field}: give at least one")
    combinations = [
        (implementation, threads, setting)
        for implementation in plan.implementations
        for threads in plan.threads_of(implementation)
        for setting in plan.settings
    ]
    return [
        Job(index=index, implementation=implementation, threads=threads, setting=setting)
        for index, (implementation, threads, setting) in enumerate(combinations)
    ]


class Repetition(NamedTuple):
    """One pass over the grid: all jobs in the order of their start, all batch sizes in order.

    It is one block, or several where memory does not hold all workers at once.
    """

    jobs: list[Job]
    batch_sizes: list[int]


def repetitions(plan: Plan) -> list[Repetition]:
    """Return the repetitions of the plan: jobs and batch sizes, each in a seeded random order.

    The orders come in pairs, there and back (:mod:`bench.planning.plan`).
    """
    rng = random.Random(plan.seed)
    number = plan.effort.blocks
    sizes = [training.batch_size for training in plan.trainings]
    size_orders = orders(sizes, number, rng)
    job_orders = orders(jobs(plan), number, rng)
    return list(map(Repetition, job_orders, size_orders))


def turn_order(plan: Plan, block: int, batch_size: int, sweep: int, count: int) -> list[int]:
    """Return a random order of ``count`` workers for one sweep, the same for the same seed."""
    rng = random.Random(f"{plan.seed}/{block}/{batch_size}/{sweep}")
    return rng.sample(range(count), count)


def require_distinct(option: str, values: Sequence[object]) -> None:
    """Refuse a value given twice: it would be measured twice under one identity.

    Raises:
        UsageError: a value occurs more than once.
    """
    for value in values:
        if values.count(value) > 1:
            raise UsageError(f"{option} lists {value} more than once: name each value once")
