"""From options to a plan: everything that can be refused is refused here, before measuring."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bench.cli.output import GENERATOR, command_line
from bench.documents import results
from bench.documents.results import Results
from bench.planning import affinity
from bench.planning.affinity import require_usable
from bench.planning.environment import VARIABLES
from bench.planning.plan import Effort, Plan, Setting, require_distinct
from bench.planning.profiles import PROFILES, Profile
from bench.provenance import code, dataset, machine
from bench.running.neighbours import with_neighbours
from bench.running.pacing import MOST_BLOCKS
from impls import registry
from impls.data import TrainingData
from impls.errors import UsageError
from impls.networks import Training
from impls.presets import Preset
from impls.row import Row, control_of
from impls.training.sessions import require_fit


@dataclass(frozen=True)
class Choices:
    """What the user chose; None or empty where the profile decides."""

    rows: tuple[Row, ...]
    preset: Preset
    batch_sizes: tuple[int, ...]
    threads: tuple[int | None, ...]
    settings: tuple[Setting, ...]
    profile: str
    device: str | None
    examples: int | None
    seed: int
    source: str
    normalisation: str
    label: str | None
    blocks: int | None
    precision: float | None
    budget: float | None = None
    neighbours: tuple[int, ...] = ()
    target: float | None = None
    epochs: int | None = None
    named: tuple[str, ...] = ()
    cpus: tuple[int, ...] = ()


def with_companions(rows: tuple[Row, ...], *, learning: bool) -> tuple[Row, ...]:
    """``rows`` with what every comparison needs beside it: the floor, and a control.

    The control repeats the highest rung of the ladder, else the first trainer: where there is a
    choice, the one that takes the least time.  The floor has no part in ``learning``.
    """
    trainers = [row for row in rows if row.role == "trainer" and not row.on_device]
    if not trainers:
        return rows
    floors = [row for row in registry.ROWS if row.role == "limit" and row not in rows]
    limits = [] if learning else floors
    repeated = max(trainers, key=lambda row: -1 if row.rung is None else row.rung)
    return (*rows, *limits, control_of(repeated))


def build_plan(choices: Choices, data: TrainingData) -> Plan:
    """Return the plan for ``choices`` on ``data``.

    Raises:
        UsageError: a value occurs twice, a batch is larger than the data, a processor cannot be
            used, or the network does not fit the data.
    """
    profile = PROFILES[choices.profile]
    network = choices.preset.network
    batch_sizes = choices.batch_sizes or profile.batch_sizes
    threads = choices.threads or _default_threads(choices, profile)
    require_distinct("--batch-size", batch_sizes)
    require_distinct("--threads", threads)
    require_usable(choices.cpus)
    examples = len(data.X)
    if max(batch_sizes) > examples:
        raise UsageError(
            f"batch size {max(batch_sizes)} is more than the {examples} training examples: use a "
            "smaller --batch-size or more --examples"
        )
    require_fit(network, data)
    return Plan(
        seed=choices.seed,
        profile=choices.profile,
        network=network,
        trainings=tuple(_training(choices, size) for size in batch_sizes),
        implementations=tuple(row.name for row in choices.rows),
        threads=threads,
        settings=with_neighbours(choices.settings, choices.neighbours),
        effort=_effort(choices, profile),
        dataset=data.name,
        examples=examples,
        source=choices.source,
        label=choices.label,
        precision=choices.precision,
        budget_seconds=choices.budget,
        target=choices.target,
        on_devices=tuple(row.name for row in choices.rows if row.on_device),
        named=choices.named,
        cpus=choices.cpus,
    )


def _training(choices: Choices, batch_size: int) -> Training:
    """Return the preset's training at ``batch_size``, ended early where that was asked for."""
    training = choices.preset.training_at(batch_size, choices.seed)
    if choices.epochs is None:
        return training
    return msgspec.structs.replace(training, epochs=choices.epochs)


def _default_threads(choices: Choices, profile: Profile) -> tuple[int | None, ...]:
    """The profile's thread counts; left to the libraries where --env sweeps a thread variable."""
    swept = {name for setting in choices.settings for name, _ in setting}
    if swept & set(VARIABLES):
        return (None,)
    # More threads than a quota allows would take turns, and every cell be refused.
    usable = len(choices.cpus) or len(affinity.AT_START)
    return profile.threads(machine.available_cpus(usable))


def _effort(choices: Choices, profile: Profile) -> Effort:
    """The profile's effort, with the blocks that were asked for or that the rule may need."""
    open_end = choices.precision is not None or choices.budget is not None
    blocks = choices.blocks or (MOST_BLOCKS if open_end else profile.effort.blocks)
    return msgspec.structs.replace(profile.effort, blocks=blocks)


def examples_wanted(choices: Choices, available: int) -> int:
    """Return how many training examples make an epoch: the option, else the profile, else all.

    A profile's limit gives way to a larger batch that was asked for, and to a target accuracy.
    """
    if choices.examples is not None:
        return choices.examples
    if choices.target is not None:
        return available
    limit = PROFILES[choices.profile].examples or available
    return min(available, max(limit, *choices.batch_sizes, 1))


def new_document(plan: Plan, rows: Sequence[Row], data: TrainingData) -> Results:
    """Return the results document of a run before its first outcome."""
    return Results(
        schema_version=results.SCHEMA_VERSION,
        created_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        generator=GENERATOR,
        plan=plan,
        dataset=dataset.describe(data),
        machine=machine.describe(os.environ),
        outcomes=(),
        complete=False,
        command=command_line(),
        rows=tuple(rows),
        code=code.describe(rows),
    )
