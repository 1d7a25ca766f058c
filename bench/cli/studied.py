"""Which parameter a study varies, and the values it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich import box
from rich.table import Table
from rich.text import Text

from bench.cli.options import given
from bench.planning.plan import require_distinct
from impls.errors import UnknownNameError, UsageError
from impls.training.evaluation import Trained
from reports import format as text
from reports.evaluation.summary import share
from reports.study.context import training_diverged

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
        epochs, time = str(one.model.epochs), text.seconds(history.seconds)
        table.add_row(Text(value), *learned, converged, epochs, time)
    return table
