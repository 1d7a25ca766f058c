"""One training up to its end: the check before, progress, Ctrl-C, saved networks, the report."""

from __future__ import annotations

import json
import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import numpy as np
from msgspec.structs import replace
from rich.console import Console
from rich.progress import TimeRemainingColumn

from bench import exits
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
from bench.correctness import gate
from bench.correctness.gate_settings import gate_training
from bench.documents import files
from bench.documents.timings import Check
from bench.running import lock
from impls.data import TrainingData
from impls.errors import BenchError
from impls.keras import files as keras_files
from impls.networks import Network, Training
from impls.parameters import start_parameters
from impls.row import Row
from impls.training import model_files
from impls.training.evaluation import Trained, evaluate
from impls.training.history import Epoch, Standing
from impls.training.sessions import Session
from reports.evaluation import build_evaluation
from reports.evaluation.as_data import as_data
from reports.evaluation.sections.summary import table_of
from reports.terminal import draw

CHECKPOINTS = "checkpoints"
EVALUATION = "evaluation.json"
WRITTEN = (EVALUATION, REPORT)
"""What :func:`conclude` writes."""


@contextmanager
def interruption(console: Console, what: str) -> Iterator[Event]:
    """Note the first Ctrl-C within the block, and set the event; the next interrupts as usual."""
    wanted = Event()

    def note(_signal: int, _frame: FrameType | None) -> None:
        if wanted.is_set():
            raise KeyboardInterrupt
        wanted.set()
        console.print(
            f"Interrupted: finishing {what}. Press Ctrl-C again to stop at once.", style="yellow"
        )

    before = signal.signal(signal.SIGINT, note)
    try:
        yield wanted
    finally:
        signal.signal(signal.SIGINT, before)


class Checker:
    """Compares implementations with the float64 reference, each network and training once."""

    def __init__(self, console: Console, *, wanted: bool) -> None:
        self.console, self.wanted = console, wanted
        self.known: dict[tuple[str, Network, Training], str | None] = {}

    def __call__(self, session: Session) -> str | None:
        """Return the result in words; None, with a message, where the training is refused."""
        if not self.wanted:
            return "not compared with the float64 reference"
        name, trainer = session.row.name, session.trainer
        settings = gate_training(trainer.network, trainer.training)
        # Trainings that differ in coefficients alone are proved with the same ones.
        asked = (name, replace(trainer.network, name=""), replace(settings, epochs=0, decay=0.0))
        if asked not in self.known:
            with waiting(self.console, f"comparing {name} with the float64 reference"), _quiet():
                checks = _checks(session)
            refusal = gate.refusal(checks)
            passed = f"all {len(checks)} checks against the float64 reference passed"
            self.known[asked] = None if refusal else passed
            if refusal:
                words = f"{name} is not trained: {refusal}. With --no-check it is trained as it is."
                say(self.console, words, style="red")
            else:
                say(self.console, f"{name}: {passed}")
        return self.known[asked]


def _checks(session: Session) -> list[Check]:
    """Return all comparisons, on the very network and batch size, from the very start weights."""
    trainer, data, seed = session.trainer, session.data, session.order.seed
    network = trainer.network
    # A batch never holds more than there is.
    size = min(trainer.training.batch_size, len(data.X))
    training = replace(trainer.training, batch_size=size)
    (X, Y), order = gate.sample(data.X, data.one_hot(network.dtype), size, seed)
    start, X = start_parameters(network, training, seed), X.astype(network.dtype)
    return gate.inspect(type(trainer), network, training, start, (X, Y), order)


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide warnings that several trainers are compiled in one process: that is intended."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


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
        words = [f"cost {epoch.cost:.4g}", f"error {epoch.mean_error:.4f}"]
        if self.standing:
            words.append(
                f"train {self.standing.train_accuracy:.2%}, test {self.standing.test_accuracy:.2%}"
            )
        self.update(self.task, completed=epoch.number, description=", ".join(words))
        if epoch.number % self.period == 0 or epoch.number == self.epochs:
            for line in self._status(epoch):
                say(self.console, line)

    def _status(self, epoch: Epoch) -> list[str]:
        session, standing = self.session, epoch.standing
        sizes = ", ".join(f"{np.abs(W).mean():.4f}" for W in session.trainer.parameters().weights)
        return [
            (
                f"{session.row.name}, epoch {epoch.number} of {self.epochs}: "
                f"{epoch.seconds:.3g} s, {session.history.seconds:.4g} s in all, "
                f"rate {epoch.learning_rate:.6g}"
            ),
            (
                f"  last batch: cost {epoch.last_cost:.5g}, penalty {epoch.penalty_share:.3%} of "
                f"it, mean error of the epoch {epoch.mean_error:.5f}"
            ),
            "  all examples: not looked at in this epoch"
            if standing is None
            else (
                f"  all examples: loss {standing.loss:.5f} each, penalty "
                f"{standing.penalty_share:.3%} of the cost, accuracy "
                f"{standing.train_accuracy:.4f} train, {standing.test_accuracy:.4f} test"
            ),
            f"  mean weight by layer: {sizes}",
        ]


def warn_if_measuring(console: Console) -> None:
    """Print that a training now would spoil what somebody measures on this machine."""
    holder = lock.measured_by()
    if holder:
        note(
            console,
            f"{holder}. This training disturbs it, and is disturbed by it: wait for its end.",
        )


def learn(
    console: Console,
    session: Session,
    epochs: int,
    *,
    status_every: int,
    evaluate_every: int,
    on_epoch: Callable[[int], None] = lambda _number: None,
) -> bool:
    """Train up to ``epochs``; return whether Ctrl-C ended it before.

    A training that has diverged ends after its epoch: nothing finite comes of it any more.
    """
    with (
        # A training that diverges is reported as such; NumPy's warnings add nothing.
        np.errstate(over="ignore", invalid="ignore"),
        TrainingProgress(console, session, epochs, status_every) as progress,
        interruption(console, "the epoch") as wanted,
    ):

        def note(epoch: Epoch) -> None:
            progress.show(epoch)
            on_epoch(epoch.number)

        def stop() -> bool:
            # Weights are looked at where losses have left the finite numbers.
            lost = not np.isfinite(session.history.epochs[-1].losses).all()
            return wanted.is_set() or (lost and bool(session.model().divergence))

        session.train(epochs, look_every=evaluate_every, on_epoch=note, stop=stop)
    return wanted.is_set() and len(session.history.epochs) < epochs


def train(
    console: Console, session: Session, epochs: int, folder: Path, options: dict[str, Any]
) -> int:
    """Train up to ``epochs`` and save into ``folder``; return the exit code of this training.

    Keras' networks are saved in its own format as well.  One that has diverged is not saved.
    """
    name, every = session.row.name, options["checkpoint_every"]

    def checkpoint(epoch: int) -> None:
        if every and epoch % every == 0 and not (model := session.model()).divergence:
            file = f"{file_name(name)}-epoch-{epoch:04}{model_files.SUFFIX}"
            path = open_folder(folder / CHECKPOINTS) / file
            model_files.save(model, path, generator=GENERATOR)

    interrupted = learn(
        console,
        session,
        epochs,
        status_every=options["print_period"],
        evaluate_every=options["evaluate_every"],
        on_epoch=checkpoint,
    )
    with interruption(console, "the files"), np.errstate(over="ignore", invalid="ignore"):
        model = session.model()
        if model.divergence:
            say_diverged(console, name, model.divergence)
            return exits.NOT_ALL_VALID
        own, *keras = [folder / file for file in model_names(session.row)]
        model_files.save(model, own, generator=GENERATOR)
        for path in keras:
            keras_files.save(model.network, model.state.parameters, path)
        for path in (own, *keras):
            say(console, f"Saved: {path}")
    return exits.INTERRUPTED if interrupted else exits.FINE


def say_failed(console: Console, name: str, error: BaseException) -> None:
    """Print what became of an implementation that raised something, or ended the process."""
    if isinstance(error, BenchError):
        say(console, f"{name} failed: {error}", style="red")
    else:
        message = f"{name} failed: {crash.described(error)}. {crash.where_traced(error)}"
        say(console, message, style="red")


def say_diverged(console: Console, name: str, divergence: str) -> None:
    """Print what became of a training that diverged."""
    say(console, f"{name} is not saved: {divergence}.", style="red")


def trained(name: str, session: Session, checked: str) -> Trained:
    """Return the network as it is now under this ``name``; one that diverged has no finite loss."""
    with np.errstate(over="ignore", invalid="ignore"):
        return Trained(name, session.model(), evaluate(session.trainer, session.data), checked)


def model_name(name: str) -> str:
    """Return the name of the file of the network that is called ``name``."""
    return f"{file_name(name)}{model_files.SUFFIX}"


def model_names(row: Row) -> list[str]:
    """Return the names of the files of the network that ``row`` trained; Keras has its format too.

    A training is resumed from the first one.
    """
    names = [model_name(row.name)]
    if "keras" in row.requires:
        names.append(str(Path(names[0]).with_suffix(keras_files.SUFFIX)))
    return names


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
    with waiting(console, "writing the report"):
        page = build_evaluation(reached, data, digit=digit, command=command, generator=GENERATOR)
        write(folder / EVALUATION, as_data(reached, data, command), page)
    console.print()
    finish(console, draw(table_of(reached)), folder / REPORT, go_on)


def write(file: Path, numbers: dict[str, Any], page: str) -> None:
    """Write the ``numbers`` into ``file`` and the report, a ``page``, beside it."""
    files.write_bytes(file.with_name(REPORT), page.encode())
    files.write_bytes(file, json.dumps(numbers, indent=1, allow_nan=False).encode())
