"""``mlpbench train``: train with any implementation and see what it learned."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.cli.options import CommaList
from bench.cli.planning import choose_implementations
from bench.cli.progress import waiting
from bench.errors import UsageError
from impls import registry
from impls.data import TrainingData, load_dataset
from impls.fit import accuracy, fit
from impls.functions import data_loss
from impls.history import Epoch, History
from impls.networks import Preset, Training, find_preset
from impls.parameters import start_parameters
from impls.row import Row


@dataclass(frozen=True)
class Trained:
    """What one implementation reached; the loss is per example, over all training data."""

    implementation: str
    history: History
    loss: float
    mean_error: float
    squared_weights: float
    train_accuracy: float
    test_accuracy: float

    @property
    def last_rate(self) -> float | None:
        """The learning rate after the last epoch; None where not even one was finished."""
        epochs = self.history.epochs
        return epochs[-1].learning_rate if epochs else None


@click.command("train")
@click.option(
    "--impl",
    "implementations",
    type=CommaList(click.STRING),
    default=(),
    help="Implementations, trained one after another. Default: the top of the NumPy ladder.",
)
@click.option("--network", default="blog", show_default=True, help="Preset or layer sizes.")
@click.option("--batch-size", type=click.IntRange(min=1), default=500, show_default=True)
@click.option("--epochs", type=click.IntRange(min=1), default=None, help="Default: the preset's.")
@click.option("--learning-rate", type=click.FloatRange(min=0, min_open=True), default=None)
@click.option("--l2", type=click.FloatRange(min=0), default=None, help="Quadratic penalty.")
@click.option("--dataset", default="auto", show_default=True, help="As for 'mlpbench run'.")
@click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True)
@click.option(
    "--print-period",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Epochs between status lines.",
)
def train_command(**options: Any) -> None:
    """Train implementations from the same start weights in the same batch order.

    Ctrl-C ends the training of an implementation early and keeps what it learned.
    """
    ladder = [row for row in registry.ROWS if row.rung is not None]
    top = max(ladder, key=lambda row: row.rung or 0).name
    rows = choose_implementations(options["implementations"] or (top,), None)
    preset = find_preset(options["network"], activation=None, loss=None)
    training = _training(preset, options)
    console = Console()
    with waiting(console, "reading the data"):
        data = load_dataset(options["dataset"], progress=console.is_terminal)
    if data.note:
        console.print(f"Note: {data.note}", style="yellow", highlight=False, soft_wrap=True)
    reached = [
        _train(console, row, preset, training, data, options["seed"], options["print_period"])
        for row in rows
    ]
    console.print(_table(reached))


def _training(preset: Preset, options: dict[str, Any]) -> Training:
    """The preset's training with the options that were given."""
    training = preset.training_at(options["batch_size"])
    fields = {name: getattr(training, name) for name in training.__struct_fields__}
    given = {n: options[n] for n in ("epochs", "learning_rate", "l2") if options[n] is not None}
    return Training(**(fields | given))


def _train(
    console: Console,
    row: Row,
    preset: Preset,
    training: Training,
    data: TrainingData,
    seed: int,
    period: int,
) -> Trained:
    # What a worker's environment would hold before import.
    os.environ.update(row.environment)
    trainer_class = registry.load(row)
    declined = trainer_class.unavailable() or trainer_class.supports(preset.network, training)
    if declined:
        raise UsageError(f"--impl {row.name}: {declined}")
    trainer = trainer_class(
        preset.network, training, start_parameters(preset.network, training, seed)
    )
    targets = data.one_hot()
    trainer.bind(data.X, targets)

    def report(epoch: Epoch) -> None:
        if epoch.number % period == 0:
            console.print(_status(row.name, epoch), highlight=False, soft_wrap=True)

    history = fit(trainer, len(data.X), epochs=training.epochs, seed=seed, on_epoch=report)
    outputs = trainer.predict(data.X).astype(np.float64)
    weights = trainer.parameters().weights
    return Trained(
        implementation=row.name,
        history=history,
        loss=data_loss(preset.network.loss, outputs, targets) / len(data.X),
        mean_error=float(np.abs(outputs - targets).mean()),
        squared_weights=float(sum(np.sum(W.astype(np.float64) ** 2) for W in weights)),
        train_accuracy=float(np.mean(outputs.argmax(axis=1) == data.labels)),
        test_accuracy=accuracy(trainer, data.X_test, data.labels_test),
    )


def _status(name: str, epoch: Epoch) -> str:
    cost = epoch.losses[-1, 0] + epoch.losses[-1, 1]
    return (
        f"{name} epoch {epoch.number}: cost of the last batch {cost:.5g} "
        f"(penalty {epoch.penalty_share:.2%}), mean error {epoch.mean_error:.5f}, "
        f"rate {epoch.learning_rate!r}, {epoch.seconds:.3g} s"
    )


def _table(reached: list[Trained]) -> Table:
    """One column per implementation, so that the table fits a narrow terminal."""
    table = Table(title="After training, over all training examples", title_justify="left")
    table.add_column("")
    for trained in reached:
        table.add_column(Text(trained.implementation), justify="right")
    quantities: dict[str, Callable[[Trained], str]] = {
        "epochs": lambda trained: str(len(trained.history.epochs)),
        "seconds": lambda trained: f"{trained.history.seconds:.2f}",
        "last learning rate": lambda trained: repr(trained.last_rate),
        "loss per example": lambda trained: f"{trained.loss:.4f}",
        "mean error": lambda trained: f"{trained.mean_error:.5f}",
        "sum of squared weights": lambda trained: f"{trained.squared_weights:.1f}",
        "train accuracy": lambda trained: f"{trained.train_accuracy:.4f}",
        "test accuracy": lambda trained: f"{trained.test_accuracy:.4f}",
    }
    for name, text in quantities.items():
        table.add_row(name, *(text(trained) for trained in reached))
    return table
