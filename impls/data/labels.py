"""Labels in the forms in which files hold them, as class numbers that count from 0.

What has one meaning is read, and noted: one-hot rows, a second axis of length 1, whole numbers
stored as floats or text, names, and class numbers that begin elsewhere.  The rest is left as it is
for :func:`.raw.check` to refuse.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from impls.data.raw import CLASSES_LIMIT, RawData
from impls.data.text import is_missing

Labels = npt.NDArray[Any]

_LISTED = 6


def with_class_numbers(raw: RawData) -> RawData:
    """Return the data with class numbers as labels; the note says what was done to them."""
    labels, form = _one_axis(raw.labels)
    labels_test, form_test = _one_axis(raw.labels_test)
    notes = [raw.note, f"Labels were {form}." if form and form == form_test else ""]
    names, note = raw.class_names, ""
    kinds = {labels.dtype.kind, labels_test.dtype.kind}
    if kinds == {"U"}:
        labels, labels_test, names, note = _named(labels, labels_test)
    elif kinds <= {"i", "u"} and labels.ndim == labels_test.ndim == 1 and not names:
        labels, labels_test, names, note = _from_zero(labels, labels_test)
    numbered = dataclasses.replace(raw, labels=labels, labels_test=labels_test, class_names=names)
    notes += [note, _absent(numbered)]
    return dataclasses.replace(numbered, note=" ".join(filter(None, notes)))


def _one_axis(labels: Labels) -> tuple[Labels, str]:
    """Return the labels on one axis, as whole numbers or text, and which form they had before."""
    forms = []
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
        forms.append("in one column")
    elif labels.ndim == 2 and labels.shape[1] > 1 and len(labels) and _is_one_hot(labels):
        labels = labels.argmax(axis=1)
        forms.append("one-hot")
    if labels.dtype.kind == "b":
        labels = np.where(labels, "True", "False")
        forms.append("true or false")
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "backslashreplace")
    if labels.dtype.kind == "U":
        labels = np.char.strip(labels)
        if _are_whole(labels):
            labels = labels.astype(np.int64)
            forms.append("whole numbers stored as text")
    if labels.dtype.kind == "f" and _are_exact(labels):
        labels = labels.astype(np.int64)
        forms.append("whole numbers stored as floats")
    return labels, " and ".join(forms)


def _is_one_hot(labels: Labels) -> bool:
    if labels.dtype.kind not in "biuf":
        return False
    flags = labels.astype(np.float64)
    return bool(np.isin(flags, (0, 1)).all() and (flags.sum(axis=1) == 1).all())


def _are_whole(labels: Labels) -> bool:
    """Return whether each text is a whole number as it is usually written, and small."""
    return bool(len(labels)) and all(
        text.isascii() and text.isdecimal() and len(text) < 10 and str(int(text)) == text
        for text in np.unique(labels).tolist()
    )


def _are_exact(labels: Labels) -> bool:
    values = labels.astype(np.float64)
    finite = np.isfinite(values).all()
    return bool(finite and (values == np.floor(values)).all() and (np.abs(values) < 2**53).all())


def _named(labels: Labels, labels_test: Labels) -> tuple[Labels, Labels, tuple[str, ...], str]:
    """Return text as class numbers in alphabetical order, the names of the classes, and a note."""
    names, numbers = np.unique(np.concatenate([labels, labels_test]), return_inverse=True)
    odd = [repr(str(name)) for name in names if is_missing(str(name))]
    note = f"Read as names of classes: {', '.join(odd)}." if odd else ""
    training = len(labels)
    return numbers[:training], numbers[training:], tuple(map(str, names)), note


def _from_zero(labels: Labels, labels_test: Labels) -> tuple[Labels, Labels, tuple[str, ...], str]:
    """Return class numbers that begin elsewhere counted from 0, their names, and a note."""
    if not len(labels):
        return labels, labels_test, (), ""
    # Not concatenated: unsigned and signed numbers of 64 bits together become floats.
    classes = sorted({*np.unique(labels).tolist(), *np.unique(labels_test).tolist()})
    repeated = 2 * len(classes) <= len(labels)
    if classes[0] == 0 or len(classes) > CLASSES_LIMIT or not repeated:
        return labels, labels_test, (), ""
    table = np.array(classes, dtype=labels.dtype if classes[0] >= 0 else np.int64)
    counted = [np.searchsorted(table, part.astype(table.dtype)) for part in (labels, labels_test)]
    listed = ", ".join(map(str, classes[:_LISTED])) + (", ..." if len(classes) > _LISTED else "")
    note = f"The classes {listed} are numbered from 0 in this order, and keep their names."
    return counted[0], counted[1], tuple(map(str, classes)), note


def _absent(raw: RawData) -> str:
    """Return which classes have no examples for training or for testing."""
    if any(part.ndim != 1 or part.dtype.kind not in "iu" for part in (raw.labels, raw.labels_test)):
        return ""
    highest = int(raw.labels.max(initial=0))
    if highest >= CLASSES_LIMIT or int(raw.labels.min(initial=0)) < 0:
        return ""
    training = np.unique(raw.labels).tolist()
    testing = {*np.unique(raw.labels_test).tolist()}
    empty = sorted({*range(highest + 1)} - {*training})
    untested = [number for number in training if number not in testing]
    notes = []
    if empty:
        notes.append(f"No training example has the {_classes(raw, empty)}.")
    if untested and testing:
        notes.append(f"No test example has the {_classes(raw, untested)}.")
    return " ".join(notes)


def _classes(raw: RawData, numbers: list[int]) -> str:
    names = raw.class_names
    listed = ", ".join(names[number] if names else str(number) for number in numbers[:_LISTED])
    more = f" and {len(numbers) - _LISTED} more" if len(numbers) > _LISTED else ""
    return f"class{'es' if len(numbers) > 1 else ''} {listed}{more}"
