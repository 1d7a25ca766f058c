"""Which classes were taken for which."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from impls.training.metrics import Counts
from reports import format as text
from reports import tables, templates
from reports.evaluation.context import Learned, share
from reports.section import Absence, Section
from reports.tables import Table, TableCell, TableRow

MOST_CLASSES = 30
"""A larger matrix is left out: it could not be read."""
_MOST_CONFUSIONS = 10


Square = tuple[str, str, str, float]
"""One cell of a matrix: two lines of text, its kind, and how strong its tint is."""


def render(learned: Learned) -> Markup | Absence:
    """Return matrices of test and training examples, and the most frequent confusions."""
    names = learned.data.class_names
    matrices, confusions = [], []
    for place, trained in enumerate(learned.trained):
        for part, predictions in (
            ("test", trained.evaluation.test),
            ("training", trained.evaluation.train),
        ):
            if len(names) <= MOST_CLASSES:
                caption = f"{trained.name}, {predictions.matrix.sum()} {part} examples"
                folded = place > 0 or part == "training"
                matrices.append((folded, caption, _squares(predictions.matrix)))
        confusions.append(_confusions(trained.name, trained.evaluation.test.matrix, names))
    return templates.fill(
        "evaluation/sections/confusion.html",
        names=names,
        matrices=matrices,
        most=MOST_CLASSES,
        confusions=confusions,
    )


def _squares(counts: Counts) -> list[list[Square]]:
    """Return the rows of a matrix: shares of the row, with the counts."""
    worst = max(int((counts - np.diag(counts.diagonal())).max()), 1)
    rows = []
    for label, row in enumerate(counts.tolist()):
        total = sum(row)
        squares: list[Square] = []
        for place, count in enumerate(row):
            percent = f"{100 * count / total:.1f} %" if count else ""
            if place == label and total:
                second = f"{count}/{total}" if count else ""
                squares.append((percent, second, "right", round(count / total, 3)))
            elif count:
                squares.append((percent, str(count), "wrong", round(count / worst, 3)))
            else:
                squares.append(("", "", "", 0.0))
        rows.append(squares)
    return rows


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
