"""Defaults of options that are not built in: tables of pyproject.toml and environment variables.

``[tool.mlpbench.run]`` of the nearest pyproject.toml holds defaults for ``mlpbench run``, and so
on for each command.  A variable such as ``MLPBENCH_RUN_THREADS`` overrides the table, and the
command line overrides both.  Keys and variables are named after the long form of the option.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from impls.errors import UnknownNameError, UsageError

FILE = "pyproject.toml"
SECTION = "tool.mlpbench"
PREFIX = "MLPBENCH_"
_META = "mlpbench.defaults"


@dataclass(frozen=True)
class Default:
    """The default of one option: the texts given for it, and where they stand."""

    option: click.Option
    values: tuple[str, ...]
    origin: str


def find_file(folder: Path) -> Path | None:
    """Return the pyproject.toml in ``folder`` or in the nearest folder above it, if any."""
    places = (folder, *folder.parents)
    return next((place / FILE for place in places if (place / FILE).is_file()), None)


def read_tables(path: Path, commands: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the tables of ``[tool.mlpbench]`` by command.

    Raises:
        UsageError: the file cannot be read, is not valid TOML, or holds something that is no table.
        UnknownNameError: a table is not called after a command.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}. Check its permissions.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path} is not valid TOML: {error}. Correct it, or ignore it with "
            "'mlpbench --isolated COMMAND'."
        ) from error
    tool = content.get("tool", {})
    tables = tool.get("mlpbench", {}) if isinstance(tool, dict) else {}
    if not isinstance(tables, dict):
        raise UsageError(f"{path}: {SECTION} is no table: write [{SECTION}.run] and its options")
    for name, table in tables.items():
        if isinstance(table, dict) and name not in commands:
            raise UnknownNameError(f"table of [{SECTION}] in {path}", name, commands)
        if not isinstance(table, dict):
            raise UsageError(
                f"{path}: [{SECTION}] holds the key {name!r}, but options belong to a command: "
                f"write it below [{SECTION}.run] or the table of another command"
            )
    return tables


def of_command(
    command: click.Command,
    name: str,
    *,
    file: Path | None,
    tables: Mapping[str, Mapping[str, Any]],
    environment: Mapping[str, str],
) -> list[Default]:
    """Return the defaults of ``command``, called ``name``, from its table and from the environment.

    Raises:
        UnknownNameError: a key or a variable names no option of the command.
        UsageError: a value that an option cannot have, or a key given twice.
    """
    options = {
        _long(option).removeprefix("--"): option
        for option in command.params
        if isinstance(option, click.Option) and option.name != "help"
    }
    by_option: dict[str, Default] = {}
    where = f"[{SECTION}.{name}] in {file}"
    for key, value in tables.get(name, {}).items():
        option = key.replace("_", "-")
        if option not in options:
            raise UnknownNameError(f"option of {where}", key, options)
        if option in by_option:
            raise UsageError(f"{where} holds {option} twice: write it once")
        by_option[option] = Default(
            options[option], _texts(options[option], value, where, key), where
        )
    prefix = f"{PREFIX}{name}_".upper()
    variables = {prefix + option.replace("-", "_").upper(): option for option in options}
    for variable, text in environment.items():
        # An empty variable counts as unset, as it does for click.
        if not variable.startswith(prefix) or not text:
            continue
        if variable not in variables:
            raise UnknownNameError("variable", variable, variables)
        option = variables[variable]
        kind = options[option].type
        parts = kind.split_envvar_value(text) if options[option].multiple else [text]
        by_option[option] = Default(options[option], tuple(parts), variable)
    return list(by_option.values())


def install(context: click.Context, name: str, chosen: list[Default]) -> None:
    """Make ``chosen`` the defaults of the command called ``name`` below ``context``."""
    values = {
        default.option.name: list(default.values) if default.option.multiple else default.values[0]
        for default in chosen
    }
    context.default_map = {name: values}
    context.meta[_META] = chosen


def applied(context: click.Context | None) -> list[Default]:
    """Return the defaults that took effect in ``context``: the command line left them open."""
    if context is None:
        return []
    taken = ParameterSource.DEFAULT_MAP
    return [
        default
        for default in context.meta.get(_META, ())
        if context.get_parameter_source(str(default.option.name)) is taken
    ]


def origin(error: click.BadParameter) -> str:
    """Return where the value that ``error`` is about stands; empty for the command line."""
    places = (default.origin for default in applied(error.ctx) if default.option is error.param)
    return next(places, "")


def as_arguments(chosen: Iterable[Default]) -> str:
    """Return ``chosen`` as they would stand on a command line; empty where there are none."""
    words: list[str] = []
    for default in chosen:
        option = default.option
        if not option.is_flag:
            words += [word for value in default.values for word in (_long(option), value)]
        elif click.BOOL.convert(default.values[0], option, None):
            words.append(_long(option))
        else:
            words += option.secondary_opts
    return shlex.join(words)


def _long(option: click.Option) -> str:
    """Return the first long form of ``option``, such as ``--batch-size``."""
    return next(text for text in option.opts if text.startswith("--"))


def _texts(option: click.Option, value: Any, where: str, key: str) -> tuple[str, ...]:
    """Return a value of TOML as the texts that would stand on the command line.

    Raises:
        UsageError: see :func:`of_command`.
    """
    values = value if isinstance(value, list) else [value]
    if option.is_flag != isinstance(value, bool):
        kind = "true or false" if option.is_flag else "a text, a number or a list of them"
        raise UsageError(f"{where}: {key} = {value!r} is not possible: give {kind}")
    if not option.multiple and isinstance(value, list):
        raise UsageError(f"{where}: {key} takes one value, and there are {len(value)}: give one")
    if not values or not all(isinstance(item, str | int | float) for item in values):
        raise UsageError(f"{where}: {key} = {value!r} is not possible: give texts or numbers")
    return tuple(map(str, values))
