"""What commands have in common: types of options, and the options that several of them share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

import click
from click.core import ParameterSource

from bench.documents.timings import EPOCH, STEP
from bench.planning.affinity import parse_cpus
from bench.planning.plan import Setting
from bench.stats.verdicts import MARGIN
from impls.contract import PHASES
from impls.data.normalise import NORMALISATIONS
from impls.errors import UsageError
from impls.presets import Preset, find_preset

Option = Callable[[Any], Any]

PHASE_NAMES = (EPOCH, STEP, *PHASES)
"""What ``compare`` and ``export`` accept as ``--phase``."""


class NamedPath(click.Path):
    """A path.  An empty one, such as that of an unset variable, is not the current folder."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the path; an empty one is refused."""
        if value == "":
            self.fail(
                "the path is empty: name a file or folder, '.' for the current one", param, ctx
            )
        return super().convert(value, param, ctx)


PATH = NamedPath(path_type=Path)


class CommaList(click.ParamType[tuple[Any, ...]]):
    """Values separated by commas, each converted by ``item``."""

    def __init__(self, item: click.ParamType[Any]) -> None:
        self.item = item
        self.name = f"{item.name},..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[Any, ...]:
        """Return the converted values; an empty place between commas is refused."""
        parts = [part.strip() for part in str(value).split(",")]
        if not all(parts):
            self.fail(f"{value!r} has an empty place: separate values by single commas", param, ctx)
        return tuple(self.item.convert(part, param, ctx) for part in parts)

    def split_envvar_value(self, rv: str) -> list[str]:
        """Return the whole variable: commas separate its values, and a path may hold spaces."""
        return [rv]


def list_option(
    *names: str, item: click.ParamType[Any], default: tuple[Any, ...] | None = (), **attributes: Any
) -> Callable[[Any], Any]:
    """Return an option for a list of values; given again, it adds to them.

    ``item`` converts each value; ``default`` stands for an option that was not given.
    """

    def joined(_context: Any, _option: Any, given: tuple[tuple[Any, ...], ...]) -> Any:
        return tuple(chain.from_iterable(given)) or default

    return click.option(*names, type=CommaList(item), multiple=True, callback=joined, **attributes)


def together(*options: Option) -> Option:
    """Return one decorator that adds all ``options``, in the order of the help text."""

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def given(context: click.Context) -> dict[str, str]:
    """Return the options and arguments on the command line: as they are spelled, by name."""
    return {
        parameter.name: parameter.opts[0]
        for parameter in context.command.params
        if parameter.name
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    }


def require_alone(context: click.Context, allowed: Collection[str], decided_by: str) -> None:
    """Refuse what was given beside --resume and is decided already.

    Raises:
        UsageError: an option other than those ``allowed`` by name.
    """
    others = [option for name, option in given(context).items() if name not in allowed]
    if others:
        raise UsageError(f"--resume uses {decided_by}: leave out {', '.join(others)}")


class Whole(click.IntRange):
    """A number from ``min`` on; messages name a range only if the value is a number."""

    name = "integer"


class Threads(click.ParamType["int | None"]):
    """A thread count, or ``unset``, which leaves the choice to the libraries."""

    name = "threads"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | None:
        """Return a positive number, or None for ``unset``."""
        if value == "unset":
            return None
        try:
            threads = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a number of threads: use 1, 2, ... or unset", param, ctx)
        if threads < 1:
            self.fail(f"{threads} threads are not possible: use 1 or more, or unset", param, ctx)
        return threads


class Cpus(click.ParamType["tuple[int, ...]"]):
    """Processors in a list such as ``2-3,6``."""

    name = "cpus"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """Return their numbers in ascending order."""
        if isinstance(value, tuple):
            return value
        try:
            return parse_cpus(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType[float]):
    """A duration such as ``90``, ``90s``, ``3min`` or ``1.5h``, in seconds."""

    name = "duration"
    units: ClassVar[dict[str, float]] = {"s": 1, "min": 60, "h": 3600}

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return a positive number of seconds."""
        text = str(value).strip()
        unit = next((unit for unit in self.units if text.endswith(unit)), "")
        try:
            seconds = float(text.removesuffix(unit)) * self.units.get(unit, 1)
        except ValueError:
            self.fail(f"{value!r} is not a duration: use 90s, 3min or 1.5h", param, ctx)
        if not 0 < seconds < float("inf"):
            self.fail(f"a duration of {value} is not possible: use more than 0", param, ctx)
        return seconds


class Share(click.ParamType[float]):
    """A share such as ``3%`` or ``0.03``."""

    name = "share"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return a number between 0 and 1, both left out."""
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            self.fail(f"{value!r} is not a share: use 3% or 0.03", param, ctx)
        if not 0 < share < 1:
            self.fail(f"{value} is not possible: use more than 0 and less than 100%", param, ctx)
        return share


def parse_settings(assignments: tuple[str, ...]) -> tuple[Setting, ...]:
    r"""Return all combinations of ``NAME=V1,V2`` assignments; ``unset`` removes the variable.

    ``\,`` stands for a comma and ``\\`` for a backslash within a value.

    Raises:
        UsageError: an assignment without ``=``, a name given twice, or a value given twice.
    """
    combinations: list[dict[str, str | None]] = [{}]
    seen: set[str] = set()
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        values = _values(text)
        if not separator or not name or name != name.strip():
            raise UsageError(f"--env {assignment!r} is not NAME=VALUE or NAME=VALUE1,VALUE2")
        if name in seen:
            raise UsageError(f"--env names {name} twice: give all its values in one --env")
        if len(set(values)) < len(values):
            raise UsageError(
                f"--env {assignment!r} holds a value twice: name each value once, and write \\, "
                "for a comma within a value"
            )
        seen.add(name)
        combinations = [
            {**combination, name: None if value == "unset" else value}
            for combination in combinations
            for value in values
        ]
    return tuple(tuple(sorted(combination.items())) for combination in combinations)


def _values(text: str) -> list[str]:
    """Return the values between the commas of ``text``; a backslash escapes the next letter."""
    values, letters = [""], iter(text)
    for letter in letters:
        if letter == ",":
            values.append("")
        elif letter == "\\":
            escaped = next(letters, "")
            # Before any other letter a backslash is itself, as in a path.
            values[-1] += escaped if escaped in {",", "\\"} else f"\\{escaped}"
        else:
            values[-1] += letter
    return values


network_options = together(
    click.option(
        "--network",
        default="blog",
        show_default=True,
        help="A network from 'mlpbench list', or layer sizes such as 784-512-10.",
    ),
    click.option(
        "--activation",
        type=click.Choice(["sigmoid", "tanh", "relu"]),
        help="Activation of the hidden layers. Default: the network's.",
    ),
    click.option(
        "--loss",
        type=click.Choice(["logloss", "mse", "cross-entropy"]),
        help="Loss; cross-entropy comes with softmax, the others with sigmoid. Default: the "
        "network's.",
    ),
)


def preset_of(options: Mapping[str, Any]) -> Preset:
    """Return the network that is named, with the activation and loss that were given.

    Raises:
        UnknownNameError: there is no such network.
    """
    return find_preset(options["network"], activation=options["activation"], loss=options["loss"])


dataset_option: Option = click.option(
    "--dataset",
    default="auto",
    show_default=True,
    help="auto, mnist, digits, or the path of an npz file, of a table such as a csv file, or of a "
    "folder with IDX files or tables.",
)

label_option: Option = click.option(
    "--label",
    metavar="NAME|NUMBER|last",
    help="The label column of a table; the first column has number 0. Default: the column called "
    "label, class, target, digit, y, species or similar; else the only column with text; else the "
    "last or the first column, if only one of the two holds class numbers.",
)

data_options = together(
    dataset_option,
    label_option,
    click.option(
        "--normalise",
        "--normalize",
        type=click.Choice(list(NORMALISATIONS)),
        help="; ".join(f"{name}: {what}" for name, what in NORMALISATIONS.items())
        + ". Default: the network's.",
    ),
    click.option(
        "--examples",
        type=Whole(min=1),
        help="Use only N training examples; each class keeps its share.",
    ),
)

margin_option: Option = click.option(
    "--margin",
    type=Share(),
    default=MARGIN,
    show_default="3%",
    help="Differences within this share count as the same.",
)

digit_option: Option = click.option(
    "--digit",
    type=Whole(min=0),
    help="The class whose hits and misses are shown. Default: the one most often missed.",
)


def seed_option(what: str) -> Option:
    """Return the seed of ``what``."""
    return click.option(
        "--seed", type=Whole(min=0), default=1, show_default=True, help=f"Seed of {what}."
    )


def json_option(instead_of: str) -> Option:
    """Return the flag for output that a machine reads ``instead_of`` tables or prose."""
    return click.option(
        "--json", "as_json", is_flag=True, help=f"Print one JSON object instead of {instead_of}."
    )


def out_option(what: str, folder: str) -> Option:
    """Return where ``what`` is written to; ``folder`` is the pattern of the default's name."""
    return click.option("--out", type=PATH, help=f"Folder for {what}. Default: results/{folder}.")
