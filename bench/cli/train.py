"""``mlpbench train``: train with any implementation, keep the network, see what it learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from bench import exits
from bench.cli.inputs import choose_trainers, read_data, require_class
from bench.cli.options import (
    PATH,
    Whole,
    digit_option,
    list_option,
    out_option,
    require_alone,
)
from bench.cli.output import folder_for, note, open_folder, require_untaken
from bench.cli.training_options import check_option, choose, learning_options
from bench.cli.training_run import (
    CHECKPOINTS,
    WRITTEN,
    Checker,
    conclude,
    model_name,
    model_names,
    say_failed,
    train,
    trained,
    warn_if_measuring,
)
from impls import environment, loading, registry
from impls.data import TrainingData
from impls.data.normalise import Normaliser
from impls.errors import BenchError, ImplementationError, UsageError
from impls.keras import files as keras_files
from impls.keras.files import Stored
from impls.row import Row
from impls.training import model_files, sessions
from impls.training.evaluation import Trained
from impls.training.sessions import Session

WITH_RESUME = {
    "implementations", "epochs", "dataset", "label", "resume", "out", "print_period",
    "evaluate_every", "checkpoint_every", "digit", "check",
}  # fmt: skip
"""What may be said beside --resume; everything else is in the model."""


@dataclass(frozen=True)
class TrainingPlan:
    """What is to be done: a session for each row, trained up to ``epochs``.

    Rows that are not in ``named`` were matched by a pattern, and need not take the network.
    """

    rows: tuple[Row, ...]
    named: set[str]
    begin: Callable[[Row], Session]
    data: TrainingData
    epochs: int


@click.command("train")
@list_option(
    "--impl",
    "implementations",
    item=click.STRING,
    help="Implementations, trained one after another: names or patterns of 'mlpbench list', "
    "FILE.py:CLASS, or all. Default: the top of the NumPy ladder.",
)
@learning_options
@click.option(
    "--print-period",
    type=Whole(min=1),
    default=5,
    show_default=True,
    help="Epochs between two status reports.",
)
@click.option(
    "--evaluate-every",
    type=Whole(min=0),
    default=1,
    show_default=True,
    help="Evaluate every N epochs, outside the clock; 0 for never.",
)
@click.option(
    "--checkpoint-every",
    type=Whole(min=1),
    help="Save the network every N epochs. Default: only at the end.",
)
@click.option(
    "--resume",
    type=PATH,
    metavar="MODEL",
    help="Continue this saved training, with its settings, up to --epochs.",
)
@click.option(
    "--weights",
    type=PATH,
    metavar="MODEL",
    help="Start a new training from the network in this .npz or .keras file.",
)
@check_option
@digit_option
@out_option("models and report", "train-DATE-TIME")
@click.pass_context
def train_command(context: click.Context, /, **options: Any) -> int:
    """Train implementations from the same start weights in the same batch order.

    Unset options use the network's defaults. Ctrl-C ends the training after the epoch, a second
    Ctrl-C at once. The training so far is kept, and --resume continues it.

    Exit code 3: an implementation failed or differs from the float64 reference, or a training
    diverged. The others are trained all the same. 130: interrupted by Ctrl-C.
    """
    console = Console()
    plan = _resume(console, context) if options["resume"] else _begin(console, options)
    require_class(options["digit"], plan.data)
    models = [name for row in plan.rows for name in model_names(row)]
    warn_if_measuring(console)
    wanted = folder_for(options["out"], "train")
    folder = open_folder(require_untaken(wanted, (*WRITTEN, CHECKPOINTS, *models)))
    reached, codes = _train_each(console, plan, folder, options)
    if not codes:
        raise UsageError("none of the implementations takes this network: name others with --impl")
    if reached:
        last = reached[-1]
        go_on: tuple[str, ...] = ()
        if exits.INTERRUPTED in codes and last.model.epochs < plan.epochs:
            address = last.model.implementation
            named = ("--impl", address) if loading.is_in_file(address) else ()
            model = folder / model_name(last.name)
            go_on = ("mlpbench", "train", "--resume", str(model), *named)
        conclude(console, reached, plan.data, folder, options["digit"], go_on)
    # What was interrupted goes before what was invalid or failed, and that before what is fine.
    return max(codes)


def _train_each(
    console: Console, plan: TrainingPlan, folder: Path, options: dict[str, Any]
) -> tuple[list[Trained], list[int]]:
    """Return what was learned, and the exit code of each training that was begun."""
    check = Checker(console, wanted=options["check"])
    reached: list[Trained] = []
    codes: list[int] = []
    for row in plan.rows:
        try:
            session = _session(console, plan, row)
            if session is None:
                continue
            checked = check(session)
            if checked is None:
                codes.append(exits.NOT_ALL_VALID)
                continue
            code = train(console, session, plan.epochs, folder, options)
            reached.append(trained(row.name, session, checked))
        except KeyboardInterrupt:
            # What was trained before it is reported all the same.
            if not reached:
                raise
            code = exits.INTERRUPTED
        except (Exception, SystemExit) as error:
            if isinstance(error, BenchError) and len(plan.rows) == 1:
                raise
            say_failed(console, row.name, error)
            code = exits.NOT_ALL_VALID
        codes.append(code)
        if code == exits.INTERRUPTED:
            break
    return reached, codes


def _session(console: Console, plan: TrainingPlan, row: Row) -> Session | None:
    """Return the training with ``row``, or None where a row that a pattern matched declines."""
    try:
        environment.set_variables(row, is_ours=True)
        return plan.begin(row)
    except (UsageError, ImplementationError) as error:
        if row.name in plan.named:
            raise
        note(console, f"left out: {error}")
        return None


def _begin(console: Console, options: dict[str, Any]) -> TrainingPlan:
    """Return the plan of trainings from their first epoch."""
    names = options["implementations"] or (registry.top_of_ladder().name,)
    rows, named = choose_trainers(console, names)
    path, normalise = options["weights"], options["normalise"]
    if path is None:
        choice = choose(options)
        normalisation: str | Normaliser = choice.normalise
        start = None
    else:
        refused = [n for n in ("activation", "loss", "dropout", "dtype") if options[n] is not None]
        if refused:
            raise UsageError(f"--weights sets the network: leave out --{', --'.join(refused)}")
        if path.suffix.lower() == keras_files.SUFFIX:
            # Reading one of Keras' own files imports Keras, which chooses its engine then, once.
            on_keras = [row for row in rows if environment.ENGINE in row.environment]
            for row in sorted(on_keras, key=lambda row: row.name not in named)[:1]:
                environment.set_variables(row, is_ours=True)
            weights = keras_files.load(path)
        else:
            model = model_files.load(path)
            weights = Stored(model.network, model.state.parameters, model.normaliser, notes=())
        choice = choose(options, network=weights.network)
        for remark in weights.notes:
            note(console, remark)
        if weights.normaliser is None and normalise is None:
            note(
                console,
                f"{path} does not record its normalisation; the training uses "
                f"{choice.normalise!r}. Give another one, such as pixels divided by 255, with "
                "--normalise.",
            )
        elif weights.normaliser is not None and normalise is not None:
            note(console, f"--normalise {normalise} replaces the normalisation in {path}.")
        stored = weights.normaliser if normalise is None else None
        normalisation, start = stored or choice.normalise, weights.parameters
    data = read_data(console, options["dataset"], normalisation, options["label"])
    data = data.take(choice.examples) if choice.examples else data
    sessions.require_fit(choice.network, data)

    def begin(row: Row) -> Session:
        return sessions.begin(row, choice.network, choice.training, choice.order, data, start)

    return TrainingPlan(rows, named, begin, data, choice.training.epochs)


def _resume(console: Console, context: click.Context) -> TrainingPlan:
    """Return the plan of a saved training that is resumed.

    Raises:
        UsageError: an option that the model has decided already.
    """
    options = context.params
    require_alone(context, WITH_RESUME, "the settings of the model")
    saved = model_files.load(options["resume"])
    epochs = options["epochs"] or saved.training.epochs
    model = sessions.with_epochs(saved, epochs)
    data = read_data(console, options["dataset"], model.normaliser, options["label"])
    if model.source.examples < len(data.X):
        data = data.take(model.source.examples)
    names = options["implementations"] or (sessions.address_of(sessions.row_of(model)),)

    def begin(row: Row) -> Session:
        session = sessions.go_on(row, model, data)
        reason = sessions.forgotten(session, model)
        if reason:
            note(
                console,
                f"the optimiser starts with an empty state, because {reason}. The result will "
                "not match a training without the interruption exactly.",
            )
        return session

    rows, named = choose_trainers(console, names)
    return TrainingPlan(rows, named, begin, data, epochs)
