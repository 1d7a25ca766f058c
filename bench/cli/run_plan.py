"""From options to a plan: everything that can be refused is refused here, before measuring."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from rich.console import Console

from bench.cli.inputs import choose_implementations, named_in_full, read_data
from bench.cli.options import preset_of
from bench.cli.output import GENERATOR, command_line
from bench.documents import journal, results
from bench.documents.results import Results
from bench.planning import affinity
from bench.planning.affinity import require_usable
from bench.planning.plan import Plan, require_distinct
from bench.planning.profiles import PROFILES, Profile
from bench.planning.variables import VARIABLES
from bench.provenance import code, machine
from bench.provenance.records import Dataset
from bench.running.neighbours import with_neighbours
from bench.running.pacing import MOST_BLOCKS
from bench.running.runner import require_unchanged
from impls import registry
from impls.data import TrainingData
from impls.errors import UsageError
from impls.presets import Preset
from impls.row import Row, control_of
from impls.training.sessions import require_fit

LEARNS = "time-to-accuracy"
METRICS = ("epoch-time", LEARNS)

Options = Mapping[str, Any]
"""The options of ``mlpbench run`` by name; None or empty where the profile decides."""


PlannedRun = tuple[Plan, tuple[Row, ...], TrainingData]
"""A plan that nothing speaks against, its implementations and its data."""


def plan_run(console: Console, options: Options) -> PlannedRun:
    """Return the plan of a new run, with the data that it needs.

    Raises:
        UsageError, UnknownNameError, ImplementationError: an option is not acceptable.
        DatasetError: the data cannot be read.
    """
    # The data may have to be downloaded: what can be refused without them is refused first.
    rows = choose_rows(options)
    preset = preset_of(options)
    normalisation = options["normalise"] or preset.normalise
    data = read_data(console, options["dataset"], normalisation, options["label"])
    data = data.take(examples_wanted(options, len(data.X)))
    return build_plan(options, rows, preset, data), rows, data


def plan_again(console: Console, folder: Path) -> PlannedRun:
    """Return the plan and the data of the interrupted run in ``folder``.

    Raises:
        ResultsError: there is none, or machine, code or data are not the same.
    """
    header = journal.read(folder / journal.NAME)
    plan, normalisation = header.plan, header.dataset.normalisation
    data = read_data(console, plan.source, normalisation, plan.label).take(plan.examples)
    require_unchanged(header, new_document(plan, header.rows, data))
    return plan, header.rows, data


def choose_rows(options: Options) -> tuple[Row, ...]:
    """Return the implementations to measure, with floor and control unless --bare is given.

    Raises:
        UsageError: options that do not go together, or one that is not acceptable.
    """
    learning = options["metric"] == LEARNS
    rows = choose_implementations(options["implementations"], options["device"])
    if options["fail_on"] and not any(row.revision for row in rows):
        raise UsageError(
            "--fail-on compares an implementation with its own earlier revision: name both, "
            "such as --impl mine.py:Trainer,mine.py:Trainer@HEAD~1"
        )
    if learning != (options["target"] is not None):
        raise UsageError(f"--metric {LEARNS} and --target go together: give both or neither")
    if options["epochs"] is not None and not learning:
        raise UsageError(f"--epochs belongs to --metric {LEARNS}: without it, leave it out")
    return rows if options["bare"] else with_companions(rows, learning=learning)


def with_companions(rows: tuple[Row, ...], *, learning: bool) -> tuple[Row, ...]:
    """Return ``rows`` with what every comparison needs: the floor, and a control.

    The control repeats the highest rung of the ladder, else the first trainer: where there is a
    choice, the one that takes the least time.  The floor has no part in ``learning``.
    """
    trainers = [row for row in rows if row.role == "trainer" and not row.on_device]
    if not trainers:
        return rows
    floors = [row for row in registry.ROWS if row.is_floor and row not in rows]
    repeated = max(trainers, key=lambda row: -1 if row.rung is None else row.rung)
    return (*rows, *(() if learning else floors), control_of(repeated))


def build_plan(options: Options, rows: Sequence[Row], preset: Preset, data: TrainingData) -> Plan:
    """Return the plan for ``rows`` on ``data``.

    Raises:
        UsageError: a value occurs twice, a batch is larger than the data, a processor cannot be
            used, or the network does not fit the data.
    """
    profile = PROFILES[options["profile"]]
    open_end = options["precision"] is not None or options["budget"] is not None
    blocks = options["blocks"] or (MOST_BLOCKS if open_end else profile.effort.blocks)
    batch_sizes = options["batch_sizes"] or profile.batch_sizes
    threads = options["threads"] or _default_threads(options, profile)
    require_distinct("--batch-size", batch_sizes)
    require_distinct("--threads", threads)
    require_usable(options["cpus"])
    examples = len(data.X)
    if max(batch_sizes) > examples:
        raise UsageError(
            f"batch size {max(batch_sizes)} is more than the {examples} training examples: use a "
            "smaller --batch-size or more --examples"
        )
    require_fit(preset.network, data)
    trainings = [preset.training_at(size, options["seed"]) for size in batch_sizes]
    if options["epochs"] is not None:
        trainings = [replace(training, epochs=options["epochs"]) for training in trainings]
    named = named_in_full(options["implementations"])
    return Plan(
        seed=options["seed"],
        profile=profile.name,
        network=preset.network,
        trainings=tuple(trainings),
        implementations=tuple(row.name for row in rows),
        threads=threads,
        settings=with_neighbours(options["settings"], options["neighbours"]),
        effort=replace(profile.effort, blocks=blocks),
        dataset=data.name,
        examples=examples,
        source=options["dataset"],
        label=options["label"],
        precision=options["precision"],
        budget_seconds=options["budget"],
        target=options["target"],
        on_devices=tuple(row.name for row in rows if row.on_device),
        named=tuple(row.name for row in rows if row.name in named),
        cpus=options["cpus"],
    )


def _default_threads(options: Options, profile: Profile) -> tuple[int | None, ...]:
    """Return the profile's thread counts, or none where --env sets a thread variable."""
    varied = {name for setting in options["settings"] for name, _ in setting}
    if varied & set(VARIABLES):
        return (None,)
    # More threads than a quota allows would take turns, and every cell be refused.
    usable = len(options["cpus"]) or len(affinity.AT_START)
    return profile.threads(machine.available_cpus(usable))


def examples_wanted(options: Options, available: int) -> int:
    """Return how many training examples make an epoch: the option, else the profile, else all.

    A profile's limit gives way to a larger batch that was asked for, and to a target accuracy.
    """
    if options["examples"] is not None:
        return int(options["examples"])
    if options["target"] is not None:
        return available
    limit = PROFILES[options["profile"]].examples or available
    wanted: int = max(limit, *options["batch_sizes"], 1)
    return min(available, wanted)


def new_document(plan: Plan, rows: Sequence[Row], data: TrainingData) -> Results:
    """Return the results document of a run before its first outcome."""
    return Results(
        schema_version=results.SCHEMA_VERSION,
        created_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        generator=GENERATOR,
        plan=plan,
        dataset=Dataset.of(data),
        machine=machine.describe(os.environ),
        outcomes=(),
        complete=False,
        command=command_line(),
        rows=tuple(rows),
        code=code.describe(rows),
    )
