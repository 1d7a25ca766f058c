"""Which classes were taken for which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from impls.training.metrics import Counts
from reports import format as text
from reports import tables, templates
from reports.evaluation.context import Learned, share
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow

MOST_CLASSES = 30
"""A matrix of more is left out: nobody reads it."""
_MOST_CONFUSIONS = 10


@dataclass(frozen=True)
class Square:
    """One cell of a matrix: two lines of text, and how strong its tint is."""

    first: str
    second: str
    kind: str
    heat: float
    value: int


@dataclass(frozen=True)
class Matrix:
    """A matrix ready to be drawn; ``folded`` ones open on demand."""

    caption: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Square, ...]], ...]
    folded: bool


def render(learned: Learned) -> Markup | Absence:
    """Matrices of the test and the training examples, and the most frequent confusions."""
    names = learned.data.class_names
    matrices, confusions = [], []
    for place, one in enumerate(learned.trained):
        for part, found in (("test", one.evaluation.test), ("training", one.evaluation.train)):
            caption = f"{one.name}, {found.matrix.sum()} {part} examples"
            folded = place > 0 or part == "training"
            if len(names) <= MOST_CLASSES:
                matrices.append(_matrix(caption, found.matrix, names, folded=folded))
        confusions.append(_confusions(one.name, one.evaluation.test.matrix, names))
    return templates.fill(
        "evaluation/sections/confusion.html",
        matrices=matrices,
        most=MOST_CLASSES,
        confusions=confusions,
    )


def _matrix(caption: str, counts: Counts, names: tuple[str, ...], *, folded: bool) -> Matrix:
    """Return the counts with their shares of the row."""
    totals = counts.sum(axis=1).tolist()
    worst = max(int((counts - np.diag(counts.diagonal())).max()), 1)
    rows = []
    for label, (name, row) in enumerate(zip(names, counts.tolist(), strict=True)):
        squares = []
        for place, count in enumerate(row):
            total, right = totals[label], place == label
            if not count:
                # Also where a class has no examples: there is nothing to take a share of.
                squares.append(Square("", "", "right" if right and total else "", 0.0, 0))
                continue
            second, kind, most = (
                (f"{count}/{total}", "right", total) if right else (str(count), "wrong", worst)
            )
            percent = f"{100 * count / total:.1f} %"
            squares.append(Square(percent, second, kind, round(count / most, 3), count))
        rows.append((name, tuple(squares)))
    return Matrix(caption, names, tuple(rows), folded)


def _confusions(name: str, counts: Counts, names: tuple[str, ...]) -> Table:
    """Return the pairs that were confused most often."""
    missed = counts - np.diag(counts.diagonal())
    order = np.argsort(missed, axis=None, kind="stable")[::-1][:_MOST_CONFUSIONS]
    rows = []
    for true, predicted in zip(*np.unravel_index(order, missed.shape), strict=True):
        count = int(missed[true, predicted])
        if count:
            part = count / int(counts[true].sum())
            cells = (TableCell(names[true]), TableCell(names[predicted]), tables.whole(count))
            rows.append(TableRow((*cells, TableCell(share(part), part))))
    shown = text.count(len(rows), "pair") if rows else "no pair"
    caption = f"{name}: the {shown} confused most often, test examples"
    titles = ("True", "Predicted", "Examples", "Share of the true class")
    return Table(caption, tables.columns(*titles, text_columns=2), tuple(rows))


SECTION = Section("confusion", "Confusion matrix", 40, render)
