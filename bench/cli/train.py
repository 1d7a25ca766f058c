"""``mlpbench train``: train with any implementation, keep the network, see what it learned."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from bench.cli.learned import conclude
from bench.cli.options import CommaList
from bench.cli.output import open_folder
from bench.cli.planning import choose_implementations
from bench.cli.reading import read_data, read_weights, require_class
from bench.cli.train_options import TRAIN_OPTIONS, WITH_RESUME
from bench.cli.training_options import (
    DATA_OPTIONS,
    NETWORK_OPTIONS,
    ORDER_OPTIONS,
    TRAINING_OPTIONS,
    choose,
    with_options,
)
from bench.cli.training_run import model_path, train
from bench.errors import UsageError
from impls import models, registry, sessions
from impls.data import TrainingData
from impls.evaluation import Trained
from impls.row import Row
from impls.sessions import Session

EXIT_FINE = 0
EXIT_INTERRUPTED = 130


@dataclass(frozen=True)
class Plan:
    """What is to be done: a session for each row, trained up to ``epochs``."""

    rows: tuple[Row, ...]
    begin: Callable[[Row], Session]
    data: TrainingData
    epochs: int


@click.command("train")
@click.option(
    "--impl",
    "implementations",
    type=CommaList(click.STRING),
    default=(),
    help="Implementations, trained one after another. Default: the top of the NumPy ladder.",
)
@with_options(NETWORK_OPTIONS, TRAINING_OPTIONS, ORDER_OPTIONS, DATA_OPTIONS, TRAIN_OPTIONS)
@click.pass_context
def train_command(context: click.Context, /, **options: Any) -> int:
    """Train implementations from the same start weights in the same batch order.

    What is not said is the network's own.  Ctrl-C ends the training after the epoch, a second one
    at once; what was learned until then is kept, and --resume goes on with it.
    """
    console = Console()
    plan = _resumed(console, context) if options["resume"] else _new(console, options)
    require_class(options["digit"], plan.data)
    folder = open_folder(options["out"], "train")
    reached: list[Trained] = []
    interrupted = False
    for row in plan.rows:
        # What a worker's environment would hold before import.
        os.environ.update(row.environment)
        session = plan.begin(row)
        interrupted = train(console, session, plan.epochs, folder, options)
        reached.append(Trained(row.name, session.model(), session.evaluation()))
        if interrupted:
            break
    conclude(console, reached, plan.data, folder, options["digit"])
    if interrupted:
        path = model_path(folder, plan.rows[len(reached) - 1])
        console.print(f"Go on with: mlpbench train --resume {path}", highlight=False)
    return EXIT_INTERRUPTED if interrupted else EXIT_FINE


def _new(console: Console, options: dict[str, Any]) -> Plan:
    """Trainings from their first epoch."""
    weights = None
    if options["weights"]:
        refused = [n for n in ("activation", "loss", "dropout", "dtype") if options[n] is not None]
        if refused:
            raise UsageError(f"--weights brings its network: leave out --{', --'.join(refused)}")
        weights = read_weights(options["weights"])
    normaliser = weights.normaliser if weights and options["normalise"] is None else None
    choice = choose(options, network=weights.network if weights else None)
    data = read_data(console, options, normaliser or choice.normalise)
    sessions.require_fit(choice.network, data)
    start = weights.parameters if weights else None

    def begin(row: Row) -> Session:
        return sessions.begin(row, choice.network, choice.training, choice.order, data, start)

    return Plan(_rows(options["implementations"]), begin, data, choice.training.epochs)


def _resumed(console: Console, context: click.Context) -> Plan:
    """A saved training, gone on with.

    Raises:
        UsageError: an option that the model has decided already.
    """
    options = context.params
    others = [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in WITH_RESUME
        and context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
    ]
    if others:
        raise UsageError(
            f"--resume goes on with the settings of the model: leave out {', '.join(others)}"
        )
    saved = models.load(options["resume"])
    epochs = options["epochs"] or saved.training.epochs
    model = sessions.with_epochs(saved, epochs)
    data = read_data(console, options, model.normaliser)
    if model.source.examples < len(data.X):
        data = data.take(model.source.examples)
    rows = _rows(options["implementations"] or (model.implementation,))

    def begin(row: Row) -> Session:
        session = sessions.go_on(row, model, data)
        reason = sessions.forgotten(session, model)
        if reason:
            console.print(
                f"Note: the optimiser begins with an empty memory, because {reason}. The training "
                "will not end exactly where it would have ended without the interruption.",
                style="yellow", highlight=False, soft_wrap=True,
            )  # fmt: skip
        return session

    return Plan(rows, begin, data, epochs)


def _rows(names: Sequence[str]) -> tuple[Row, ...]:
    rows = choose_implementations(names or (registry.top_of_ladder().name,), None)
    for row in rows:
        if row.role == "limit":
            raise UsageError(f"--impl {row.name} trains nothing: {row.summary}")
    return rows
