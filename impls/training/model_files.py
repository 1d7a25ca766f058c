"""Saved models on disk."""

from __future__ import annotations

from pathlib import Path

from impls.data.paths import shown
from impls.errors import ModelError
from impls.training.model import Model
from impls.training.model_format import decode, encode
from impls.whole_files import open_plain, write_whole

SUFFIX = ".npz"


def save(model: Model, path: Path, *, generator: str = "mlpbench") -> None:
    """Write ``model`` in one atomic step: a reader sees the old file or the new one.

    Raises:
        ModelError: the file cannot be written, or the training diverged.
    """
    try:
        write_whole(path, encode(model, generator=generator))
    except OSError as error:
        raise ModelError(
            f"cannot write {shown(path)}: {error.strerror}. Choose a folder you may write to."
        ) from error


def load(path: Path) -> Model:
    """Read the model at ``path``; nothing in it, and nothing that it names, is executed.

    Raises:
        ModelError: it cannot be read, is damaged, is something else, or was written by a newer
            version.
    """
    if path.suffix.lower() == ".keras" and path.is_file():
        raise ModelError(
            f"{shown(path)} is a Keras file, which holds neither normalisation nor training. "
            f"Give the {SUFFIX} file that 'mlpbench train' wrote beside it, or begin a training of "
            "its network with 'mlpbench train --weights'."
        )
    if path.name.lower().endswith(".weights.h5") and path.is_file():
        raise ModelError(
            f"{shown(path)} holds weights without their network. Build the network in Keras, read "
            "them with model.load_weights(...), and save both with model.save('NAME.keras')."
        )
    if path.suffix.lower() in (".h5", ".hdf5") and path.is_file():
        raise ModelError(
            f"{shown(path)} is in the old format of Keras, which can run code in the file. "
            "If you trust the file, load it in Keras and save it as .keras: "
            "keras.saving.load_model(...).save('NAME.keras')."
        )
    try:
        with open_plain(path) as file:
            return decode(file, label=shown(path))
    except OSError as error:
        raise ModelError(
            f"cannot read {shown(path)}: {error.strerror}. Check the path and its permissions."
        ) from error
