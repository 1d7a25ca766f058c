"""One training from here to its end: progress, checkpoints, Ctrl-C, and the saved network."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from bench.cli import crash
from bench.cli.interrupt import Interruption
from bench.cli.output import GENERATOR, file_name, note, open_folder, say
from bench.cli.training_check import Checked
from bench.cli.training_progress import TrainingProgress
from bench.running import lock
from impls.errors import BenchError
from impls.keras import files as keras_files
from impls.row import Row
from impls.training import model_files
from impls.training.evaluation import Trained
from impls.training.history import Epoch
from impls.training.sessions import Session

CHECKPOINTS = "checkpoints"


class TrainingEnd(enum.Enum):
    """How a training ended; one that is refused has not begun."""

    WHOLE = enum.auto()
    INTERRUPTED = enum.auto()
    DIVERGED = enum.auto()
    REFUSED = enum.auto()
    FAILED = enum.auto()


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
        return Trained(name, session.model(), session.evaluation(), checked.text)


def model_name(name: str) -> str:
    """Return the name of the file of the network that is called ``name``."""
    return f"{file_name(name)}{model_files.SUFFIX}"


def model_names(row: Row) -> list[str]:
    """The names of the files of the network that ``row`` trained; Keras' has a format of its own.

    The first one is what a training can be gone on with from.
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
