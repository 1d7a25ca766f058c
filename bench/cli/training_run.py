"""One training from here to its end: progress, checkpoints, Ctrl-C, and the saved network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from bench.cli.interrupt import Interruption
from bench.cli.output import GENERATOR, file_name, open_folder, say
from bench.cli.training_progress import TrainingProgress
from impls.keras import files as keras_files
from impls.training import model_files
from impls.training.history import Epoch
from impls.training.sessions import Session


def train(
    console: Console, session: Session, epochs: int, folder: Path, options: dict[str, Any]
) -> bool:
    """Train up to ``epochs`` and save into ``folder``; true where Ctrl-C ended it early."""
    every = options["checkpoint_every"]
    with (
        TrainingProgress(console, session, epochs, options["print_period"]) as progress,
        Interruption(console, "the epoch") as interruption,
    ):

        def note(epoch: Epoch) -> None:
            progress.show(epoch)
            if every and epoch.number % every == 0:
                _checkpoint(session, folder, epoch.number)

        session.train(
            epochs, look_every=options["evaluate_every"], on_epoch=note, stop=interruption.wanted
        )
        _save(console, session, folder)
    return len(session.history.epochs) < epochs


def model_path(folder: Path, implementation: str) -> Path:
    """The file of the network that ``implementation`` trained."""
    return folder / f"{file_name(implementation)}{model_files.SUFFIX}"


def _checkpoint(session: Session, folder: Path, epoch: int) -> None:
    name = f"{file_name(session.row.name)}-epoch-{epoch:04}{model_files.SUFFIX}"
    place = open_folder(folder / "checkpoints")
    model_files.save(session.model(), place / name, generator=GENERATOR)


def _save(console: Console, session: Session, folder: Path) -> None:
    """Save the network, for Keras' implementations in its own format as well."""
    paths = [model_path(folder, session.row.name)]
    model = session.model()
    model_files.save(model, paths[0], generator=GENERATOR)
    if "keras" in session.row.requires:
        paths.append(paths[0].with_suffix(keras_files.SUFFIX))
        keras_files.save(model.network, model.state.parameters, paths[1])
    for path in paths:
        say(console, f"Saved: {path}")
