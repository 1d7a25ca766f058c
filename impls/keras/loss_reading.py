"""Which of our losses, with its output activation, a model of Keras was trained by."""

from __future__ import annotations

from typing import Any

from bench.errors import ModelError
from impls.networks import LossName

_BINARY, _CLASSES, _SQUARES = "binary cross-entropy", "categorical cross-entropy", "squared error"
_NAMES = {
    "binarycrossentropy": _BINARY,
    "categoricalcrossentropy": _CLASSES,
    "sparsecategoricalcrossentropy": _CLASSES,
    "meansquarederror": _SQUARES,
    "mse": _SQUARES,
}
# Activation of the outputs, loss, whether it takes outputs before the activation.
_READ: dict[tuple[str, str | None, bool], LossName] = {
    ("sigmoid", _BINARY, False): "logloss",
    ("sigmoid", _SQUARES, False): "mse",
    ("sigmoid", None, False): "logloss",
    ("softmax", _CLASSES, False): "cross-entropy",
    ("softmax", None, False): "cross-entropy",
    ("linear", _CLASSES, True): "cross-entropy",
    ("linear", _BINARY, True): "logloss",
}
_REMEDY = (
    "Compile it with a loss that fits its outputs, and save it again: softmax outputs with "
    "categorical cross-entropy, sigmoid outputs with binary cross-entropy or mean squared error, "
    "linear outputs with either cross-entropy and from_logits=True"
)


def read_loss(
    output: str, loss: str | None, settings: dict[str, Any], label: str
) -> tuple[LossName, list[str]]:
    """Our loss for outputs of the activation ``output``, and what a reader must know of it.

    ``loss`` is the name in Keras of the one that the model was compiled with, None where it was
    not; ``settings`` are those of the loss.

    Raises:
        ModelError: no loss of ours is the same; ``label`` says in which file.
    """
    known = None if loss is None else _NAMES.get(loss.replace("_", "").lower())
    logits = bool(settings.get("from_logits", False))
    found = _READ.get((output, known, logits)) if loss is None or known else None
    if found is None:
        by = "names no loss" if loss is None else f"was trained by the loss {loss}"
        raw = " of outputs before their activation" if logits else ""
        raise ModelError(f"{label} has {output} outputs and {by}{raw}. {_REMEDY}")
    notes = []
    if loss is None:
        notes.append(f"{label} does not say its loss: {found} is taken, as its outputs suggest.")
    if settings.get("label_smoothing"):
        notes.append(f"{label} was trained with smoothed labels, which is left out.")
    return found, notes
