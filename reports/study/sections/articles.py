"""The articles' study of the penalty beside this one."""

from __future__ import annotations

import itertools

from markupsafe import Markup

from impls.training.evaluation import Trained
from reports import tables, templates
from reports.evaluation.published import LAYERS
from reports.evaluation.summary import share
from reports.section import Absence, Section
from reports.study.context import Studied
from reports.study.published import EPOCHS, L2, SETTINGS, Published
from reports.tables import Cell, Row, Table


def render(studied: Studied) -> Markup | Absence:
    """A row for every value that the articles have as well."""
    model = studied.learned.first.model
    dense = not model.network.convolutions
    same = dense and model.network.layers == LAYERS and model.source.name == "mnist"
    if studied.parameter != "l2" or not same:
        return Absence("The articles studied the factor l2 of their network's penalty on MNIST.")
    ours = {one.model.training.l2: one for one in studied.trained}
    rows = [_row(theirs, ours[theirs.l2]) for theirs in L2 if theirs.l2 in ours]
    if not rows:
        values = ", ".join(f"{one.l2:g}" for one in L2)
        return Absence(f"The articles studied other values of l2: {values}.")
    titles = (
        "l2", "Train, articles", "Train", "Test, articles", "Test", "Converged, articles",
        "Converged",
    )  # fmt: skip
    epochs = [one.model.epochs for one in studied.trained]
    return templates.fill(
        "study/sections/articles.html",
        table=Table(
            "Accuracies and the epoch of convergence", tables.columns(*titles), tuple(rows)
        ),
        settings=SETTINGS,
        fewer=max(epochs) if max(epochs) < EPOCHS else None,
        findings=_findings(studied),
    )


def _row(theirs: Published, ours: Trained) -> Row:
    converged = ours.model.history.converged
    return Row((
        Cell(f"{theirs.l2:g}"),
        Cell(share(theirs.train), theirs.train),
        Cell(share(ours.evaluation.train.accuracy), ours.evaluation.train.accuracy),
        Cell(share(theirs.test), theirs.test),
        Cell(share(ours.evaluation.test.accuracy), ours.evaluation.test.accuracy),
        Cell(f"near {theirs.converged}", theirs.converged),
        tables.word("not yet") if converged is None else Cell(str(converged), converged),
    ))  # fmt: skip


def _findings(studied: Studied) -> list[str]:
    """The two things the articles found, and whether they hold here."""
    by_factor = sorted(studied.trained, key=lambda one: one.model.training.l2)
    train = [one.evaluation.train.accuracy for one in by_factor]
    falls = all(one >= other for one, other in itertools.pairwise(train))
    best = studied.values[studied.best]
    return [
        f"Training accuracy falls as the factor grows; here {'as well' if falls else 'not'}.",
        f"Test accuracy is best at 0.2; here at {best}.",
    ]


SECTION = Section("articles", "Beside the articles", 30, render)
