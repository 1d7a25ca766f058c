"""Examples as pictures: hits and misses of one class, and some of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from reports import pictures, templates
from reports.evaluation.context import Learned
from reports.section import Absence, Section

_MOST_HITS = 50
_MOST_MISSES = 100
_NINE = 9

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Picture:
    """A test example: what it is, what it was taken for, and its place among all of them."""

    uri: str
    true: str
    predicted: str
    number: int


@dataclass(frozen=True)
class Panel:
    """Pictures under a heading; ``left_out`` says how many more there are."""

    title: str
    pictures: tuple[Picture, ...]
    left_out: int


def render(learned: Learned) -> Markup | Absence:
    """Panels of the first network's test examples."""
    if not pictures.are_pictures(learned.data.pixels_test):
        return Absence("The examples are no pictures.")
    labels, predicted = learned.data.labels_test, learned.first.evaluation.test.predicted
    of_class, taken = labels == learned.digit, predicted == learned.digit
    right = labels == predicted
    name = learned.class_name(learned.digit)
    panels = [
        _panel(learned, "True positives", of_class & taken, _MOST_HITS),
        _panel(learned, f"False positives: taken for {name}", taken & ~of_class, _MOST_MISSES),
        _panel(learned, f"False negatives: missed {name}", of_class & ~taken, _MOST_MISSES),
    ]
    return templates.fill(
        "evaluation/sections/digits.html",
        name=name,
        network=learned.first.name,
        several=len(learned.trained) > 1,
        panels=panels,
        nines=[
            _panel(learned, "Nine recognised", right, _NINE),
            _panel(learned, "Nine not recognised", ~right, _NINE),
        ],
    )


def _panel(learned: Learned, title: str, chosen: npt.NDArray[np.bool_], most: int) -> Panel:
    rows = np.flatnonzero(chosen)
    shown = tuple(_picture(learned, int(row)) for row in rows[:most])
    return Panel(f"{title} ({len(rows)})", shown, len(rows) - len(shown))


def _picture(learned: Learned, row: int) -> Picture:
    return Picture(
        uri=pictures.uri(learned.data.pixels_test[row]),
        true=learned.class_name(int(learned.data.labels_test[row])),
        predicted=learned.class_name(int(learned.first.evaluation.test.predicted[row])),
        number=row,
    )


SECTION = Section("digits", "Hits and misses", 60, render)
