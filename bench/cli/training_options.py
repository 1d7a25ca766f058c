"""What can be said of a network and its training, to ``mlpbench train`` and ``mlpbench study``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import click
import msgspec

from bench.cli.options import (
    Option,
    Whole,
    data_options,
    list_option,
    network_options,
    preset_of,
    seed_option,
    together,
)
from impls.networks import Network, Training
from impls.training.model import Order

POSITIVE = click.FloatRange(min=0, min_open=True)
NOT_NEGATIVE = click.FloatRange(min=0)
BELOW_ONE = click.FloatRange(min=0, max=1, max_open=True)

learning_options = together(
    network_options,
    list_option(
        "--dropout",
        item=BELOW_ONE,
        default=None,
        metavar="RATE,...",
        help="Share of the outputs dropped: one for all hidden layers, or one for each.",
    ),
    click.option(
        "--dtype",
        type=click.Choice(["float32", "float64"]),
        help="Precision of weights and activations.",
    ),
    click.option("--batch-size", type=Whole(min=1), help="Examples in a batch."),
    click.option("--epochs", type=Whole(min=1), help="Number of epochs."),
    click.option("--learning-rate", type=POSITIVE, help="Learning rate of the first epoch."),
    click.option(
        "--decay",
        type=NOT_NEGATIVE,
        help="Learning rate in epoch e = 0, 1, ...: rate / (1 + decay e).",
    ),
    click.option("--momentum", type=NOT_NEGATIVE, help="Weight of the previous step (sgd)."),
    click.option("--l1", type=NOT_NEGATIVE, help="Penalty l1 * sum of |w|."),
    click.option("--l2", type=NOT_NEGATIVE, help="Penalty l2 / 2 * sum of w squared."),
    click.option(
        "--optimiser",
        "--optimizer",
        type=click.Choice(["sgd", "adam", "rmsprop"]),
        help="Optimiser.",
    ),
    click.option("--beta1", type=BELOW_ONE, help="Adam: decay rate of the mean."),
    click.option("--beta2", type=BELOW_ONE, help="Adam: decay rate of the mean square."),
    click.option("--rho", type=BELOW_ONE, help="RMSprop: decay rate of the mean square."),
    click.option("--epsilon", type=POSITIVE, help="Epsilon of Adam and RMSprop."),
    click.option(
        "--reduction",
        type=click.Choice(["sum", "mean"]),
        help="Sum or mean of the loss over the examples of a batch.",
    ),
    click.option(
        "--start",
        type=click.Choice(["uniform", "glorot"]),
        help="Distribution of the start weights.",
    ),
    click.option(
        "--start-scale",
        type=NOT_NEGATIVE,
        help="Uniform start weights lie within scale / sqrt(inputs of the layer).",
    ),
    click.option(
        "--shuffle/--no-shuffle",
        default=True,
        help="Draw new batches in every epoch.",
        show_default=True,
    ),
    click.option(
        "--max-batches", type=Whole(min=1), help="End each epoch after N batches, for trials."
    ),
    seed_option("start weights, batch order and dropout"),
    data_options,
)
"""Decide all that a network learns."""

check_option: Option = click.option(
    "--check/--no-check",
    default=True,
    show_default=True,
    help="Compare an implementation with the float64 reference before it trains.",
)


@dataclass(frozen=True)
class TrainingChoice:
    """What is trained, how, in which order, on how many examples normalised in which way."""

    network: Network
    training: Training
    order: Order
    normalise: str
    examples: int | None


def choose(options: dict[str, Any], network: Network | None = None) -> TrainingChoice:
    """Return the preset with the options that were given; ``network`` replaces that of the preset.

    Raises:
        UnknownNameError: there is no such network.
        UsageError: values that do not go together.
    """
    preset = preset_of(options)
    batch_size = options["batch_size"] or preset.training.batch_size
    training = preset.training_at(batch_size, seed=options["seed"])
    given = {
        name: options[name]
        for name in Training.__struct_fields__
        if options.get(name) is not None and name != "batch_size"
    }
    order = Order(
        seed=options["seed"], shuffle=options["shuffle"], max_batches=options["max_batches"]
    )
    return TrainingChoice(
        network=network or _varied(preset.network, options),
        training=msgspec.structs.replace(training, **given),
        order=order,
        normalise=options["normalise"] or preset.normalise,
        examples=options["examples"],
    )


def _varied(network: Network, options: dict[str, Any]) -> Network:
    """Return the network with the dropout and precision that were given, both in its name."""
    changes: dict[str, Any] = {}
    marks = [network.name]
    dropout = options["dropout"]
    if dropout is not None:
        hidden = len(network.layers) - 2
        changes["dropout"] = dropout * hidden if len(dropout) == 1 else dropout
        marks.append("dropout " + ", ".join(f"{rate:g}" for rate in dropout))
    if options["dtype"] not in (None, network.dtype):
        changes["dtype"] = options["dtype"]
        marks.append(options["dtype"])
    return msgspec.structs.replace(network, name="/".join(marks), **changes)
