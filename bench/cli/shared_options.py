"""Options that several commands have, and mean the same by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.cli.options import Share, Whole
from bench.stats.verdicts import MARGIN
from impls.data.normalise import NORMALISATIONS

Option = Callable[[Any], Any]

NETWORK_OPTIONS: tuple[Option, ...] = (
    click.option(
        "--network",
        default="blog",
        show_default=True,
        help="A network from 'mlpbench list', or layer sizes such as 784-512-10.",
    ),
    click.option(
        "--activation",
        type=click.Choice(["sigmoid", "tanh", "relu"]),
        default=None,
        help="Activation of the hidden layers. Default: the network's.",
    ),
    click.option(
        "--loss",
        type=click.Choice(["logloss", "mse", "cross-entropy"]),
        default=None,
        help="Loss; cross-entropy comes with softmax, the others with sigmoid. Default: the "
        "network's.",
    ),
)

dataset_option: Option = click.option(
    "--dataset",
    default="auto",
    show_default=True,
    help="auto, mnist, digits, or the path of an npz file, of a table such as a csv file, or of a "
    "folder with IDX files or tables.",
)

label_option: Option = click.option(
    "--label",
    default=None,
    metavar="NAME|NUMBER|last",
    help="The label column of a table; the first column has number 0. Default: the column called "
    "label, class, target, digit, y, species or similar; else the only column with text; else the "
    "last or the first column, if only one of the two holds class numbers.",
)

DATA_OPTIONS: tuple[Option, ...] = (
    dataset_option,
    label_option,
    click.option(
        "--normalise",
        "--normalize",
        type=click.Choice(list(NORMALISATIONS)),
        default=None,
        help="; ".join(f"{name}: {what}" for name, what in NORMALISATIONS.items())
        + ". Default: the network's.",
    ),
    click.option(
        "--examples",
        type=Whole(min=1),
        default=None,
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
    default=None,
    help="The class whose hits and misses are shown. Default: the one most often missed.",
)


def out_option(what: str, folder: str) -> Option:
    """Return where ``what`` is written to; ``folder`` is the pattern of the default's name."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=None,
        help=f"Folder for {what}. Default: results/{folder}.",
    )


def with_options(*groups: tuple[Option, ...]) -> Option:
    """Give a command the options of all ``groups``, in the order of the help text."""

    def decorate(command: Any) -> Any:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate
