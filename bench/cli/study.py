"""``mlpbench study``: one training for each value of a parameter, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.cli import exits
from bench.cli.implementations import choose_trainer
from bench.cli.options import Whole, given, list_option, out_option
from bench.cli.output import (
    GENERATOR,
    REPORT,
    command_line,
    folder_for,
    open_folder,
    require_untaken,
    say,
)
from bench.cli.reading import read_raw
from bench.cli.training_check import Checker
from bench.cli.training_options import TrainingChoice, check_option, choose, learning_options
from bench.cli.training_run import (
    Interruption,
    TrainingEnd,
    TrainingProgress,
    has_diverged,
    model_name,
    say_diverged,
    say_failed,
    trained,
    warn_if_measuring,
    write,
)
from bench.planning.plan import require_distinct
from impls import environment, registry
from impls.data import TrainingData
from impls.data.training_data import from_raw
from impls.errors import BenchError, UnknownNameError, UsageError
from impls.row import Row
from impls.training import model_files, sessions
from impls.training.evaluation import Trained
from impls.training.sessions import Session
from reports.evaluation.as_data import as_data
from reports.evaluation.summary import share
from reports.format import seconds
from reports.study import build_study
from reports.study.context import training_diverged

EXIT_CODES = {
    TrainingEnd.WHOLE: exits.FINE,
    TrainingEnd.REFUSED: exits.NOT_ALL_VALID,
    TrainingEnd.DIVERGED: exits.NOT_ALL_VALID,
    TrainingEnd.FAILED: exits.NOT_ALL_VALID,
    TrainingEnd.INTERRUPTED: exits.INTERRUPTED,
}
STUDY = "study.json"

ARTICLES = {"epochs": 800, "decay": 1e-5, "l2": 0.2, "start_scale": 0.5}
"""Where the articles' study of the penalty differs from their timed trainings."""

_LOOKS = 40

NOT_STUDIED = {
    "parameter",
    "values",
    "implementation",
    "dataset",
    "label",
    "evaluate_every",
    "check",
    "out",
}
"""Options of the command that are no parameter."""


@click.command("study")
@click.argument("parameter")
@list_option(
    "--values",
    item=click.STRING,
    required=True,
    metavar="V1,V2,...",
    help="Values of the parameter, one training for each.",
)
@click.option(
    "--impl",
    "implementation",
    default=registry.top_of_ladder().name,
    show_default=True,
    help="The implementation that trains.",
)
@learning_options
@click.option(
    "--evaluate-every",
    type=Whole(min=1),
    help=f"Evaluate every N epochs. Default: {_LOOKS} evaluations in total.",
)
@check_option
@out_option("models and report", "study-DATE-TIME")
@click.pass_context
def study_command(context: click.Context, /, **options: Any) -> int:
    """Train once for each value of PARAMETER and compare what was learned.

    PARAMETER is any option of 'mlpbench train' that describes network, training, order or data,
    such as l2, start-scale, learning-rate, normalise or activation.  The blog network is trained
    as in the articles' study of the penalty, unless other options are given: 800 epochs, decay
    1e-5, l2 0.2, start-scale 0.5.

    Exit code 3: the implementation failed or differs from the float64 reference, or the training
    diverged with every value. 130: interrupted by Ctrl-C; the trainings so far are kept.
    """
    console = Console()
    studied = studied_parameter(context)
    _with_articles(console, context, studied)
    choices = {
        text: choose({**context.params, studied.name: value})
        for text, value in studied.values.items()
    }
    row = choose_trainer(options["implementation"])
    environment.settle(row, is_ours=True)
    read = _Reader(console, context.params)
    for choice in choices.values():
        sessions.require_fit(choice.network, read(choice))
    models = [model_name(f"{studied.label} {text}") for text in choices]
    warn_if_measuring(console)
    wanted = require_untaken(folder_for(options["out"], "study"), (STUDY, REPORT, *models))
    folder = open_folder(wanted)
    reached, end = _train(console, row, studied, choices, read, folder, options)
    if reached:
        data = read(next(iter(choices.values())))
        _conclude(console, studied, reached, data, folder)
    return EXIT_CODES[end]


@dataclass(frozen=True)
class StudiedOption:
    """A parameter under the name of its option, and its values by the text that was given."""

    name: str
    label: str
    values: dict[str, Any]


def studied_parameter(context: click.Context) -> StudiedOption:
    """Return what the command was asked to vary; values are converted as those of the option are.

    Raises:
        UnknownNameError: there is no such parameter.
        UsageError: no value, one twice, or the parameter's own option was given as well.
    """
    known = {
        _label(option): option
        for option in context.command.params
        if isinstance(option, click.Option) and option.name not in NOT_STUDIED
    }
    label = context.params["parameter"].replace("_", "-")
    if label not in known:
        raise UnknownNameError("parameter", label, known)
    option = known[label]
    name = str(option.name)
    if option in given(context):
        raise UsageError(f"--{label} is the studied parameter: give its values with --values only")
    texts = context.params["values"]
    converted = {text: _converted(option, text, context) for text in texts}
    require_distinct("--values", texts)
    require_distinct("--values", list(converted.values()))
    return StudiedOption(name, label, converted)


def _label(option: click.Option) -> str:
    return option.opts[0].lstrip("-")


def _converted(option: click.Option, text: str, context: click.Context) -> Any:
    kind = click.BOOL if option.is_flag else option.type
    return kind.convert(text, option, context)


def _with_articles(console: Console, context: click.Context, studied: StudiedOption) -> None:
    """Let the articles' study decide what nobody else decides."""
    if context.params["network"] != "blog" or studied.name == "network":
        return
    taken = {
        name: value
        for name, value in ARTICLES.items()
        if context.params[name] is None and name != studied.name
    }
    context.params.update(taken)
    if taken:
        words = ", ".join(f"{name.replace('_', '-')} {value:g}" for name, value in taken.items())
        say(console, f"As in the articles' study: {words}")


class _Reader:
    """The data in any normalisation; the one that was used last is kept."""

    def __init__(self, console: Console, options: dict[str, Any]) -> None:
        self.raw = read_raw(console, options["dataset"], options["label"])
        self.last: TrainingData | None = None

    def __call__(self, choice: TrainingChoice) -> TrainingData:
        """The data as ``choice`` wants them."""
        if self.last is None or self.last.normaliser.name != choice.normalise:
            self.last = from_raw(self.raw, choice.normalise)
        return self.last.take(choice.examples) if choice.examples else self.last


def _train(
    console: Console,
    row: Row,
    studied: StudiedOption,
    choices: dict[str, TrainingChoice],
    read: _Reader,
    folder: Path,
    options: dict[str, Any],
) -> tuple[list[Trained], TrainingEnd]:
    """Return every training in turn, and how the study ended: diverged where all of them did."""
    check = Checker(console, wanted=options["check"])
    reached: list[Trained] = []
    for text, choice in choices.items():
        name, epochs = f"{studied.label} {text}", choice.training.epochs
        say(console, f"{name}:")
        data = read(choice)
        try:
            session = sessions.begin(row, choice.network, choice.training, choice.order, data)
            checked = check(session)
            if not checked.passed:
                return reached, TrainingEnd.REFUSED
            interrupted = _learn(console, session, epochs, options["evaluate_every"])
            if session.history.epochs:
                reached.append(trained(name, session, checked))
                _save(console, reached[-1], folder)
        except (Exception, SystemExit) as error:
            if isinstance(error, BenchError):
                raise
            # Another value would hardly do better: what was learned before it is reported.
            say_failed(console, name, error)
            return reached, TrainingEnd.FAILED
        if interrupted:
            return reached, TrainingEnd.INTERRUPTED
    lost = all(training_diverged(one) for one in reached)
    return reached, TrainingEnd.DIVERGED if lost else TrainingEnd.WHOLE


def _learn(console: Console, session: Session, epochs: int, look_every: int | None) -> bool:
    """Train up to ``epochs``; true where Ctrl-C ended it."""
    with (
        np.errstate(over="ignore", invalid="ignore"),
        TrainingProgress(console, session, epochs, epochs) as progress,
        Interruption(console, "the epoch") as interruption,
    ):
        session.train(
            epochs,
            look_every=look_every or max(1, epochs // _LOOKS),
            on_epoch=progress.show,
            stop=lambda: interruption.wanted() or has_diverged(session),
        )
    return interruption.asked and len(session.history.epochs) < epochs


def _save(console: Console, one: Trained, folder: Path) -> None:
    """Save the network of a value; that the training of a value diverged is a finding."""
    divergence = one.model.divergence
    if divergence:
        say_diverged(console, one.name, divergence)
        return
    model_files.save(one.model, folder / model_name(one.name), generator=GENERATOR)


def _conclude(
    console: Console,
    studied: StudiedOption,
    reached: list[Trained],
    data: TrainingData,
    folder: Path,
) -> None:
    """Write report and numbers, print the table."""
    command = command_line()
    values = tuple(one.name.removeprefix(f"{studied.label} ") for one in reached)

    def page() -> str:
        return build_study(
            studied.label, values, reached, data, command=command, generator=GENERATOR
        )

    numbers = {
        "parameter": studied.label,
        "values": list(values),
        "diverged": [
            value for value, one in zip(values, reached, strict=True) if training_diverged(one)
        ],
        **as_data(reached, data, command),
    }
    write(console, page, numbers, folder / STUDY, outcome_table(studied.label, values, reached))


def outcome_table(label: str, values: Sequence[str], reached: Sequence[Trained]) -> Table:
    """Return one row per value: what it led to, as narrow as it can be told."""
    table = Table(
        title="After training",
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    # Two lines where the parameter's name has two words: eight columns are to fit a terminal.
    table.add_column(Text(label.replace("-", "-\n")), overflow="fold")
    for column in ("train", "test", "penalty", "mean\nerror", "converged", "epochs", "time"):
        table.add_column(column, justify="right", no_wrap=True)
    for value, one in zip(values, reached, strict=True):
        history = one.model.history
        learned = ("-",) * 4 if training_diverged(one) else (
            share(one.evaluation.train.accuracy),
            share(one.evaluation.test.accuracy),
            share(history.epochs[-1].penalty_share),
            f"{one.evaluation.train.mean_error:.4g}",
        )  # fmt: skip
        converged = "diverged" if training_diverged(one) else str(history.converged or "not yet")
        epochs, time = str(one.model.epochs), seconds(history.seconds)
        table.add_row(Text(value), *learned, converged, epochs, time)
    return table
