"""The question: which cells are measured, in which order, with how much effort.

Everything here is plain data and pure functions; the same seed gives the same plan.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

import msgspec

from bench.errors import UsageError
from bench.planning.schedule import orders
from impls.networks import Network, Training

Setting = tuple[tuple[str, str | None], ...]
"""Environment variables given to a worker, sorted by name; ``None`` removes the variable."""


class Effort(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long is measured.  Durations are in seconds.

    ``blocks`` is the number of times that every job is repeated in a fresh process.  In each
    process a cell is timed in up to ``rounds`` rounds of the step and of the phases, each lasting
    at least ``round_seconds``, and in up to ``epoch_rounds`` epochs; after ``cell_seconds`` neither
    begins another round.  Warm-up ends when it no longer gets faster, at the latest after
    ``warmup_seconds``.
    """

    blocks: int
    rounds: int
    epoch_rounds: int
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
    ``source`` is what was given to find it, and ``examples`` says how many training examples make
    an epoch.  Blocks end before ``effort.blocks`` once every ratio is known within ``precision``
    (a share, such as 0.02), or where another one would exceed ``budget_seconds``.  With a
    ``target``, each process trains until that accuracy on the test examples is held, and every
    block has start weights and orders of its own.

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
    precision: float | None = None
    budget_seconds: float | None = None
    target: float | None = None
    on_devices: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    cpus: tuple[int, ...] = ()

    def threads_of(self, implementation: str) -> tuple[int | None, ...]:
        """The thread counts with which ``implementation`` is measured."""
        return (most_threads(self.threads),) if implementation in self.on_devices else self.threads


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one worker process measures: one implementation under one setting."""

    index: int
    block: int
    implementation: str
    threads: int | None
    setting: Setting
    batch_sizes: tuple[int, ...]


def most_threads(threads: Sequence[int | None]) -> int | None:
    """The largest thread count, or None, which leaves it to the libraries, where there is none."""
    return max((count for count in threads if count is not None), default=None)


def jobs(plan: Plan) -> list[Job]:
    """The plan's jobs in the order of execution.

    Every block runs each job once, in the order that ``bench.planning.schedule`` gives; so do
    the batch sizes of each job.  What runs on another device has one thread count.

    Raises:
        UsageError: a plan without implementations, threads or batch sizes.
    """
    for field in ("implementations", "threads", "trainings", "settings"):
        if not getattr(plan, field):
            raise UsageError(f"the plan has no {field}: give at least one")
    rng = random.Random(plan.seed)
    blocks = plan.effort.blocks
    sizes = [training.batch_size for training in plan.trainings]
    combinations = [
        (implementation, threads, setting, orders(sizes, blocks, rng))
        for implementation in plan.implementations
        for threads in plan.threads_of(implementation)
        for setting in plan.settings
    ]
    ordered: list[Job] = []
    for block, order in enumerate(orders(combinations, blocks, rng)):
        for implementation, threads, setting, batch_sizes in order:
            ordered.append(
                Job(
                    index=len(ordered),
                    block=block,
                    implementation=implementation,
                    threads=threads,
                    setting=setting,
                    batch_sizes=tuple(batch_sizes[block]),
                )
            )
    return ordered


def without(plan: Plan, names: Collection[str]) -> Plan | None:
    """What is left of ``plan`` where ``names`` have no part in it; None where that is nothing."""
    left = tuple(name for name in plan.implementations if name not in names)
    return msgspec.structs.replace(plan, implementations=left) if left else None


def cell_of(
    plan: Plan,
    implementation: str,
    device: str,
    batch_size: int,
    threads: int | None,
    setting: Setting,
) -> Cell:
    """The cell of one combination."""
    return Cell(
        implementation=implementation,
        device=device,
        network=plan.network.name,
        batch_size=batch_size,
        threads=threads,
        setting=setting,
    )


def require_distinct(option: str, values: Sequence[object]) -> None:
    """Refuse a value given twice: it would be measured twice under one identity.

    Raises:
        UsageError: a value occurs more than once.
    """
    for value in values:
        if values.count(value) > 1:
            raise UsageError(f"{option} lists {value} more than once: name each value once")
