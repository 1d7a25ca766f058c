"""Which parameter a study varies, and the values it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
from click.core import ParameterSource

from bench.errors import UnknownNameError, UsageError
from bench.plan import require_distinct

NOT_STUDIED = {"parameter", "values", "implementation", "dataset", "evaluate_every", "out"}


@dataclass(frozen=True)
class Studied:
    """A parameter under the name of its option, and its values by the text that was given."""

    name: str
    label: str
    values: dict[str, Any]


def studied_parameter(context: click.Context) -> Studied:
    """What the command was asked to vary; values are converted as those of the option are.

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
    if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
        raise UsageError(f"--{label} is what is studied: give its values with --values alone")
    texts = [text.strip() for text in context.params["values"].split(",")]
    if not all(texts):
        raise UsageError(f"--values {context.params['values']!r} has an empty place")
    converted = {text: _converted(option, text, context) for text in texts}
    require_distinct("--values", texts)
    require_distinct("--values", list(converted.values()))
    return Studied(name, label, converted)


def _label(option: click.Option) -> str:
    return option.opts[0].lstrip("-")


def _converted(option: click.Option, text: str, context: click.Context) -> Any:
    kind = click.BOOL if option.is_flag else option.type
    return kind.convert(text, option, context)
