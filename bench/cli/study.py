"""``mlpbench study``: one training for each value of a parameter, side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import rich.table
from rich.console import Console

from bench import exits
from bench.cli.inputs import choose_trainer, read_raw
from bench.cli.options import Whole, given, list_option, out_option
from bench.cli.output import (
    GENERATOR,
    REPORT,
    command_line,
    finish,
    folder_for,
    open_folder,
    require_untaken,
    say,
)
from bench.cli.progress import waiting
from bench.cli.training_options import TrainingChoice, check_option, choose, learning_options
from bench.cli.training_run import (
    Checker,
    learn,
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
from reports.evaluation import build_study
from reports.evaluation.as_data import as_data
from reports.evaluation.context import share, training_diverged
from reports.format import seconds
from reports.tables import Column, Table, TableCell, TableRow
from reports.terminal import draw

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
    label, values = studied_parameter(context)
    _with_articles(console, context, label)
    choices = {
        text: choose({**context.params, label.replace("-", "_"): value})
        for text, value in values.items()
    }
    row = choose_trainer(options["implementation"])
    environment.set_variables(row, is_ours=True)
    raw = read_raw(console, options["dataset"], options["label"])

    @lru_cache(maxsize=1)
    def normalised(normalise: str) -> TrainingData:
        return from_raw(raw, normalise)

    def data_of(choice: TrainingChoice) -> TrainingData:
        data = normalised(choice.normalise)
        return data.take(choice.examples) if choice.examples else data

    for choice in choices.values():
        sessions.require_fit(choice.network, data_of(choice))
    models = [model_name(f"{label} {text}") for text in choices]
    warn_if_measuring(console)
    wanted = require_untaken(folder_for(options["out"], "study"), (STUDY, REPORT, *models))
    folder = open_folder(wanted)
    reached, code = _train(console, row, label, choices, data_of, folder, options)
    if reached:
        data = data_of(next(iter(choices.values())))
        _conclude(console, label, reached, data, folder)
    return code


def studied_parameter(context: click.Context) -> tuple[str, dict[str, Any]]:
    """Return the parameter to vary, and its values by the text that was given for each.

    Values are converted as those of the parameter's own option are.

    Raises:
        UnknownNameError: there is no such parameter.
        UsageError: no value, one twice, or the parameter's own option was given as well.
    """
    known = {
        option.opts[0].lstrip("-"): option
        for option in context.command.params
        if isinstance(option, click.Option) and option.name not in NOT_STUDIED
    }
    label = context.params["parameter"].replace("_", "-")
    if label not in known:
        raise UnknownNameError("parameter", label, known)
    option = known[label]
    if option.name in given(context):
        raise UsageError(f"--{label} is the studied parameter: give its values with --values only")
    kind = click.BOOL if option.is_flag else option.type
    texts = context.params["values"]
    converted = {text: kind.convert(text, option, context) for text in texts}
    require_distinct("--values", texts)
    require_distinct("--values", list(converted.values()))
    return label, converted


def _with_articles(console: Console, context: click.Context, studied: str) -> None:
    """Take from the articles' study what no option sets."""
    if context.params["network"] != "blog" or studied == "network":
        return
    taken = {
        name: value
        for name, value in ARTICLES.items()
        if context.params[name] is None and name != studied.replace("-", "_")
    }
    context.params.update(taken)
    if taken:
        words = ", ".join(f"{name.replace('_', '-')} {value:g}" for name, value in taken.items())
        say(console, f"As in the articles' study: {words}")


def _train(
    console: Console,
    row: Row,
    label: str,
    choices: dict[str, TrainingChoice],
    data_of: Callable[[TrainingChoice], TrainingData],
    folder: Path,
    options: dict[str, Any],
) -> tuple[list[Trained], int]:
    """Return every training in turn, and the exit code: that all of them diverged is no success."""
    check = Checker(console, wanted=options["check"])
    reached: list[Trained] = []
    for text, choice in choices.items():
        name, epochs = f"{label} {text}", choice.training.epochs
        say(console, f"{name}:")
        data = data_of(choice)
        try:
            session = sessions.begin(row, choice.network, choice.training, choice.order, data)
            checked = check(session)
            if checked is None:
                return reached, exits.NOT_ALL_VALID
            every = options["evaluate_every"] or max(1, epochs // _LOOKS)
            interrupted = learn(console, session, epochs, status_every=epochs, evaluate_every=every)
            if session.history.epochs:
                learned = trained(name, session, checked)
                reached.append(learned)
                # That the training of a value diverged is a finding.
                if learned.model.divergence:
                    say_diverged(console, name, learned.model.divergence)
                else:
                    path = folder / model_name(name)
                    model_files.save(learned.model, path, generator=GENERATOR)
        except (Exception, SystemExit) as error:
            if isinstance(error, BenchError):
                raise
            # Another value would hardly do better: what was learned before it is reported.
            say_failed(console, name, error)
            return reached, exits.NOT_ALL_VALID
        if interrupted:
            return reached, exits.INTERRUPTED
    lost = all(training_diverged(learned) for learned in reached)
    return reached, exits.NOT_ALL_VALID if lost else exits.FINE


def _conclude(
    console: Console, label: str, reached: list[Trained], data: TrainingData, folder: Path
) -> None:
    """Write report and numbers, print the table."""
    command = command_line()
    values = [learned.name.removeprefix(f"{label} ") for learned in reached]
    numbers = {
        "parameter": label,
        "values": values,
        "diverged": [
            value
            for value, learned in zip(values, reached, strict=True)
            if training_diverged(learned)
        ],
        **as_data(reached, data, command),
    }
    with waiting(console, "writing the report"):
        page = build_study(label, values, reached, data, command=command, generator=GENERATOR)
        write(folder / STUDY, numbers, page)
    console.print()
    finish(console, outcome_table(label, values, reached), folder / REPORT)


def outcome_table(
    label: str, values: Sequence[str], reached: Sequence[Trained]
) -> rich.table.Table:
    """Return a narrow table with one row per value: what it led to."""
    titles = ("train", "test", "penalty", "mean\nerror", "converged", "epochs", "time")
    # Two lines where the parameter's name has two words: eight columns are to fit a terminal.
    columns = (
        Column(label.replace("-", "-\n"), numeric=False),
        *(Column(title, whole=True) for title in titles),
    )
    rows = []
    for value, learned in zip(values, reached, strict=True):
        history, evaluation = learned.model.history, learned.evaluation
        if training_diverged(learned):
            outcome = ("-", "-", "-", "-", "diverged")
        else:
            outcome = (
                share(evaluation.train.accuracy),
                share(evaluation.test.accuracy),
                share(history.epochs[-1].penalty_share),
                f"{evaluation.train.mean_error:.4g}",
                str(history.converged or "not yet"),
            )
        words = (value, *outcome, str(learned.model.epochs), seconds(history.seconds))
        rows.append(TableRow(tuple(map(TableCell, words))))
    return draw(Table("After training", columns, tuple(rows)), narrow=True)
