"""One training up to its end: progress, Ctrl-C, checkpoints, saved networks and the report."""

from __future__ import annotations

import enum
import json
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, Self

import numpy as np
from rich.console import Console
from rich.progress import TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from bench.cli import crash
from bench.cli.output import (
    GENERATOR,
    REPORT,
    command_line,
    file_name,
    finish,
    note,
    open_folder,
    say,
)
from bench.cli.progress import Bar, waiting
from bench.cli.training_check import Checked
from bench.documents import files
from bench.running import lock
from impls.data import TrainingData
from impls.errors import BenchError
from impls.keras import files as keras_files
from impls.row import Row
from impls.training import model_files
from impls.training.evaluation import Trained, evaluate
from impls.training.history import Epoch, Standing
from impls.training.sessions import Session
from reports.evaluation import build_evaluation
from reports.evaluation.as_data import as_data
from reports.evaluation.summary import QUANTITIES

CHECKPOINTS = "checkpoints"
EVALUATION = "evaluation.json"
WRITTEN = (EVALUATION, REPORT)
"""What :func:`conclude` writes."""


class TrainingEnd(enum.Enum):
    """How a training ended; one that is refused has not begun."""

    WHOLE = enum.auto()
    INTERRUPTED = enum.auto()
    DIVERGED = enum.auto()
    REFUSED = enum.auto()
    FAILED = enum.auto()


class Interruption:
    """While the block runs, the first Ctrl-C is only noted; the next one interrupts as usual."""

    def __init__(self, console: Console, what: str) -> None:
        self.console, self.what = console, what
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *_error: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def wanted(self) -> bool:
        """Return whether an end was asked for."""
        return self.asked

    def _note(self, _signal: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self.console.print(
            f"Interrupted: finishing {self.what}. Press Ctrl-C again to stop at once.",
            style="yellow",
        )


class TrainingProgress(Bar):
    """A bar that moves with every epoch, and a status of several lines every ``period`` epochs."""

    def __init__(self, console: Console, session: Session, epochs: int, period: int) -> None:
        self.session, self.epochs, self.period = session, epochs, period
        self.standing: Standing | None = None
        count, done = "{task.completed}/{task.total}", len(session.history.epochs)
        super().__init__(console, count, TimeRemainingColumn(), epochs, completed=done)

    def show(self, epoch: Epoch) -> None:
        """Take note of a finished epoch."""
        self.standing = epoch.standing or self.standing
        self.bar.update(self.task, completed=epoch.number, description=self._short(epoch))
        if epoch.number % self.period == 0 or epoch.number == self.epochs:
            for line in self._status(epoch):
                say(self.console, line)

    def _short(self, epoch: Epoch) -> str:
        words = [f"cost {epoch.cost:.4g}", f"error {epoch.mean_error:.4f}"]
        if self.standing:
            words.append(
                f"train {self.standing.train_accuracy:.2%}, test {self.standing.test_accuracy:.2%}"
            )
        return ", ".join(words)

    def _status(self, epoch: Epoch) -> list[str]:
        history, trainer = self.session.history, self.session.trainer
        sizes = ", ".join(f"{np.abs(W).mean():.4f}" for W in trainer.parameters().weights)
        return [
            (
                f"{self.session.row.name}, epoch {epoch.number} of {self.epochs}: "
                f"{epoch.seconds:.3g} s, {history.seconds:.4g} s in all, "
                f"rate {epoch.learning_rate:.6g}"
            ),
            (
                f"  last batch: cost {epoch.last_cost:.5g}, penalty {epoch.penalty_share:.3%} of "
                f"it, mean error of the epoch {epoch.mean_error:.5f}"
            ),
            _standing_line(epoch.standing),
            f"  mean weight by layer: {sizes}",
        ]


def _standing_line(standing: Standing | None) -> str:
    if standing is None:
        return "  all examples: not looked at in this epoch"
    return (
        f"  all examples: loss {standing.loss:.5f} each, penalty {standing.penalty_share:.3%} of "
        f"the cost, accuracy {standing.train_accuracy:.4f} train, {standing.test_accuracy:.4f} test"
    )


def warn_if_measuring(console: Console) -> None:
    """Say that a training now would spoil what somebody measures on this machine."""
    holder = lock.measured_by()
    if holder:
        note(
            console,
            f"{holder}. This training disturbs it, and is disturbed by it: wait for its end.",
        )


def train(
    console: Console, session: Session, epochs: int, folder: Path, options: dict[str, Any]
) -> TrainingEnd:
    """Train up to ``epochs`` and save into ``folder``.

    A training that has diverged ends after its epoch: nothing finite comes of it any more.
    """
    every = options["checkpoint_every"]
    with (
        # A training that diverges is told as such; NumPy's warnings on the way add nothing.
        np.errstate(over="ignore", invalid="ignore"),
        TrainingProgress(console, session, epochs, options["print_period"]) as progress,
        Interruption(console, "the epoch") as interruption,
    ):

        def note(epoch: Epoch) -> None:
            progress.show(epoch)
            if every and epoch.number % every == 0 and not session.model().divergence:
                _checkpoint(session, folder, epoch.number)

        session.train(
            epochs,
            look_every=options["evaluate_every"],
            on_epoch=note,
            stop=lambda: interruption.wanted() or has_diverged(session),
        )
        divergence = session.model().divergence
        if divergence:
            say_diverged(console, session.row.name, divergence)
            return TrainingEnd.DIVERGED
        _save(console, session, folder)
    return TrainingEnd.WHOLE if len(session.history.epochs) >= epochs else TrainingEnd.INTERRUPTED


def say_failed(console: Console, name: str, error: BaseException) -> None:
    """What became of an implementation that raised something, or ended the process."""
    if isinstance(error, BenchError):
        say(console, f"{name} failed: {error}", style="red")
    else:
        said = f"{name} failed: {crash.described(error)}. {crash.where_traced(error)}"
        say(console, said, style="red")


def has_diverged(session: Session) -> bool:
    """Whether the last epoch lost its finite numbers; weights are looked at where losses have."""
    lost = not np.isfinite(session.history.epochs[-1].losses).all()
    return lost and bool(session.model().divergence)


def say_diverged(console: Console, name: str, divergence: str) -> None:
    """What became of a training that diverged."""
    say(console, f"{name} is not saved: {divergence}.", style="red")


def trained(name: str, session: Session, checked: Checked) -> Trained:
    """Return the network as it is now under this ``name``; one that diverged has no finite loss."""
    with np.errstate(over="ignore", invalid="ignore"):
        return Trained(name, session.model(), evaluate(session.trainer, session.data), checked.text)


def model_name(name: str) -> str:
    """Return the name of the file of the network that is called ``name``."""
    return f"{file_name(name)}{model_files.SUFFIX}"


def model_names(row: Row) -> list[str]:
    """The names of the files of the network that ``row`` trained; Keras' has a format of its own.

    A training is resumed from the first one.
    """
    names = [model_name(row.name)]
    if "keras" in row.requires:
        names.append(str(Path(names[0]).with_suffix(keras_files.SUFFIX)))
    return names


def _checkpoint(session: Session, folder: Path, epoch: int) -> None:
    name = f"{file_name(session.row.name)}-epoch-{epoch:04}{model_files.SUFFIX}"
    place = open_folder(folder / CHECKPOINTS)
    model_files.save(session.model(), place / name, generator=GENERATOR)


def _save(console: Console, session: Session, folder: Path) -> None:
    """Save the network, for Keras' implementations in its own format as well."""
    paths = [folder / name for name in model_names(session.row)]
    model = session.model()
    model_files.save(model, paths[0], generator=GENERATOR)
    for path in paths[1:]:
        keras_files.save(model.network, model.state.parameters, path)
    for path in paths:
        say(console, f"Saved: {path}")


def conclude(
    console: Console,
    reached: Sequence[Trained],
    data: TrainingData,
    folder: Path,
    digit: int | None,
    go_on: Sequence[str] = (),
) -> None:
    """Write report and numbers into ``folder``, print the table and how to ``go_on``."""
    command = command_line()

    def page() -> str:
        return build_evaluation(reached, data, digit=digit, command=command, generator=GENERATOR)

    numbers = as_data(reached, data, command)
    write(console, page, numbers, folder / EVALUATION, reached_table(reached), go_on)


def write(
    console: Console,
    page: Callable[[], str],
    numbers: dict[str, Any],
    file: Path,
    table: Table,
    go_on: Sequence[str] = (),
) -> None:
    """Write the ``numbers`` into ``file`` and the report beside it, print the ``table``."""
    report = file.with_name(REPORT)
    with waiting(console, "writing the report"):
        files.write_bytes(report, page().encode())
        files.write_bytes(file, json.dumps(numbers, indent=1, allow_nan=False).encode())
    console.print()
    finish(console, table, report, go_on)


def reached_table(reached: Sequence[Trained]) -> Table:
    """Return one column per implementation, so that the table fits a narrow terminal."""
    table = Table(title="After training", title_justify="left")
    table.add_column("")
    for trained in reached:
        table.add_column(Text(trained.name), justify="right")
    for name, quantity in QUANTITIES.items():
        table.add_row(name, *(quantity(trained)[1] for trained in reached))
    return table
