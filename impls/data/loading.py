"""From the text after ``--dataset`` to the data."""

from __future__ import annotations

import dataclasses
import difflib
from pathlib import Path

from impls.data.digits import read_digits
from impls.data.files import read_path, require_table
from impls.data.labels import with_class_numbers
from impls.data.normalise import Normaliser
from impls.data.raw import RawData, overlap_note, scale_note
from impls.data.training_data import TrainingData, from_raw
from impls.errors import DatasetError

from . import mnist

DATASETS: dict[str, str] = {
    "auto": "mnist if it is found, otherwise digits",
    "mnist": f"MNIST from {mnist.DATA_DIR}, the Keras cache, or a checked download",
    "digits": "scikit-learn's digits, resized and repeated to MNIST's size",
}
"""What each name stands for; any other text is a path."""

# Patience with a silent server, in seconds: short where there is something to fall back to.
_TIMEOUT = 30.0
_TIMEOUT_AUTO = 10.0


def load_dataset(
    spec: str,
    *,
    allow_download: bool = True,
    progress: bool = False,
    normalisation: str | Normaliser = "standard",
    label: str | None = None,
) -> TrainingData:
    """Return the data set ``spec``: a name in :data:`DATASETS`, or the path of a file or folder.

    A name comes first; write ``./mnist`` for a folder called mnist.  ``progress`` draws a bar on
    standard error while downloading.  ``normalisation`` is that of :func:`.from_raw`.  ``label``
    says which column of a table is the label: a name, a number from 0, or "last".

    Raises:
        DatasetError: it cannot be found, cannot be read, or is not what it should be.
        UnknownNameError: there is no such normalisation.
    """
    return from_raw(
        read_dataset(spec, allow_download=allow_download, progress=progress, label=label),
        normalisation,
    )


def read_dataset(
    spec: str, *, allow_download: bool = True, progress: bool = False, label: str | None = None
) -> RawData:
    """Return the arrays of the data set ``spec``, with class numbers as labels, else unchecked.

    See :func:`load_dataset`.
    """
    if spec not in DATASETS:
        raw = with_class_numbers(_read_path(spec, label))
        notes = (raw.note, scale_note(raw), overlap_note(raw))
        return dataclasses.replace(raw, note=" ".join(filter(None, notes)))
    require_table(label, f"the data set {spec}")
    if spec == "digits":
        return read_digits()
    timeout = _TIMEOUT if spec == "mnist" else _TIMEOUT_AUTO
    try:
        return mnist.find(allow_download=allow_download, timeout=timeout, progress=progress)
    except mnist.MnistNotFoundError as error:
        if spec == "mnist":
            raise DatasetError(
                f"MNIST is not available: {error}. Give a file with --dataset PATH, name a folder "
                f"in {mnist.DATA_DIR}, or use --dataset digits."
            ) from error
        digits = read_digits()
        note = f"MNIST was not available ({error}). Used instead: {digits.note}"
        return dataclasses.replace(digits, note=note)


def _read_path(spec: str, label: str | None) -> RawData:
    if not spec.strip():
        raise DatasetError(
            "the name of the data set is empty: give a name or the path of a file or folder, such "
            "as '.' for the current one."
        )
    near = difflib.get_close_matches(spec.lower(), DATASETS, n=1)
    try:
        return read_path(Path(spec), label)
    except DatasetError as error:
        if near and not Path(spec).exists():
            raise DatasetError(f"{error} Or did you mean {near[0]!r}?") from error
        raise
